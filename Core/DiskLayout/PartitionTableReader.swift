// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

extension PartitionTable {
  /// Reads the table of `device`: the primary copy, or the backup at the end of the device if the primary is
  /// damaged. The error is the primary copy's, unless only that one was not there at all.
  public init<Device: BlockDevice>(reading device: Device) throws(PartitionTableError) {
    let lastBlock = device.sizeInBytes / Self.blockSize &- 1
    guard device.sizeInBytes / Self.blockSize >= 3 else { throw .notPartitioned }
    let primaryError: PartitionTableError
    do throws(PartitionTableError) {
      self = try Self.read(device, headerBlock: 1, lastBlock: lastBlock)
      return
    } catch {
      primaryError = error
    }
    do throws(PartitionTableError) {
      self = try Self.read(device, headerBlock: lastBlock, lastBlock: lastBlock)
    } catch {
      throw primaryError == .notPartitioned ? error : primaryError
    }
  }

  private static func read<Device: BlockDevice>(
    _ device: Device, headerBlock: UInt64, lastBlock: UInt64
  ) throws(PartitionTableError) -> PartitionTable {
    let sector = try readBlock(device, headerBlock, count: Int(blockSize))
    let header = try Header(sector, at: headerBlock, lastBlock: lastBlock)
    var buffer = try readBlock(device, header.entriesBlock, count: header.entriesSizeOnDisk)
    buffer.removeLast(buffer.count - header.entriesSize)
    guard crc32(buffer.span) == header.entriesChecksum else { throw .checksumMismatch }

    var partitions: [Partition] = []
    for offset in stride(from: 0, to: header.entriesSize, by: header.entrySize) {
      if let partition = try header.partition(buffer.span.extracting(offset..<(offset + entrySize))) {
        partitions.append(partition)
      }
    }
    try refuseOverlap(partitions)
    return PartitionTable(diskIdentifier: header.diskIdentifier, partitions: partitions)
  }

  private static func readBlock<Device: BlockDevice>(
    _ device: Device, _ block: UInt64, count: Int
  ) throws(PartitionTableError) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    do throws(StorageError) {
      var span = buffer.mutableSpan
      try device.read(at: block * blockSize, into: &span)
    } catch { throw .storage(error) }
    return buffer
  }

  static func refuseOverlap(_ partitions: [Partition]) throws(PartitionTableError) {
    for (index, one) in partitions.enumerated() {
      for other in partitions[..<index] where one.firstBlock <= other.lastBlock && other.firstBlock <= one.lastBlock {
        throw .overlappingPartitions
      }
    }
  }
}

/// The fields of a checked GPT header (UEFI 2.10 table 5-5).
private struct Header {
  /// No table in use has more; it bounds what a forged header can make us read.
  private static let maximumEntriesSize = 128 << 10

  let diskIdentifier: GUID
  let firstUsableBlock: UInt64
  let lastUsableBlock: UInt64
  let entriesBlock: UInt64
  let entrySize: Int
  let entriesSize: Int
  let entriesChecksum: UInt32

  /// The size of the entries rounded up to whole blocks, in bytes.
  var entriesSizeOnDisk: Int { (entriesSize + 511) / 512 * 512 }

  init(_ block: [UInt8], at headerBlock: UInt64, lastBlock: UInt64) throws(PartitionTableError) {
    var copy = block
    let bytes = block.span
    guard bytes.littleEndian64(at: 0) == headerSignature else { throw .notPartitioned }
    let size = Int(bytes.littleEndian32(at: 12))
    guard bytes.littleEndian32(at: 8) == headerRevision, size >= PartitionTable.headerSize, size <= block.count
    else { throw .unsupportedHeader }
    for index in 16..<20 { copy[index] = 0 }
    guard crc32(copy.span.extracting(first: size)) == bytes.littleEndian32(at: 16) else { throw .checksumMismatch }

    guard bytes.littleEndian64(at: 24) == headerBlock else { throw .invalidGeometry }
    firstUsableBlock = bytes.littleEndian64(at: 40)
    lastUsableBlock = bytes.littleEndian64(at: 48)
    diskIdentifier = GUID(bytes, at: 56)
    entriesBlock = bytes.littleEndian64(at: 72)
    entrySize = Int(bytes.littleEndian32(at: 84))
    let (entriesSize, overflow) = Int(bytes.littleEndian32(at: 80)).multipliedReportingOverflow(by: entrySize)
    entriesChecksum = bytes.littleEndian32(at: 88)
    guard !overflow, entrySize >= PartitionTable.entrySize, entrySize % 8 == 0, entriesSize <= Self.maximumEntriesSize
    else { throw .unsupportedHeader }
    self.entriesSize = entriesSize
    guard firstUsableBlock <= lastUsableBlock, lastUsableBlock <= lastBlock, entriesBlock <= lastBlock,
      UInt64(entriesSize) <= (lastBlock - entriesBlock + 1) * PartitionTable.blockSize
    else { throw .invalidGeometry }
  }

  /// The partition that an entry describes (UEFI 2.10 table 5-7); nil for an unused entry.
  func partition(_ entry: Span<UInt8>) throws(PartitionTableError) -> Partition? {
    let type = GUID(entry, at: 0)
    guard type != .zero else { return nil }
    let firstBlock = entry.littleEndian64(at: 32)
    let lastBlock = entry.littleEndian64(at: 40)
    guard firstBlock >= firstUsableBlock, firstBlock <= lastBlock, lastBlock <= lastUsableBlock
    else { throw .invalidGeometry }
    var name: [UInt16] = []
    for offset in stride(from: 56, to: 128, by: 2) {
      let unit = entry.littleEndian16(at: offset)
      if unit == 0 { break }
      name.append(unit)
    }
    return Partition(
      type: type, identifier: GUID(entry, at: 16), firstBlock: firstBlock, lastBlock: lastBlock,
      attributes: entry.littleEndian64(at: 48), name: name)
  }
}

/// "EFI PART".
let headerSignature: UInt64 = 0x5452_4150_2049_4645
/// Revision 1.0.
let headerRevision: UInt32 = 0x0001_0000
