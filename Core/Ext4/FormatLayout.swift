// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// Where everything is in a new file system.
struct FormatLayout {
  static let blockSize = 4096
  static let blocksPerGroup: UInt64 = 32768
  static let inodeSize = 256
  static let descriptorSize = 64
  static let firstInode: UInt32 = 11

  let parameters: FormatParameters
  let superblock: Superblock

  init(deviceSize: UInt64, _ parameters: FormatParameters) throws(Ext4Error) {
    self.parameters = parameters
    let blockSize = UInt64(Self.blockSize)
    var blockCount = deviceSize / blockSize
    // 16 TiB: beyond that the group descriptors outgrow their place in the first group.
    guard blockCount <= 1 << 32 else { throw .invalid }
    // A last group that would hold little but its own metadata is left out, as mke2fs does.
    while true {
      let groupCount = (blockCount + Self.blocksPerGroup - 1) / Self.blocksPerGroup
      guard groupCount > 0 else { throw .noSpace }
      let inodesPerGroup = try Self.inodesPerGroup(parameters, blockCount, groupCount)
      var raw = Self.rawSuperblock(parameters, blockCount: blockCount, groupCount, inodesPerGroup)
      Self.seal(&raw)
      let superblock = try Superblock(raw, deviceSize: deviceSize)
      let last = groupCount - 1
      let overhead = Self.overhead(superblock, last)
      if superblock.blockCount(ofGroup: last) >= overhead + (last == 0 ? 4 : 50) {
        self.superblock = superblock
        return
      }
      guard last > 0 else { throw .noSpace }
      blockCount = last * Self.blocksPerGroup
    }
  }

  /// How many inodes every group has: whole blocks of them.
  private static func inodesPerGroup(
    _ parameters: FormatParameters, _ blockCount: UInt64, _ groupCount: UInt64
  ) throws(Ext4Error) -> UInt64 {
    let wanted = max(UInt64(parameters.inodeCount ?? UInt32(clamping: blockCount / 4)), UInt64(firstInode) + 1)
    let perBlock = UInt64(blockSize / inodeSize)
    let perGroup = ((wanted + groupCount - 1) / groupCount + perBlock - 1) / perBlock * perBlock
    guard perGroup <= UInt64(blockSize * 8), perGroup * groupCount <= UInt64(UInt32.max) else { throw .invalid }
    return perGroup
  }

  /// How many blocks of a group its own metadata takes.
  private static func overhead(_ superblock: Superblock, _ group: UInt64) -> UInt64 {
    let copies = superblock.hasSuperblockCopy(group) ? 1 + superblock.descriptorBlocks : 0
    return copies + 2 + superblock.inodeTableBlocks
  }

  private static func rawSuperblock(
    _ parameters: FormatParameters, blockCount: UInt64, _ groupCount: UInt64, _ inodesPerGroup: UInt64
  ) -> [UInt8] {
    var raw = [UInt8](repeating: 0, count: Superblock.size)
    var bytes = raw.mutableSpan
    bytes.store32(UInt32(truncatingIfNeeded: inodesPerGroup * groupCount), at: SuperblockField.inodeCount)
    bytes.store32(UInt32(truncatingIfNeeded: blockCount), at: SuperblockField.blockCountLow)
    bytes.store32(UInt32(truncatingIfNeeded: blockCount >> 32), at: SuperblockField.blockCountHigh)
    bytes.store32(2, at: SuperblockField.logBlockSize)
    bytes.store32(2, at: SuperblockField.logClusterSize)
    bytes.store32(UInt32(blocksPerGroup), at: SuperblockField.blocksPerGroup)
    bytes.store32(UInt32(blocksPerGroup), at: SuperblockField.clustersPerGroup)
    bytes.store32(UInt32(truncatingIfNeeded: inodesPerGroup), at: SuperblockField.inodesPerGroup)
    bytes.store32(parameters.creationTime, at: SuperblockField.writeTime)
    bytes.store16(0xffff, at: SuperblockField.maximumMountCount)
    bytes.store16(Superblock.magic, at: SuperblockField.magic)
    bytes.store16(1, at: SuperblockField.state)  // Cleanly unmounted.
    bytes.store16(1, at: SuperblockField.errors)  // Carry on.
    bytes.store32(parameters.creationTime, at: SuperblockField.lastCheck)
    bytes.store32(1, at: SuperblockField.revision)
    bytes.store32(firstInode, at: SuperblockField.firstInode)
    bytes.store16(UInt16(inodeSize), at: SuperblockField.inodeSize)
    let hasJournal = parameters.journalBlocks > 0
    bytes.store32(
      Feature.Compatible.extendedAttributes | Feature.Compatible.directoryIndex
        | (hasJournal ? Feature.Compatible.journal : 0), at: SuperblockField.compatible)
    if hasJournal { bytes.store32(8, at: SuperblockField.journalInode) }
    bytes.store32(
      Feature.Incompatible.fileType | Feature.Incompatible.extents | Feature.Incompatible.is64Bit,
      at: SuperblockField.incompatible)
    bytes.store32(Feature.ReadOnlyCompatible.supported, at: SuperblockField.readOnlyCompatible)
    bytes.copy(parameters.identifier.span, to: SuperblockField.identifier)
    bytes.copy(parameters.label.span.extracting(first: 16), to: SuperblockField.label)
    bytes.copy(parameters.hashSeed.span, to: SuperblockField.hashSeed)
    bytes[SuperblockField.hashVersion] = 1  // Half MD4.
    bytes.store16(UInt16(descriptorSize), at: SuperblockField.descriptorSize)
    bytes.store32(parameters.creationTime, at: SuperblockField.creationTime)
    bytes.store16(UInt16(InodeField.wantedExtraSize), at: SuperblockField.minimumExtraSize)
    bytes.store16(UInt16(InodeField.wantedExtraSize), at: SuperblockField.wantedExtraSize)
    bytes.store32(1, at: SuperblockField.flags)  // Names are hashed as signed characters, as on x86.
    bytes[SuperblockField.checksumType] = 1  // CRC32C.
    return raw
  }

