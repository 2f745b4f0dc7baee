// SPDX-License-Identifier: Apache-2.0
import Storage

/// A block of the index on the way to a name.
private struct IndexStep {
  /// On the device.
  let block: UInt64
  /// Where in it the entries start.
  let start: Int
  /// The entry that the way goes through.
  let position: Int
  let count: Int
  let capacity: Int
  /// What that entry says, and the hash of the one behind it.
  let child: UInt32
  let nextHash: UInt32?
}

/// An entry of a block of names that is to be split.
private struct HashedEntry {
  let hash: UInt32
  let offset: Int
  let size: Int
}

extension Ext4FileSystem {
  /// The hash that a hashed directory uses; nil if it is not known here.
  private func hash(of walk: DirectoryWalk) throws(Ext4Error) -> DirectoryHash? {
    let slot = try directorySlot(try block(0, of: walk), walk)
    let version = cache.read(slot) { $0[DirectoryIndex.versionOffset] }
    return DirectoryHash(version: version, superblock)
  }

  /// Where a logical block of a directory is.
  private func block(_ logical: UInt32, of walk: DirectoryWalk) throws(Ext4Error) -> UInt64 {
    let run = try run(of: walk.directory, at: UInt64(logical))
    guard run.state == .data, UInt64(logical) < walk.end else { throw .corrupt("directory: index") }
    return run.physicalBlock
  }

  /// The way through the index to the block of names that a hash belongs to.
  private func indexPath(_ walk: DirectoryWalk, _ hash: UInt32) throws(Ext4Error) -> [IndexStep] {
    var path: [IndexStep] = []
    var logical: UInt32 = 0
    var levels: UInt8 = 0
    repeat {
      let block = try block(logical, of: walk)
      let slot = try directorySlot(block, walk)
      let start = path.isEmpty ? DirectoryIndex.rootStart : DirectoryIndex.nodeStart
      let capacity = DirectoryIndex.capacity(blockSize: blockSize, start: start, hasChecksums: hasChecksums)
      if path.isEmpty { levels = cache.read(slot) { $0[DirectoryIndex.levelsOffset] } }
      let step = cache.read(slot) { bytes -> IndexStep? in
        let count = bytes.indexCount(start)
        guard bytes.indexStart == start, bytes.littleEndian16(at: start) == UInt16(capacity), count > 0,
          count <= capacity
        else { return nil }
        let position = bytes.indexPosition(start, of: hash)
        return IndexStep(
          block: block, start: start, position: position, count: count, capacity: capacity,
          child: bytes.indexBlock(start, position),
          nextHash: position + 1 < count ? bytes.indexHash(start, position + 1) : nil)
      }
      guard let step, levels <= DirectoryIndex.maximumLevels else { throw .corrupt("directory: index") }
      logical = step.child
      path.append(step)
    } while path.count <= Int(levels)
    return path
  }

  /// Looks a name up through the index; `isKnown` is false if the index cannot be used.
  func findHashedEntry(
    _ name: Span<UInt8>, _ walk: DirectoryWalk
  ) throws(Ext4Error) -> (isKnown: Bool, entry: FoundEntry?) {
    guard let hash = try hash(of: walk)?.hash(name) else { return (false, nil) }
    var target = hash
    while true {
      let path = try indexPath(walk, target)
      guard let last = path.last else { return (true, nil) }
      if let found = try findEntry(name, inBlock: try block(last.child, of: walk), walk) { return (true, found) }
      // Names of the same hash may go on in the next block, whose entry then has the lowest bit set.
      let next = path.reversed().lazy.compactMap { $0.nextHash }.first
      guard let next, next == hash | 1, target != next else { return (true, nil) }
      target = next
    }
  }

