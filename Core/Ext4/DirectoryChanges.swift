// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Adds an entry; the name must not be there yet.
  func addEntry(
    _ name: Span<UInt8>, inode: InodeNumber, type: UInt8, to directory: InodeNumber
  ) throws(Ext4Error) {
    let needed = DirectoryEntry.size(nameLength: name.count)
    let end = blockSize - (hasChecksums ? directoryTailSize : 0)
    var walk = try walk(directory)
    if walk.isHashed { return try addHashedEntry(name, inode: inode, type: type, to: directory) }
    while let block = try nextBlock(&walk) {
      let slot = try directorySlot(block, walk)
      guard let offset = cache.read(slot, { $0.findRoom(needed, end: end) }) else { continue }
      cache.modify(slot) { $0.insertEntry(offset, name, inode: inode, type: type) }
      return
    }
    if walk.end == 1, superblock.compatible & Feature.Compatible.directoryIndex != 0, try makeHashed(directory) {
      return try addHashedEntry(name, inode: inode, type: type, to: directory)
    }
    let slot = try appendBlock(to: directory, walk)
    let hasTail = hasChecksums
    cache.modify(slot) {
      $0.makeEmptyDirectoryBlock(hasTail: hasTail)
      $0.insertEntry(0, name, inode: inode, type: type)
    }
  }

  /// Adds a block to a directory, and returns its slot.
  func appendBlock(to directory: InodeNumber, _ walk: DirectoryWalk) throws(Ext4Error) -> Int {
    guard walk.end < (1 << 31) >> blockShift else { throw .noSpace }
    var goal: UInt64 = 0
    if walk.end > 0 {
      let last = try run(of: directory, at: walk.end - 1)
      if last.state == .data { goal = last.physicalBlock + 1 }
    }
    let block = try allocateBlocks(wanted: 1, goal: goal).start
    let extent = Extent(
      logical: UInt32(truncatingIfNeeded: walk.end), count: 1, physical: block, isUnwritten: false)
    do throws(Ext4Error) { try insert(extent, into: directory) } catch {
      try freeBlocks(block, 1, areMetadata: true)
      throw error
    }
    let size = (walk.end + 1) << blockShift
    try chargeBlocks(directory, 1)
    try modifyInode(directory) { (bytes: inout MutableSpan<UInt8>) in bytes.setInodeSize(size) }
    return try newSlot(for: block, .directory, seed: walk.seed)
  }

  /// Removes an entry that `findEntry` has found.
  func removeEntry(_ entry: FoundEntry, from directory: InodeNumber) throws(Ext4Error) {
    let slot = try directorySlot(entry.block, try walk(directory))
    cache.modify(slot) { $0.removeEntry(entry.offset, previous: entry.previous) }
  }

  /// Makes an entry that `findEntry` has found stand for another inode.
  func setEntry(
    _ entry: FoundEntry, inode: InodeNumber, type: UInt8, in directory: InodeNumber
  ) throws(Ext4Error) {
    let slot = try directorySlot(entry.block, try walk(directory))
    cache.modify(slot) { $0.setEntry(entry.offset, inode: inode, type: type) }
  }
}