  private static func seal(_ raw: inout [UInt8]) {
    var bytes = raw.mutableSpan
    bytes.store32(crc32c(~0, bytes.span.extracting(first: SuperblockField.checksum)), at: SuperblockField.checksum)
  }

  // MARK: Writing

  /// Writes superblocks, group descriptors, and the bitmaps of the first and the last group. The other groups
  /// are marked as not initialised: their bitmaps are made when they are first used.
  func write<Device: BlockDevice>(to device: Device) throws(Ext4Error) {
    var freeBlocks: UInt64 = 0
    var descriptors = [UInt8](repeating: 0, count: Int(superblock.descriptorBlocks) * Self.blockSize)
    var bitmaps: [(block: UInt64, bytes: [UInt8])] = []
    for group in 0..<superblock.groupCount {
      let (descriptor, made) = descriptor(group)
      bitmaps += made
      freeBlocks += UInt64(descriptor.freeBlocks)
      let offset = Int(group) * Self.descriptorSize
      var bytes = descriptors.mutableSpan
      var part = bytes.part(offset..<(offset + Self.descriptorSize))
      descriptor.encode(into: &part)
      part.store16(
        GroupDescriptor.checksum(part.span, group: group, seed: superblock.checksumSeed),
        at: DescriptorField.checksum)
    }

    var sealed = superblock
    sealed.freeBlocks = freeBlocks
    sealed.freeInodes = superblock.inodeCount - (Self.firstInode - 1)
    do throws(StorageError) {
      for bitmap in bitmaps { try device.write(at: bitmap.block * UInt64(Self.blockSize), from: bitmap.bytes.span) }
      for group in 0..<superblock.groupCount where superblock.hasSuperblockCopy(group) {
        sealed.bytes.withGroupNumber(UInt16(truncatingIfNeeded: group))
        sealed.seal()
        let start = superblock.firstBlock(ofGroup: group) * UInt64(Self.blockSize)
        // The boot sector before the primary copy is not ours, but what is there could be taken for another
        // file system.
        let before = [UInt8](repeating: 0, count: group == 0 ? Int(Superblock.offset) : 0)
        let padding = [UInt8](repeating: 0, count: Self.blockSize - Superblock.size - before.count)
        try device.write(at: start, from: (before + sealed.bytes + padding + descriptors).span)
      }
    } catch { throw .storage(error) }
  }

  /// The descriptor of a group, and the bitmaps that it needs.
  private func descriptor(_ group: UInt64) -> (GroupDescriptor, [(block: UInt64, bytes: [UInt8])]) {
    let first = superblock.firstBlock(ofGroup: group)
    let blocks = superblock.blockCount(ofGroup: group)
    let overhead = Self.overhead(superblock, group)
    var descriptor = GroupDescriptor([UInt8](repeating: 0, count: Self.descriptorSize).span)
    descriptor.inodeTable = first + overhead - superblock.inodeTableBlocks
    descriptor.inodeBitmap = descriptor.inodeTable - 1
    descriptor.blockBitmap = descriptor.inodeTable - 2
    descriptor.freeBlocks = UInt32(blocks - overhead)
    descriptor.freeInodes = superblock.inodesPerGroup
    descriptor.unusedInodes = superblock.inodesPerGroup
    descriptor.flags = GroupFlag.inodesUninitialized | GroupFlag.blocksUninitialized
    var bitmaps: [(block: UInt64, bytes: [UInt8])] = []
    if group == 0 || group == superblock.groupCount - 1 {
      let bitmap = Self.bitmap(used: Int(overhead), of: Int(blocks))
      descriptor.flags &= ~GroupFlag.blocksUninitialized
      descriptor.blockBitmapChecksum = crc32c(superblock.checksumSeed, bitmap.span)
      bitmaps.append((descriptor.blockBitmap, bitmap))
    }
    if group == 0 {
      let reserved = Self.firstInode - 1
      let bitmap = Self.bitmap(used: Int(reserved), of: Int(superblock.inodesPerGroup))
      descriptor.flags &= ~GroupFlag.inodesUninitialized
      descriptor.freeInodes -= reserved
      descriptor.unusedInodes -= reserved
      descriptor.directories = 1
      descriptor.inodeBitmapChecksum = crc32c(
        superblock.checksumSeed, bitmap.span.extracting(first: Int(superblock.inodesPerGroup) / 8))
      bitmaps.append((descriptor.inodeBitmap, bitmap))
    }
    return (descriptor, bitmaps)
  }

  /// A bitmap in which the first bits are in use, and those that stand for nothing are set.
  private static func bitmap(used: Int, of count: Int) -> [UInt8] {
    var bitmap = [UInt8](repeating: 0, count: blockSize)
    var bytes = bitmap.mutableSpan
    _ = bytes.setBits(0..<used, true)
    _ = bytes.setBits(count..<(blockSize * 8), true)
    return bitmap
  }
}

extension [UInt8] {
  /// Notes in a superblock which group it is in.
  fileprivate mutating func withGroupNumber(_ group: UInt16) {
    var bytes = mutableSpan
    bytes.store16(group, at: SuperblockField.groupNumber)
  }
}