  /// Adds a name to a hashed directory; it must not be there yet.
  func addHashedEntry(
    _ name: Span<UInt8>, inode: InodeNumber, type: UInt8, to directory: InodeNumber
  ) throws(Ext4Error) {
    let needed = DirectoryEntry.size(nameLength: name.count)
    let end = blockSize - (hasChecksums ? directoryTailSize : 0)
    while true {
      let walk = try walk(directory)
      guard let hash = try hash(of: walk) else { throw .unsupported("an unknown hash of directories") }
      let path = try indexPath(walk, hash.hash(name))
      guard let parent = path.last else { return }
      let slot = try directorySlot(try block(parent.child, of: walk), walk)
      if hasChecksums, !cache.read(slot, { $0.hasDirectoryTail }) { throw .corrupt("directory: index") }
      if let offset = cache.read(slot, { $0.findRoom(needed, end: end) }) {
        cache.modify(slot) { $0.insertEntry(offset, name, inode: inode, type: type) }
        return
      }
      if parent.count < parent.capacity {
        try splitLeaf(parent, walk, hash)
      } else if path.count == 1 {
        try deepenIndex(parent, walk)
      } else {
        try splitNode(parent, below: path[0], walk)
      }
    }
  }

  /// Gives a directory of one block an index, and moves its names to a second block. False if the block is not as
  /// usual.
  func makeHashed(_ directory: InodeNumber) throws(Ext4Error) -> Bool {
    let walk = try walk(directory)
    let old = try copy(of: try block(0, of: walk), walk)
    let names = old.span.entries { _ in 0 }
    let parent = old.span.littleEndian32(at: 12)
    guard names.count > 2, names[0].offset == 0, names[1].offset == 12, names[1].size == 12 else { return false }
    let hasTail = hasChecksums
    let version = superblock.hashVersion
    let new = try appendBlock(to: directory, walk)
    cache.modify(new) { $0.makeDirectoryBlock(names[2...], from: old.span, hasTail: hasTail) }
    let slot = try directorySlot(try block(0, of: walk), walk)
    cache.modify(slot) {
      $0.makeIndexRoot(
        directory: directory, parent: parent, version: version, hasChecksums: hasTail)
      $0.setIndexEntry(DirectoryIndex.rootStart, 0, hash: 0, block: UInt32(walk.end))
      $0.setIndexCount(DirectoryIndex.rootStart, 1)
    }
    try modifyInode(directory) { (bytes: inout MutableSpan<UInt8>) in
      bytes.store32(bytes.span.inodeFlags | InodeFlag.indexedDirectory, at: InodeField.flags)
    }
    return true
  }

  private func copy(of block: UInt64, _ walk: DirectoryWalk) throws(Ext4Error) -> [UInt8] {
    let slot = try directorySlot(block, walk)
    return cache.read(slot) { bytes in
      var copy = [UInt8](repeating: 0, count: bytes.count)
      var target = copy.mutableSpan
      target.copy(bytes)
      return copy
    }
  }

  /// Moves the half of a block's names with the higher hashes to a new one. The index has room for that.
  private func splitLeaf(_ parent: IndexStep, _ walk: DirectoryWalk, _ hash: DirectoryHash) throws(Ext4Error) {
    let block = try block(parent.child, of: walk)
    let old = try copy(of: block, walk)
    let unsorted = old.span.entries { hash.hash($0) }
    guard unsorted.count > 1 else { throw .corrupt("directory: index") }
    var order: [Int] = []
    for index in unsorted.indices { order.append(index) }
    sortIndices(&order) { unsorted[$0].hash < unsorted[$1].hash }
    var names: [HashedEntry] = []
    for index in order { names.append(unsorted[index]) }
    var split = names.count
    var size = 0
    while split > 1, size + names[split - 1].size / 2 <= blockSize / 2 {
      split -= 1
      size += names[split].size
    }
    if split == names.count { split -= 1 }

    let hasTail = hasChecksums
    let new = try appendBlock(to: walk.directory, walk)
    cache.modify(new) { $0.makeDirectoryBlock(names[split...], from: old.span, hasTail: hasTail) }
    let slot = try directorySlot(block, walk)
    cache.modify(slot) { $0.makeDirectoryBlock(names[..<split], from: old.span, hasTail: hasTail) }
    // The lowest bit says that names of this hash are in the block before, too.
    let isContinued: UInt32 = names[split].hash == names[split - 1].hash ? 1 : 0
    let parentSlot = try directorySlot(parent.block, walk)
    cache.modify(parentSlot) {
      $0.insertIndexEntry(
        parent.start, parent.position + 1, hash: names[split].hash | isContinued, block: UInt32(walk.end))
    }
  }

