// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// The features that a superblock declares (the layout, "The Super Block").
enum Feature {
  enum Compatible {
    static let journal: UInt32 = 0x4
    static let extendedAttributes: UInt32 = 0x8
    static let directoryIndex: UInt32 = 0x20
    static let sparseSuper2: UInt32 = 0x200
  }
  enum Incompatible {
    static let fileType: UInt32 = 0x2
    static let needsRecovery: UInt32 = 0x4
    static let extents: UInt32 = 0x40
    static let is64Bit: UInt32 = 0x80
    static let flexibleGroups: UInt32 = 0x200
    static let checksumSeed: UInt32 = 0x2000
    static let supported = fileType | needsRecovery | extents | is64Bit | flexibleGroups | checksumSeed
  }
  enum ReadOnlyCompatible {
    static let sparseSuper: UInt32 = 0x1
    static let largeFile: UInt32 = 0x2
    static let hugeFile: UInt32 = 0x8
    static let groupChecksums: UInt32 = 0x10
    static let manyLinks: UInt32 = 0x20
    static let extraInodeSize: UInt32 = 0x40
    static let metadataChecksums: UInt32 = 0x400
    static let supported = sparseSuper | largeFile | hugeFile | manyLinks | extraInodeSize | metadataChecksums
  }
}

/// Offsets in the superblock.
enum SuperblockField {
  static let inodeCount = 0
  static let blockCountLow = 4
  static let reservedBlocksLow = 8
  static let freeBlocksLow = 12
  static let freeInodes = 16
  static let firstDataBlock = 20
  static let logBlockSize = 24
  static let logClusterSize = 28
  static let blocksPerGroup = 32
  static let clustersPerGroup = 36
  static let inodesPerGroup = 40
  static let writeTime = 48
  static let maximumMountCount = 54
  static let magic = 56
  static let state = 58
  static let errors = 60
  static let lastCheck = 64
  static let revision = 76
  static let firstInode = 84
  static let inodeSize = 88
  static let groupNumber = 90
  static let compatible = 92
  static let incompatible = 96
  static let readOnlyCompatible = 100
  static let identifier = 104
  static let label = 120
  static let reservedDescriptorBlocks = 206
  static let journalInode = 224
  static let lastOrphan = 232
  static let hashSeed = 236
  static let hashVersion = 252
  static let journalBackupType = 253
  static let descriptorSize = 254
  static let creationTime = 264
  static let journalBackup = 268
  static let blockCountHigh = 336
  static let reservedBlocksHigh = 340
  static let freeBlocksHigh = 344
  static let minimumExtraSize = 348
  static let wantedExtraSize = 350
  static let flags = 352
  static let checksumType = 373
  static let backupGroups = 0x24c
  static let checksumSeed = 0x270
  static let checksum = 0x3fc
}

/// A checked superblock: its geometry is safe to compute with.
struct Superblock {
  /// Where it is on the device, and how long, in bytes.
  static let offset: UInt64 = 1024
  static let size = 1024
  static let magic: UInt16 = 0xef53

  /// All 1024 bytes, to be written back with the fields that are not known here.
  var bytes: [UInt8]
  /// On the device it is torn.
  let isMended: Bool
  let blockSize: Int
  let blockCount: UInt64
  let firstDataBlock: UInt64
  let blocksPerGroup: UInt64
  let inodeCount: UInt32
  let inodesPerGroup: UInt32
  let inodeSize: Int
  let firstInode: UInt32
  let descriptorSize: Int
  let groupCount: UInt64
  /// Blocks kept after the group descriptors for growing the file system.
  let reservedDescriptorBlocks: UInt64
  let compatible: UInt32
  var incompatible: UInt32
  let readOnlyCompatible: UInt32
  let hasChecksums: Bool
  /// What every checksum of this file system starts from.
  let checksumSeed: UInt32
  let backupGroups: (UInt32, UInt32)
  var freeBlocks: UInt64
  var freeInodes: UInt32

  var hasJournal: Bool { compatible & Feature.Compatible.journal != 0 }
  /// Whether the journal may have to be replayed.
  var needsRecovery: Bool { incompatible & Feature.Incompatible.needsRecovery != 0 }
  var is64Bit: Bool { incompatible & Feature.Incompatible.is64Bit != 0 }
  /// Blocks that the inode table of a group takes.
  var inodeTableBlocks: UInt64 { UInt64(inodesPerGroup) * UInt64(inodeSize) / UInt64(blockSize) }
  /// Blocks that all group descriptors take.
  var descriptorBlocks: UInt64 {
    (groupCount * UInt64(descriptorSize) + UInt64(blockSize) - 1) / UInt64(blockSize)
  }

