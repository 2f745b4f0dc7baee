// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// What a new file system is to be like.
public struct FormatParameters: Sendable {
  /// How many inodes there are to be, at least; nil for one for every 16 KiB.
  public var inodeCount: UInt32?
  /// The file system's identifier.
  public var identifier: [16 of UInt8] = .init(repeating: 0)
  /// What Linux hashes names with, if it ever makes hashed directories here.
  public var hashSeed: [16 of UInt8] = .init(repeating: 0)
  /// The label: at most 16 bytes, the rest is cut.
  public var label: [UInt8] = []
  /// When the file system was made, in seconds from 1970; also the times of its first directories.
  public var creationTime: UInt32 = 0
  /// Permission bits of the root directory.
  public var rootMode: UInt16 = 0o755
  /// How many blocks the journal has: 0 for none, otherwise at least 1024; see `usualJournalBlocks`. A disk that is
  /// thrown away needs none.
  public var journalBlocks: UInt32 = 0
  /// Whether there is a directory `lost+found`, which e2fsck puts into a file system that it repairs.
  public var hasLostAndFound = true

  public init() {}

  /// The journal's size in blocks that mke2fs chooses for a file system of so many bytes; 0 if that is too small.
  public static func usualJournalBlocks(deviceSize: UInt64) -> UInt32 {
    let megabytes = deviceSize >> 20
    // Up to so many MiB (exclusively), and the journal's blocks of 4 KiB there.
    let sizes: [8 of (UInt64, UInt32)] = [
      (8, 0), (128, 1024), (1024, 4096), (2048, 8192), (16 << 10, 16384), (32 << 10, 32768), (64 << 10, 65536),
      (128 << 10, 131072),
    ]
    for index in sizes.indices where megabytes < sizes[index].0 { return sizes[index].1 }
    return 262144
  }
}

extension Ext4FileSystem {
  /// Makes an empty file system that fills the device: blocks of 4096 bytes, inodes of 256, extents, 64-bit
  /// block numbers, checksums over all metadata, nothing reserved, a journal if there is to be one.
  ///
  /// Writes only what differs from zero where the layout asks for content: a device that was not zero is fine,
  /// and a sparse file stays sparse. The same parameters and size give the same bytes.
  ///
  /// Throws `noSpace` if the device is too small, `invalid` if it is larger than 16 TiB or for more inodes than
  /// 2^32 or than 32768 for every 128 MiB.
  public static func format(_ device: Device, _ parameters: FormatParameters) throws(Ext4Error) {
    let layout = try FormatLayout(deviceSize: device.sizeInBytes, parameters)
    try layout.write(to: device)

    let fileSystem = try Ext4FileSystem(
      mounting: device, readOnly: false, usesJournal: false, metadataCacheBlocks: 64)
    fileSystem.currentTime = Timestamp(seconds: Int64(parameters.creationTime))
    try fileSystem.makeRootDirectory(mode: parameters.rootMode)
    if parameters.journalBlocks > 0 { try fileSystem.makeJournal(parameters) }
    if parameters.hasLostAndFound {
      let name = Array("lost+found".utf8)
      _ = try fileSystem.createDirectory(
        name: name.span, in: fileSystem.rootDirectory, attributes: NewInode(mode: 0o700))
    }
    try fileSystem.flush()
  }

  private func makeRootDirectory(mode: UInt16) throws(Ext4Error) {
    hasChanges = true
    // The reserved inodes before and after the root directory stay empty, but with checksums.
    for number in 1..<superblock.firstInode {
      let isRoot = number == rootDirectory
      try initializeInode(
        number, NewInode(mode: isRoot ? mode : 0), type: isRoot ? Mode.directory : 0, isFresh: true)
    }
    let slot = try appendBlock(to: rootDirectory, try walk(rootDirectory))
    let hasTail = hasChecksums
    let root = rootDirectory
    cache.modify(slot) { $0.makeFirstDirectoryBlock(directory: root, parent: root, hasTail: hasTail) }
    try setLinks(rootDirectory, 2)
  }

  /// Fills in the journal's inode, whose number the superblock has already.
  private func makeJournal(_ parameters: FormatParameters) throws(Ext4Error) {
    let inode = Self.journalInode
    let count = parameters.journalBlocks
    guard count >= JournalSuperblock.minimumBlockCount else { throw .invalid }
    try initializeInode(inode, NewInode(mode: 0o600), type: Mode.regular, isFresh: true)
    var first: UInt64 = 0
    var done: UInt32 = 0
    while done < count {
      let (start, got) = try allocateBlocks(wanted: UInt64(count - done), goal: 0)
      try insert(Extent(logical: done, count: UInt32(got), physical: start, isUnwritten: false), into: inode)
      try forgetOldJournal(start, got)
      if done == 0 { first = start }
      done += UInt32(got)
    }
    try chargeBlocks(inode, Int64(count))
    try setLinks(inode, 1)
    let size = UInt64(count) << blockShift
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setInodeSize(size) }
    let block = JournalSuperblock.make(
      blockSize: blockSize, blockCount: count, identifier: parameters.identifier)
    try writeDevice(first << blockShift, block.span)

    let root = try readInode(inode) { bytes in
      var copy = [UInt8](repeating: 0, count: InodeField.blockSize)
      var target = copy.mutableSpan
      target.copy(bytes.extracting(InodeField.block..<(InodeField.block + InodeField.blockSize)))
      return copy
    }
    superblock.setJournalBackup(root, size: size)
  }

  /// Makes blocks zero that look like those of a journal that was there before: a recovery could take them for
  /// its own.
  private func forgetOldJournal(_ start: UInt64, _ count: UInt64) throws(Ext4Error) {
    let zeros = [UInt8](repeating: 0, count: blockSize)
    var block = zeros
    for number in start..<(start + count) {
      try readDevice(number << blockShift, block.mutableSpan)
      if block.span.bigEndian32(at: 0) == journalMagic { try writeDevice(number << blockShift, zeros.span) }
    }
  }
}
