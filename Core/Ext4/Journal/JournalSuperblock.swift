// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// A checked superblock of a journal: the first block of the journal's file.
struct JournalSuperblock {
  /// The first 1024 bytes, to be written back with the fields that are not known here.
  private(set) var bytes: [UInt8]

  /// Linux's least number of blocks, which has room for transactions of a quarter of it.
  static let minimumBlockCount: UInt32 = 1024

  init(_ block: Span<UInt8>, blockSize: Int, fileBlocks: UInt64) throws(Ext4Error) {
    bytes = [UInt8](repeating: 0, count: JournalField.size)
    var copy = bytes.mutableSpan
    copy.copy(block.extracting(first: JournalField.size))
    let type = block.bigEndian32(at: JournalField.type)
    guard block.bigEndian32(at: JournalField.magic) == journalMagic,
      type == JournalBlockType.superblock || type == JournalBlockType.superblockVersion1
    else { throw .corrupt("journal: no superblock") }
    guard type == JournalBlockType.superblock else { throw .unsupported("a journal of version 1") }
    guard incompatible & ~JournalFeature.known == 0, block.bigEndian32(at: JournalField.readOnlyCompatible) == 0
    else { throw .unsupported("an unknown feature of the journal") }
    if hasChecksums {
      guard incompatible & JournalFeature.checksumVersion2 == 0 || incompatible & JournalFeature.checksumVersion3 == 0
      else { throw .corrupt("journal: two kinds of checksums") }
      guard block[JournalField.checksumType] == 4 else { throw .unsupported("a journal's checksum other than CRC32C") }
      guard checksum == block.bigEndian32(at: JournalField.checksum) else { throw .corrupt("journal: checksum") }
    }
    guard block.bigEndian32(at: JournalField.blockSize) == UInt32(blockSize),
      blockCount >= Self.minimumBlockCount, UInt64(blockCount) <= fileBlocks, first >= 1, fastCommitBlocks < blockCount,
      first < end, end - first >= Self.minimumBlockCount / 2, start == 0 || start >= first && start < end
    else { throw .corrupt("journal: geometry") }
    guard start == 0 || incompatible & JournalFeature.fastCommit == 0
    else { throw .unsupported("a journal with fast commits that needs recovery") }
    guard start == 0 || incompatible & JournalFeature.asynchronousCommit == 0
    else { throw .unsupported("a journal with asynchronous commits that needs recovery") }
  }

  private func field(_ offset: Int) -> UInt32 { bytes.span.bigEndian32(at: offset) }

  private mutating func set(_ offset: Int, _ value: UInt32) {
    var span = bytes.mutableSpan
    span.storeBig32(value, at: offset)
  }

  private var hasChecksums: Bool {
    incompatible & (JournalFeature.checksumVersion2 | JournalFeature.checksumVersion3) != 0
  }
  private var checksum: UInt32 { bytes.span.checksum(~0, withoutField: JournalField.checksum) }
  private var blockCount: UInt32 { field(JournalField.blockCount) }
  private var fastCommitBlocks: UInt32 {
    incompatible & JournalFeature.fastCommit == 0 ? 0 : field(JournalField.fastCommitBlocks)
  }

  var incompatible: UInt32 { field(JournalField.incompatible) }
  /// The log's first block and the one behind its last, in the journal's file.
  var first: UInt32 { field(JournalField.first) }
  var end: UInt32 { blockCount - fastCommitBlocks }
  /// Where the oldest transaction that counts starts; 0 if there is none.
  var start: UInt32 { field(JournalField.start) }
  /// The number of the transaction there, or of the next one.
  var sequence: UInt32 { field(JournalField.sequence) }

  func format(blockSize: Int) -> JournalFormat {
    let version =
      incompatible & JournalFeature.checksumVersion3 != 0
      ? 3 : incompatible & JournalFeature.checksumVersion2 != 0 ? 2 : 0
    return JournalFormat(
      blockSize: blockSize, is64Bit: incompatible & JournalFeature.is64Bit != 0, checksumVersion: version,
      seed: crc32c(~0, bytes.span.extracting(JournalField.identifier..<(JournalField.identifier + 16))))
  }

  /// Declares the features that are written here, of a log that is empty: among others Linux's checksums of
  /// version 1 and fast commits go.
  mutating func setFeatures(is64Bit: Bool, hasChecksums: Bool) {
    set(JournalField.compatible, 0)
    set(
      JournalField.incompatible,
      JournalFeature.revoke | (is64Bit ? JournalFeature.is64Bit : 0)
        | (hasChecksums ? JournalFeature.checksumVersion3 : 0))
    bytes[JournalField.checksumType] = hasChecksums ? 4 : 0
    set(JournalField.fastCommitBlocks, 0)
    seal()
  }

  /// Notes where the log starts (0: it is empty), and with which transaction.
  mutating func setStart(_ start: UInt32, sequence: UInt32) {
    set(JournalField.start, start)
    set(JournalField.sequence, sequence)
    seal()
  }

  /// Notes that the journal was given up, for an error of the device (EIO).
  mutating func setError() {
    set(JournalField.error, UInt32(bitPattern: -5))
    seal()
  }

  private mutating func seal() {
    set(JournalField.checksum, hasChecksums ? checksum : 0)
  }

  /// The superblock of a new, empty journal.
  static func make(blockSize: Int, blockCount: UInt32, identifier: [16 of UInt8]) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: blockSize)
    var bytes = block.mutableSpan
    bytes.makeJournalBlock(JournalBlockType.superblock, sequence: 0)
    bytes.storeBig32(UInt32(blockSize), at: JournalField.blockSize)
    bytes.storeBig32(blockCount, at: JournalField.blockCount)
    bytes.storeBig32(1, at: JournalField.first)
    bytes.storeBig32(1, at: JournalField.sequence)
    bytes.storeBig32(1, at: JournalField.users)
    bytes.copy(identifier.span, to: JournalField.identifier)
    return block
  }
}
