// SPDX-License-Identifier: Apache-2.0
import Storage

/// Why a partition table could not be read, made or written.
public enum PartitionTableError: Error, Equatable {
  /// The device reported an error.
  case storage(StorageError)
  /// Neither the primary nor the backup header has GPT's signature.
  case notPartitioned
  /// A header has a revision or size that is not GPT's.
  case unsupportedHeader
  /// Neither copy of the table has a matching checksum.
  case checksumMismatch
  /// The header's or an entry's block numbers contradict each other or the device's size.
  case invalidGeometry
  /// Two partitions share a block.
  case overlappingPartitions
  /// The device is too small for the partitions, or there are more than 128.
  case noSpace
  /// A partition's name is longer than 36 UTF-16 units.
  case nameTooLong
}

/// One partition: blocks of 512 bytes, first and last included.
public struct Partition: Equatable, Sendable {
  /// What it is for.
  public var type: GUID
  /// Which one it is, world-wide.
  public var identifier: GUID
  /// The first block.
  public var firstBlock: UInt64
  /// The last block; never before `firstBlock`.
  public var lastBlock: UInt64
  /// GPT's attribute bits (UEFI 2.10 table 5-8).
  public var attributes: UInt64 = 0
  /// The name in UTF-16, at most 36 units.
  public var name: [UInt16]

  /// Where the partition starts on the device, in bytes.
  public var startInBytes: UInt64 { firstBlock &* PartitionTable.blockSize }
  /// The partition's size in bytes.
  public var sizeInBytes: UInt64 { (lastBlock &- firstBlock &+ 1) &* PartitionTable.blockSize }
}

/// A GUID partition table (UEFI 2.10 §5.3) on a device with blocks of 512 bytes.
public struct PartitionTable: Equatable, Sendable {
  /// The size of a logical block, in bytes.
  public static let blockSize: UInt64 = 512
  /// Partitions start at multiples of this many bytes.
  public static let alignment: UInt64 = 1 << 20

  /// The disk's own identifier.
  public var diskIdentifier: GUID
  /// The partitions, in the order of their entries.
  public var partitions: [Partition]

  /// The first partition of that type, if any.
  public func partition(ofType type: GUID) -> Partition? {
    for partition in partitions where partition.type == type { return partition }
    return nil
  }

  // The layout that `write` makes: protective MBR, header, entries at both ends.
  static let entrySize = 128
  static let entryCount = 128
  static let headerSize = 92
  static let entryBlocks = UInt64(entryCount * entrySize) / blockSize
  /// Blocks before the first usable one: MBR, header, entries.
  static let leadingBlocks = 2 + entryBlocks
  /// Blocks after the last usable one: entries, header.
  static let trailingBlocks = 1 + entryBlocks
}

/// A partition that is wanted.
public struct PartitionRequest: Sendable {
  public var type: GUID
  public var name: [UInt16]
  public var sizeInBytes: UInt64

  /// A partition of at least `sizeInBytes` bytes (rounded up to whole blocks; at least one).
  public init(type: GUID, name: String, sizeInBytes: UInt64) {
    self.type = type
    self.name = Array(name.utf16)
    self.sizeInBytes = sizeInBytes
  }
}

extension PartitionTable {
  /// Places `requests` one after another at multiples of `alignment`. All identifiers depend only on `seed`.
  ///
  /// Throws `noSpace` for more than 128 partitions or sizes beyond 2^63, and `nameTooLong`.
  public init(placing requests: [PartitionRequest], seed: Span<UInt8>) throws(PartitionTableError) {
    guard requests.count <= Self.entryCount else { throw .noSpace }
    diskIdentifier = GUID(derivedFrom: seed, number: 0)
    partitions = []
    let alignmentBlocks = Self.alignment / Self.blockSize
    var next = alignmentBlocks
    for (index, request) in requests.enumerated() {
      guard request.name.count <= 36 else { throw .nameTooLong }
      guard request.sizeInBytes < 1 << 62, next < 1 << 54 else { throw .noSpace }
      let blocks = max(1, (request.sizeInBytes + Self.blockSize - 1) / Self.blockSize)
      partitions.append(
        Partition(
          type: request.type, identifier: GUID(derivedFrom: seed, number: UInt64(index) + 1),
          firstBlock: next, lastBlock: next + blocks - 1, name: request.name))
      next = (next + blocks + alignmentBlocks - 1) / alignmentBlocks * alignmentBlocks
    }
  }

  /// The size in bytes of the smallest device that holds the partitions; a multiple of `alignment`.
  public var minimumDeviceSize: UInt64 {
    var end = Self.leadingBlocks
    for partition in partitions { end = max(end, partition.lastBlock &+ 1) }
    let bytes = (end &+ Self.trailingBlocks) &* Self.blockSize
    return (bytes &+ Self.alignment &- 1) / Self.alignment &* Self.alignment
  }
}