  /// Moves the root's entries to a block of their own, one level further down.
  private func deepenIndex(_ root: IndexStep, _ walk: DirectoryWalk) throws(Ext4Error) {
    let old = try copy(of: root.block, walk)
    try addNode(walk, from: old, root.start, root.count)
    let slot = try directorySlot(root.block, walk)
    cache.modify(slot) {
      $0.setIndexCount(root.start, 1)
      $0.setIndexEntry(root.start, 0, hash: 0, block: UInt32(walk.end))
      $0[DirectoryIndex.levelsOffset] = 1
    }
  }

  /// Moves the second half of a full block of the index to a new one.
  private func splitNode(_ full: IndexStep, below root: IndexStep, _ walk: DirectoryWalk) throws(Ext4Error) {
    guard root.count < root.capacity else { throw .noSpace }
    let old = try copy(of: full.block, walk)
    let half = full.count / 2
    try addNode(walk, from: old, full.start + 8 * half, full.count - half)
    let slot = try directorySlot(full.block, walk)
    cache.modify(slot) { $0.setIndexCount(full.start, half) }
    let rootSlot = try directorySlot(root.block, walk)
    cache.modify(rootSlot) {
      $0.insertIndexEntry(
        root.start, root.position + 1, hash: old.span.indexHash(full.start, half), block: UInt32(walk.end))
    }
  }

  /// Adds a block with some of another one's entries to the index.
  private func addNode(
    _ walk: DirectoryWalk, from old: [UInt8], _ offset: Int, _ count: Int
  ) throws(Ext4Error) {
    let hasChecksums = hasChecksums
    let slot = try appendBlock(to: walk.directory, walk)
    cache.modify(slot) {
      let start = DirectoryIndex.nodeStart
      $0.makeIndexNode(hasChecksums: hasChecksums)
      $0.copy(old.span.extracting((offset + 4)..<(offset + 8 * count)), to: start + 4)
      $0.setIndexCount(start, count)
    }
  }
}

extension Span where Element == UInt8 {
  /// The entries in use of a directory's block.
  fileprivate func entries(_ hash: (Span<UInt8>) -> UInt32) -> [HashedEntry] {
    var result: [HashedEntry] = []
    var offset = 0
    while offset < count {
      if entryInode(offset) != 0 {
        let length = entryNameLength(offset)
        let start = offset + DirectoryEntry.headerSize
        result.append(
          HashedEntry(
            hash: hash(extracting(start..<(start + length))), offset: offset,
            size: DirectoryEntry.size(nameLength: length)))
      }
      offset += entryLength(offset)
    }
    return result
  }
}

extension MutableSpan where Element == UInt8 {
  /// Makes a block of the given entries of another one, which fit.
  fileprivate mutating func makeDirectoryBlock(
    _ entries: ArraySlice<HashedEntry>, from source: Span<UInt8>, hasTail: Bool
  ) {
    makeEmptyDirectoryBlock(hasTail: hasTail)
    let end = span.entryLength(0)
    var offset = 0
    var last = 0
    for entry in entries {
      copy(source.extracting(entry.offset..<(entry.offset + entry.size)), to: offset)
      setEntryLength(offset, entry.size)
      last = offset
      offset += entry.size
    }
    setEntryLength(last, end - last)
  }
}