  /// Checks a superblock that lies on a device of `deviceSize` bytes. With `isBeforeRecovery` a wrong checksum is
  /// left to the journal, which has a whole copy if it is because a power cut has torn the last write.
  init(_ stored: [UInt8], deviceSize: UInt64, isBeforeRecovery: Bool = false) throws(Ext4Error) {
    guard stored.count == Self.size, stored.span.littleEndian16(at: SuperblockField.magic) == Self.magic
    else { throw .corrupt("no ext4 file system") }
    let (raw, isWhole) = Self.mended(stored)
    isMended = raw[SuperblockField.incompatible] != stored[SuperblockField.incompatible]
    let bytes = raw.span
    compatible = bytes.littleEndian32(at: SuperblockField.compatible)
    incompatible = bytes.littleEndian32(at: SuperblockField.incompatible)
    readOnlyCompatible = bytes.littleEndian32(at: SuperblockField.readOnlyCompatible)
    hasChecksums = readOnlyCompatible & Feature.ReadOnlyCompatible.metadataChecksums != 0
    if hasChecksums {
      guard bytes[SuperblockField.checksumType] == 1 else { throw .unsupported("a checksum other than CRC32C") }
      guard isWhole || isBeforeRecovery && incompatible & Feature.Incompatible.needsRecovery != 0
      else { throw .corrupt("superblock: checksum") }
    }
    guard bytes.littleEndian32(at: SuperblockField.revision) == 1 else { throw .unsupported("superblock revision") }
    try Self.checkIncompatible(incompatible)
    guard
      compatible & Feature.Compatible.journal != 0 || incompatible & Feature.Incompatible.needsRecovery == 0
    else { throw .corrupt("superblock: recovery without a journal") }
    guard readOnlyCompatible & 0x200 == 0 else { throw .unsupported("clusters (bigalloc)") }

    checksumSeed =
      incompatible & Feature.Incompatible.checksumSeed != 0
      ? bytes.littleEndian32(at: SuperblockField.checksumSeed)
      : crc32c(~0, bytes.extracting(SuperblockField.identifier..<(SuperblockField.identifier + 16)))

    let logBlockSize = bytes.littleEndian32(at: SuperblockField.logBlockSize)
    guard logBlockSize <= 2 else { throw .unsupported("blocks larger than 4096 bytes") }
    blockSize = 1024 << Int(logBlockSize)
    firstDataBlock = UInt64(bytes.littleEndian32(at: SuperblockField.firstDataBlock))
    guard firstDataBlock == (blockSize == 1024 ? 1 : 0) else { throw .corrupt("superblock: first data block") }

    let wide = incompatible & Feature.Incompatible.is64Bit != 0
    blockCount =
      UInt64(bytes.littleEndian32(at: SuperblockField.blockCountLow))
      | (wide ? UInt64(bytes.littleEndian32(at: SuperblockField.blockCountHigh)) << 32 : 0)
    guard blockCount > firstDataBlock, blockCount <= deviceSize / UInt64(blockSize)
    else { throw .corrupt("superblock: more blocks than the device has") }

    let bitsPerBlock = UInt64(blockSize * 8)
    blocksPerGroup = UInt64(bytes.littleEndian32(at: SuperblockField.blocksPerGroup))
    guard blocksPerGroup >= 256, blocksPerGroup <= bitsPerBlock, blocksPerGroup % 8 == 0
    else { throw .corrupt("superblock: blocks per group") }
    groupCount = (blockCount - firstDataBlock + blocksPerGroup - 1) / blocksPerGroup

    inodeSize = Int(bytes.littleEndian16(at: SuperblockField.inodeSize))
    guard inodeSize >= 128, inodeSize <= blockSize, inodeSize & (inodeSize - 1) == 0
    else { throw .corrupt("superblock: inode size") }
    inodesPerGroup = bytes.littleEndian32(at: SuperblockField.inodesPerGroup)
    inodeCount = bytes.littleEndian32(at: SuperblockField.inodeCount)
    guard inodesPerGroup >= UInt32(blockSize / inodeSize), UInt64(inodesPerGroup) <= bitsPerBlock,
      inodesPerGroup % 8 == 0, Int(inodesPerGroup) % (blockSize / inodeSize) == 0,
      UInt64(inodesPerGroup) * groupCount == UInt64(inodeCount)
    else { throw .corrupt("superblock: inodes per group") }
    firstInode = bytes.littleEndian32(at: SuperblockField.firstInode)
    guard firstInode >= 11, firstInode <= inodeCount else { throw .corrupt("superblock: first inode") }

    descriptorSize = wide ? Int(bytes.littleEndian16(at: SuperblockField.descriptorSize)) : 32
    guard descriptorSize >= (wide ? 64 : 32), descriptorSize <= blockSize, descriptorSize & (descriptorSize - 1) == 0
    else { throw .corrupt("superblock: descriptor size") }
    reservedDescriptorBlocks = UInt64(bytes.littleEndian16(at: SuperblockField.reservedDescriptorBlocks))
    let descriptorsPerBlock = UInt64(blockSize / descriptorSize)
    let descriptorBlocks = (groupCount + descriptorsPerBlock - 1) / descriptorsPerBlock
    guard firstDataBlock + 1 + descriptorBlocks < blockCount, reservedDescriptorBlocks <= UInt64(blockSize / 4)
    else { throw .corrupt("superblock: group descriptors") }

    backupGroups = (
      bytes.littleEndian32(at: SuperblockField.backupGroups),
      bytes.littleEndian32(at: SuperblockField.backupGroups + 4)
    )
    freeBlocks =
      UInt64(bytes.littleEndian32(at: SuperblockField.freeBlocksLow))
      | (wide ? UInt64(bytes.littleEndian32(at: SuperblockField.freeBlocksHigh)) << 32 : 0)
    freeInodes = bytes.littleEndian32(at: SuperblockField.freeInodes)
    guard freeBlocks <= blockCount, freeInodes <= inodeCount else { throw .corrupt("superblock: free counts") }
    self.bytes = raw
  }

