// SPDX-License-Identifier: Apache-2.0
import SystemPackage

/// How much room a tree takes as an ext4 file system. Every figure is an upper bound: what is too much is never written
/// and costs nothing in a sparse image.
struct RootFileSystemSize {
  private static let blockSize: UInt64 = 4096
  private static let blocksPerGroup: UInt64 = 32768
  private static let inodesPerBlock: UInt64 = 16
  /// An extent holds at most so many blocks; four fit the inode.
  private static let blocksPerExtent: UInt64 = 32768

  /// The sum of the sizes of all files.
  private(set) var contentBytes: UInt64 = 0
  private(set) var inodes: UInt32
  /// Of the whole file system; a multiple of the block size.
  private(set) var bytes: UInt64 = 0

  init(_ entries: [(path: FilePath, entry: FileTree.Entry)], freeBytes: UInt64) {
    var blocks: UInt64 = 0
    var directoryBytes: [FilePath: UInt64] = [:]
    for (path, entry) in entries {
      let name = UInt64(path.lastComponent?.bytes.count ?? 0)
      // Eight bytes and the name, in multiples of four. The blocks of a large directory are split in two when they are
      // full: each is at least half full, but for a part of an entry and the index.
      directoryBytes[path.removingLastComponent(), default: 0] += (8 + (name + 3) / 4 * 4) * 9 / 4
      if !entry.attributes.isEmpty { blocks += 1 }
      switch entry.kind {
      case .regular(let source):
        let fileBlocks = Self.blocks(source.size)
        contentBytes += source.size
        blocks += fileBlocks + (fileBlocks > 4 ? 1 + fileBlocks / Self.blocksPerExtent : 0)
      case .directory: blocks += 1
      case .symbolicLink: blocks += 1
      case .hardLink, .characterDevice, .blockDevice, .namedPipe: break
      }
    }
    blocks += directoryBytes.values.reduce(0) { $0 + Self.blocks($1) }
    blocks += Self.blocks(freeBytes)

    // One inode for every 16 KiB of free space, as mke2fs has it; `lost+found` and the reserved ones.
    let inodeCount = UInt64(entries.count) + freeBytes / 16384 + 64
    inodes = UInt32(clamping: inodeCount)
    // Each group has two bitmaps, its part of the inodes (rounded up), and perhaps a copy of the superblock and of the
    // descriptors, which hold 64 groups a block.
    var groups: UInt64 = 1
    while true {
      let descriptors = 1 + groups / 64 + 1
      let inodeBlocks = (inodeCount + groups - 1) / groups / Self.inodesPerBlock + 1
      let total = blocks + groups * (2 + descriptors + inodeBlocks) + 64
      let needed = (total + Self.blocksPerGroup - 1) / Self.blocksPerGroup
      if needed <= groups {
        bytes = total * Self.blockSize
        return
      }
      groups = needed
    }
  }

  private static func blocks(_ bytes: UInt64) -> UInt64 { (bytes + blockSize - 1) / blockSize }
}
