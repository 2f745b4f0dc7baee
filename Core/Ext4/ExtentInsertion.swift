// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Adds an extent over what is a hole now, and charges nothing: its blocks are the caller's.
  func insert(_ extent: Extent, into inode: InodeNumber) throws(Ext4Error) {
    while true {
      let path = try path(of: inode, to: extent.logical)
      guard let leaf = path.steps.last else { return }
      if try mergeIntoNeighbour(extent, leaf, of: inode) { return }
      if !leaf.isFull {
        try modifyNode(leaf.block, of: inode) { (bytes: inout MutableSpan<UInt8>) in
          bytes.openExtentEntry(leaf.index + 1)
          bytes.setExtent(leaf.index + 1, extent)
        }
        if leaf.index < 0 { try setFirstKey(path, extent.logical, of: inode) }
        return
      }
      try makeRoom(path, of: inode)
    }
  }

  /// Lengthens the extent before or the one behind, if the new one goes on in the same way.
  private func mergeIntoNeighbour(
    _ extent: Extent, _ leaf: ExtentStep, of inode: InodeNumber
  ) throws(Ext4Error) -> Bool {
    let limit = extent.isUnwritten ? Extent.maximumUnwrittenCount : Extent.maximumCount
    var merged: (index: Int, extent: Extent)?
    try readNode(leaf.block, of: inode) { bytes in
      if leaf.index >= 0 {
        let before = bytes.extent(leaf.index)
        if before.end == UInt64(extent.logical), before.physical + UInt64(before.count) == extent.physical,
          before.isUnwritten == extent.isUnwritten, before.count + extent.count <= limit
        {
          var longer = before
          longer.count += extent.count
          merged = (leaf.index, longer)
          return
        }
      }
      if leaf.index >= 0, leaf.index + 1 < bytes.extentCount {
        // The key of a leaf's first entry is known further up; only later ones may change here.
        let behind = bytes.extent(leaf.index + 1)
        if extent.end == UInt64(behind.logical), extent.physical + UInt64(extent.count) == behind.physical,
          behind.isUnwritten == extent.isUnwritten, behind.count + extent.count <= limit
        {
          var longer = extent
          longer.count += behind.count
          merged = (leaf.index + 1, longer)
        }
      }
    }
    guard let merged else { return false }
    try modifyNode(leaf.block, of: inode) { (bytes: inout MutableSpan<UInt8>) in
      bytes.setExtent(merged.index, merged.extent)
    }
    return true
  }

  /// Tells the nodes above a leaf that the first extent below them starts elsewhere.
  func setFirstKey(_ path: ExtentPath, _ logical: UInt32, of inode: InodeNumber) throws(Ext4Error) {
    for step in path.steps.dropLast().reversed() {
      try modifyNode(step.block, of: inode) { (bytes: inout MutableSpan<UInt8>) in
        bytes.setExtentKey(step.index, logical)
      }
      if step.index > 0 { return }
    }
  }

  /// Splits the topmost of the full nodes at the end of the way, so that there is room one level further down
  /// afterwards; if all are full, the tree becomes deeper first.
  private func makeRoom(_ path: ExtentPath, of inode: InodeNumber) throws(Ext4Error) {
    var level = path.steps.count - 1
    while level > 0, path.steps[level - 1].isFull { level -= 1 }
    if level == 0 {
      try deepen(path.steps[0], of: inode)
    } else {
      try split(path.steps[level], below: path.steps[level - 1], of: inode)
    }
  }

  /// Moves the root's entries into a block of their own.
  private func deepen(_ root: ExtentStep, of inode: InodeNumber) throws(Ext4Error) {
    guard root.depth < maximumExtentDepth else { throw .fileTooLarge }
    let block = try newNodeBlock(for: inode)
    var entries = try readNode(0, of: inode) { bytes in
      var copy = [UInt8](repeating: 0, count: InodeField.blockSize)
      var target = copy.mutableSpan
      target.copy(bytes)
      return copy
    }
    let firstKey = entries.span.extentKey(0)
    let node = try newNode(block, depth: root.depth, for: inode)
    cache.modify(node) { (bytes: inout MutableSpan<UInt8>) in
      bytes.copy(entries.span.extracting(12..<InodeField.blockSize), to: 12)
      bytes.setExtentCount(root.count)
    }
    entries.removeAll()
    try modifyNode(0, of: inode) { (bytes: inout MutableSpan<UInt8>) in
      bytes.zero(0..<InodeField.blockSize)
      bytes.makeExtentNode(depth: root.depth + 1)
      bytes.setExtentCount(1)
      bytes.setExtentIndex(0, ExtentIndex(logical: firstKey, child: block))
    }
  }

  /// Moves the second half of a full node into a new one; when a file grows at its end only the last entry, so
  /// that the nodes behind it stay full.
  private func split(_ full: ExtentStep, below parent: ExtentStep, of inode: InodeNumber) throws(Ext4Error) {
    let block = try newNodeBlock(for: inode)
    let keep = full.index >= full.count - 1 ? full.count - 1 : full.count / 2
    let moved = full.count - keep
    let entries = try readNode(full.block, of: inode) { bytes in
      var copy = [UInt8](repeating: 0, count: moved * 12)
      var target = copy.mutableSpan
      target.copy(bytes.extracting((12 * (keep + 1))..<(12 * (full.count + 1))))
      return copy
    }
    let firstKey = try readNode(full.block, of: inode) { $0.extentKey(keep) }
    let node = try newNode(block, depth: full.depth, for: inode)
    cache.modify(node) { (bytes: inout MutableSpan<UInt8>) in
      bytes.copy(entries.span, to: 12)
      bytes.setExtentCount(moved)
    }
    try modifyNode(full.block, of: inode) { (bytes: inout MutableSpan<UInt8>) in
      bytes.zero((12 * (keep + 1))..<(12 * (full.count + 1)))
      bytes.setExtentCount(keep)
    }
    try modifyNode(parent.block, of: inode) { (bytes: inout MutableSpan<UInt8>) in
      bytes.openExtentEntry(parent.index + 1)
      bytes.setExtentIndex(parent.index + 1, ExtentIndex(logical: firstKey, child: block))
    }
  }

  private func newNodeBlock(for inode: InodeNumber) throws(Ext4Error) -> UInt64 {
    let block = try allocateBlocks(wanted: 1, goal: 0).start
    try chargeBlocks(inode, 1)
    return block
  }

  private func newNode(_ block: UInt64, depth: Int, for inode: InodeNumber) throws(Ext4Error) -> Int {
    let slot = try newSlot(for: block, .extentNode, seed: inodeSeed(inode))
    cache.modify(slot) { (bytes: inout MutableSpan<UInt8>) in bytes.makeExtentNode(depth: depth) }
    return slot
  }
}
