// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

// The journal's blocks on disk (the layout, "Journal (jbd2)"). All numbers are big-endian.

/// What kind of block a journal's block is.
enum JournalBlockType {
  /// The block numbers of the copies that follow.
  static let descriptor: UInt32 = 1
  /// The end of a transaction: with this block it counts.
  static let commit: UInt32 = 2
  static let superblockVersion1: UInt32 = 3
  static let superblock: UInt32 = 4
  /// Blocks whose copies in this and in earlier transactions no longer count.
  static let revoke: UInt32 = 5
}

enum JournalFeature {
  static let revoke: UInt32 = 0x1
  static let is64Bit: UInt32 = 0x2
  static let asynchronousCommit: UInt32 = 0x4
  static let checksumVersion2: UInt32 = 0x8
  static let checksumVersion3: UInt32 = 0x10
  static let fastCommit: UInt32 = 0x20
  static let known = revoke | is64Bit | asynchronousCommit | checksumVersion2 | checksumVersion3 | fastCommit
}

/// Offsets in the journal's superblock; those up to `sequence` are the header that all blocks have.
enum JournalField {
  static let magic = 0
  static let type = 4
  static let headerSequence = 8
  static let headerSize = 12
  static let blockSize = 12
  static let blockCount = 16
  static let first = 20
  static let sequence = 24
  static let start = 28
  static let error = 32
  static let compatible = 36
  static let incompatible = 40
  static let readOnlyCompatible = 44
  static let identifier = 48
  static let users = 64
  static let checksumType = 80
  static let fastCommitBlocks = 84
  static let checksum = 252
  static let size = 1024

  static let revokeByteCount = 12
  static let revokeEntries = 16

  static let commitChecksum = 16
  static let commitSeconds = 48
  static let commitNanoseconds = 56
}

enum JournalTagFlag {
  /// The copy would have started with the magic number, which was replaced by zero.
  static let escaped: UInt32 = 1
  /// No identifier of a file system follows the tag.
  static let sameIdentifier: UInt32 = 2
  static let last: UInt32 = 8
}

let journalMagic: UInt32 = 0xc03b_3998

extension Span where Element == UInt8 {
  func bigEndian32(at offset: Int) -> UInt32 { littleEndian32(at: offset).byteSwapped }

  /// Whether this is a journal's block of a transaction with that number.
  func isJournalBlock(sequence: UInt32) -> Bool {
    bigEndian32(at: JournalField.magic) == journalMagic && bigEndian32(at: JournalField.headerSequence) == sequence
  }

  /// CRC32C with four bytes taken as zero.
  func checksum(_ seed: UInt32, withoutField offset: Int) -> UInt32 {
    crc32c(crc32c(crc32c(seed, extracting(first: offset)), 0), extracting((offset + 4)..<count))
  }
}

extension MutableSpan where Element == UInt8 {
  mutating func storeBig32(_ number: UInt32, at offset: Int) { store32(number.byteSwapped, at: offset) }

  /// Makes an empty block of a transaction.
  mutating func makeJournalBlock(_ type: UInt32, sequence: UInt32) {
    update(repeating: 0)
    storeBig32(journalMagic, at: JournalField.magic)
    storeBig32(type, at: JournalField.type)
    storeBig32(sequence, at: JournalField.headerSequence)
  }
}

/// A tag: what the copy that it stands for is of.
struct JournalTag {
  var block: UInt64
  var flags: UInt32
  /// Of the copy; 16 bits of it with checksums of version 2, none without checksums.
  var checksum: UInt32
}

/// How descriptors and revocations are written, which depends on the journal's features.
struct JournalFormat {
  let blockSize: Int
  let is64Bit: Bool
  /// 0 (none), 2 or 3.
  let checksumVersion: Int
  /// What every checksum of this journal starts from.
  let seed: UInt32

  var tagSize: Int {
    if checksumVersion == 3 { return 16 }
    return 8 + (checksumVersion == 2 ? 2 : 0) + (is64Bit ? 4 : 0)
  }
  /// Descriptors and revocations end here; what follows is their checksum.
  var end: Int { blockSize - (checksumVersion > 0 ? 4 : 0) }
  var revocationSize: Int { is64Bit ? 8 : 4 }
  /// How many copies a descriptor can announce: one tag has an identifier behind it.
  var tagsPerDescriptor: Int { (end - JournalField.headerSize - 16) / tagSize }
  var revocationsPerBlock: Int { (end - JournalField.revokeEntries) / revocationSize }

  /// The checksum of a copy in the log.
  func checksum(ofCopy bytes: Span<UInt8>, sequence: UInt32) -> UInt32 {
    crc32c(crc32c(seed, sequence.byteSwapped), bytes)
  }

  func matches(_ tag: JournalTag, _ copy: Span<UInt8>, sequence: UInt32) -> Bool {
    let actual = checksum(ofCopy: copy, sequence: sequence)
    return checksumVersion == 3 ? actual == tag.checksum : actual & 0xffff == tag.checksum
  }

  /// Whether the checksum at the end of a descriptor or a revocation is right.
  func tailMatches(_ bytes: Span<UInt8>) -> Bool {
    checksumVersion == 0 || bytes.checksum(seed, withoutField: end) == bytes.bigEndian32(at: end)
  }

  func sealTail(_ bytes: inout MutableSpan<UInt8>) {
    if checksumVersion > 0 { bytes.storeBig32(bytes.span.checksum(seed, withoutField: end), at: end) }
  }

  func commitMatches(_ bytes: Span<UInt8>) -> Bool {
    checksumVersion == 0
      || bytes.checksum(seed, withoutField: JournalField.commitChecksum)
        == bytes.bigEndian32(at: JournalField.commitChecksum)
  }

  /// The tag at `offset`.
  func tag(_ bytes: Span<UInt8>, at offset: Int) -> JournalTag {
    var tag = JournalTag(block: UInt64(bytes.bigEndian32(at: offset)), flags: 0, checksum: 0)
    let word = bytes.bigEndian32(at: offset + 4)
    if checksumVersion == 3 {
      tag.flags = word
      tag.checksum = bytes.bigEndian32(at: offset + 12)
    } else {
      tag.flags = word & 0xffff
      tag.checksum = word >> 16
    }
    if is64Bit { tag.block |= UInt64(bytes.bigEndian32(at: offset + 8)) << 32 }
    return tag
  }

  func store(_ tag: JournalTag, _ bytes: inout MutableSpan<UInt8>, at offset: Int) {
    bytes.storeBig32(UInt32(truncatingIfNeeded: tag.block), at: offset)
    if checksumVersion == 3 {
      bytes.storeBig32(tag.flags, at: offset + 4)
      bytes.storeBig32(tag.checksum, at: offset + 12)
    } else {
      bytes.storeBig32(tag.flags & 0xffff | (checksumVersion == 2 ? tag.checksum << 16 : 0), at: offset + 4)
    }
    if is64Bit { bytes.storeBig32(UInt32(truncatingIfNeeded: tag.block >> 32), at: offset + 8) }
  }
}