  /// A superblock whose checksum is right, or gets right if "needs recovery" is the other way round: that flag is
  /// changed by itself, and stands in another sector than the checksum.
  private static func mended(_ raw: [UInt8]) -> (bytes: [UInt8], isWhole: Bool) {
    if raw.span.superblockChecksumMatches { return (raw, true) }
    var toggled = raw
    toggled[SuperblockField.incompatible] ^= UInt8(Feature.Incompatible.needsRecovery)
    return toggled.span.superblockChecksumMatches ? (toggled, true) : (raw, false)
  }

  private static func checkIncompatible(_ features: UInt32) throws(Ext4Error) {
    guard features & Feature.Incompatible.extents != 0
    else { throw .unsupported("a file system without extents (ext2, ext3)") }
    guard features & Feature.Incompatible.fileType != 0
    else { throw .unsupported("directory entries without file types") }
    let unknown = features & ~Feature.Incompatible.supported
    guard unknown != 0 else { return }
    switch unknown & (~unknown &+ 1) {
    case 0x1: throw .unsupported("compression")
    case 0x8: throw .unsupported("a journal device")
    case 0x10: throw .unsupported("meta block groups (meta_bg)")
    case 0x100: throw .unsupported("multiple mount protection (mmp)")
    case 0x400: throw .unsupported("attributes in inodes of their own (ea_inode)")
    case 0x1000: throw .unsupported("data in directory entries (dirdata)")
    case 0x4000: throw .unsupported("large directories (large_dir)")
    case 0x8000: throw .unsupported("data in inodes (inline_data)")
    case 0x1_0000: throw .unsupported("encryption")
    case 0x2_0000: throw .unsupported("case-insensitive names (casefold)")
    default: throw .unsupported("an unknown incompatible feature")
    }
  }

  /// Whether the features allow changes. Throws `unsupported` with the feature's name.
  func checkWritable() throws(Ext4Error) {
    let unknown = readOnlyCompatible & ~Feature.ReadOnlyCompatible.supported
    guard unknown != 0 else { return }
    switch unknown & (~unknown &+ 1) {
    case 0x10: throw .unsupported("writing with CRC16 group checksums (uninit_bg)")
    case 0x100: throw .unsupported("writing with quotas")
    case 0x1000: throw .unsupported("writing to a file system that is marked read-only")
    case 0x2000: throw .unsupported("writing with project quotas")
    case 0x4000: throw .unsupported("writing with shared blocks")
    case 0x8000: throw .unsupported("writing with verity")
    case 0x1_0000: throw .unsupported("writing with an orphan file that is in use")
    default: throw .unsupported("writing with an unknown read-only compatible feature")
    }
  }

