// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

extension PartitionTable {
  /// Writes protective MBR, both headers and both copies of the entries. Does not flush, and touches no block
  /// inside of a partition.
  ///
  /// Throws `invalidGeometry` or `overlappingPartitions` if the partitions are not what a reader would accept,
  /// `noSpace` if they do not fit between the two copies of the table, and what the device throws.
  public func write<Device: BlockDevice>(to device: Device) throws(PartitionTableError) {
    let blocks = device.sizeInBytes / Self.blockSize
    guard blocks >= Self.leadingBlocks + Self.trailingBlocks + 1, partitions.count <= Self.entryCount
    else { throw .noSpace }
    let usable = Self.leadingBlocks...(blocks - Self.trailingBlocks - 1)
    for partition in partitions {
      guard partition.firstBlock <= partition.lastBlock, partition.firstBlock >= usable.lowerBound
      else { throw .invalidGeometry }
      guard partition.lastBlock <= usable.upperBound else { throw .noSpace }
      guard partition.name.count <= 36 else { throw .nameTooLong }
    }
    try Self.refuseOverlap(partitions)

    let entries = encodedEntries()
    let checksum = crc32(entries.span)
    let primary = encodedHeader(at: 1, other: blocks - 1, entriesAt: 2, usable: usable, entriesChecksum: checksum)
    let backup = encodedHeader(
      at: blocks - 1, other: 1, entriesAt: blocks - Self.trailingBlocks, usable: usable, entriesChecksum: checksum)
    do throws(StorageError) {
      try device.write(at: 0, from: (Self.protectiveMBR(blocks: blocks) + primary + entries).span)
      try device.write(at: (blocks - Self.trailingBlocks) * Self.blockSize, from: (entries + backup).span)
    } catch { throw .storage(error) }
  }

  /// One MBR partition over the whole disk, so that tools that know no GPT leave it alone (UEFI 2.10 §5.2.3).
  private static func protectiveMBR(blocks: UInt64) -> [UInt8] {
    var sector = [UInt8](repeating: 0, count: Int(blockSize))
    var bytes = sector.mutableSpan
    bytes[447] = 0x00  // First block as cylinder, head, sector: 0, 0, 2.
    bytes[448] = 0x02
    bytes[449] = 0x00
    bytes[450] = 0xee  // GPT protective.
    bytes[451] = 0xff  // The last block cannot be expressed so.
    bytes[452] = 0xff
    bytes[453] = 0xff
    bytes.store32(1, at: 454)
    bytes.store32(UInt32(clamping: blocks - 1), at: 458)
    bytes[510] = 0x55
    bytes[511] = 0xaa
    return sector
  }

  private func encodedEntries() -> [UInt8] {
    var entries = [UInt8](repeating: 0, count: Self.entryCount * Self.entrySize)
    var bytes = entries.mutableSpan
    for (index, partition) in partitions.enumerated() {
      let offset = index * Self.entrySize
      partition.type.store(in: &bytes, at: offset)
      partition.identifier.store(in: &bytes, at: offset + 16)
      bytes.store64(partition.firstBlock, at: offset + 32)
      bytes.store64(partition.lastBlock, at: offset + 40)
      bytes.store64(partition.attributes, at: offset + 48)
      for (position, unit) in partition.name.enumerated() { bytes.store16(unit, at: offset + 56 + 2 * position) }
    }
    return entries
  }

  private func encodedHeader(
    at block: UInt64, other: UInt64, entriesAt entriesBlock: UInt64, usable: ClosedRange<UInt64>,
    entriesChecksum: UInt32
  ) -> [UInt8] {
    var sector = [UInt8](repeating: 0, count: Int(Self.blockSize))
    var bytes = sector.mutableSpan
    bytes.store64(headerSignature, at: 0)
    bytes.store32(headerRevision, at: 8)
    bytes.store32(UInt32(Self.headerSize), at: 12)
    bytes.store64(block, at: 24)
    bytes.store64(other, at: 32)
    bytes.store64(usable.lowerBound, at: 40)
    bytes.store64(usable.upperBound, at: 48)
    diskIdentifier.store(in: &bytes, at: 56)
    bytes.store64(entriesBlock, at: 72)
    bytes.store32(UInt32(Self.entryCount), at: 80)
    bytes.store32(UInt32(Self.entrySize), at: 84)
    bytes.store32(entriesChecksum, at: 88)
    bytes.store32(crc32(bytes.span.extracting(first: Self.headerSize)), at: 16)
    return sector
  }
}
