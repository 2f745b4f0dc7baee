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
  /// Whether there is a directory `lost+found`, which e2fsck puts into a file system that it repairs.
  public var hasLostAndFound = true

  public init() {}
}

extension Ext4FileSystem {
  /// Makes an empty file system that fills the device: blocks of 4096 bytes, inodes of 256, extents, 64-bit
  /// block numbers, checksums over all metadata, no journal, nothing reserved.
  ///
  /// Writes only what differs from zero where the layout asks for content: a device that was not zero is fine,
  /// and a sparse file stays sparse. The same parameters and size give the same bytes.
  ///
  /// Throws `noSpace` if the device is too small, `invalid` if it is larger than 16 TiB or for more inodes than
  /// 2^32 or than 32768 for every 128 MiB.
  public static func format(_ device: Device, _ parameters: FormatParameters) throws(Ext4Error) {
    let layout = try FormatLayout(deviceSize: device.sizeInBytes, parameters)
    try layout.write(to: device)

    let fileSystem = try Ext4FileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 64)
    fileSystem.currentTime = Timestamp(seconds: Int64(parameters.creationTime))
    try fileSystem.makeRootDirectory(mode: parameters.rootMode)
    if parameters.hasLostAndFound {
      let name = Array("lost+found".utf8)
      _ = try fileSystem.createDirectory(
        name: name.span, in: fileSystem.rootDirectory, attributes: NewInode(mode: 0o700))
    }
    try fileSystem.flush()
  }

  private func makeRootDirectory(mode: UInt16) throws(Ext4Error) {
    try checkWritable()
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
}