  /// How new directories hash names; half MD4 if the superblock says what is not known.
  var hashVersion: UInt8 { bytes[SuperblockField.hashVersion] <= 2 ? bytes[SuperblockField.hashVersion] : 1 }
  /// What hashes of names start from.
  var hashSeed: [4 of UInt32] {
    let span = bytes.span
    var seed: [4 of UInt32] = .init(repeating: 0)
    for index in 0..<4 { seed[index] = span.littleEndian32(at: SuperblockField.hashSeed + 4 * index) }
    return seed
  }
  /// Names are hashed as on processors whose characters have no sign.
  var hashesUnsignedCharacters: Bool { bytes.span.littleEndian32(at: SuperblockField.flags) & 2 != 0 }

  /// Puts counters, features and checksum into `bytes`.
  mutating func seal() {
    let (freeBlocks, freeInodes, is64Bit, hasChecksums) = (freeBlocks, freeInodes, is64Bit, hasChecksums)
    let incompatible = incompatible
    var span = bytes.mutableSpan
    span.store32(UInt32(truncatingIfNeeded: freeBlocks), at: SuperblockField.freeBlocksLow)
    if is64Bit { span.store32(UInt32(truncatingIfNeeded: freeBlocks >> 32), at: SuperblockField.freeBlocksHigh) }
    span.store32(freeInodes, at: SuperblockField.freeInodes)
    span.store32(incompatible, at: SuperblockField.incompatible)
    if hasChecksums { span.sealSuperblock() }
  }

  /// 0 if the journal is on another device.
  var journalInode: UInt32 { bytes.span.littleEndian32(at: SuperblockField.journalInode) }

  /// The first inode of the orphan list; 0 if it is empty.
  var lastOrphan: UInt32 {
    get { bytes.span.littleEndian32(at: SuperblockField.lastOrphan) }
    set {
      var span = bytes.mutableSpan
      span.store32(newValue, at: SuperblockField.lastOrphan)
    }
  }

  /// Stores a copy of where the journal is and of its size, for e2fsck.
  mutating func setJournalBackup(_ extents: [UInt8], size: UInt64) {
    var span = bytes.mutableSpan
    span[SuperblockField.journalBackupType] = 1
    span.copy(extents.span, to: SuperblockField.journalBackup)
    span.store32(UInt32(truncatingIfNeeded: size >> 32), at: SuperblockField.journalBackup + 60)
    span.store32(UInt32(truncatingIfNeeded: size), at: SuperblockField.journalBackup + 64)
  }

  // MARK: Groups

  /// The first block of a group.
  func firstBlock(ofGroup group: UInt64) -> UInt64 { firstDataBlock + group * blocksPerGroup }

  /// How many blocks a group has; the last may have fewer than the others.
  func blockCount(ofGroup group: UInt64) -> UInt64 { min(blocksPerGroup, blockCount - firstBlock(ofGroup: group)) }

  /// Whether a group starts with a copy of the superblock and the group descriptors.
  func hasSuperblockCopy(_ group: UInt64) -> Bool {
    if group == 0 { return true }
    if compatible & Feature.Compatible.sparseSuper2 != 0 {
      return group == UInt64(backupGroups.0) || group == UInt64(backupGroups.1)
    }
    if group == 1 || readOnlyCompatible & Feature.ReadOnlyCompatible.sparseSuper == 0 { return true }
    return Self.isPower(group, of: 3) || Self.isPower(group, of: 5) || Self.isPower(group, of: 7)
  }

  private static func isPower(_ number: UInt64, of base: UInt64) -> Bool {
    var rest = number
    while rest % base == 0 { rest /= base }
    return rest == 1
  }
}

extension Span where Element == UInt8 {
  fileprivate var superblockChecksumMatches: Bool {
    crc32c(~0, extracting(first: SuperblockField.checksum)) == littleEndian32(at: SuperblockField.checksum)
  }
}

extension MutableSpan where Element == UInt8 {
  mutating func sealSuperblock() {
    store32(crc32c(~0, span.extracting(first: SuperblockField.checksum)), at: SuperblockField.checksum)
  }
}
