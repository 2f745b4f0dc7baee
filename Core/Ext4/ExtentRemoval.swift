// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Makes the logical blocks in the range a hole. With `freeing` their blocks are given back, otherwise they
  /// are the caller's. With `inSteps` a large part may take several transactions: see `pause`.
  func remove(
    _ range: Range<UInt64>, from inode: InodeNumber, freeing: Bool, inSteps: Bool = false
  ) throws(Ext4Error) {
    let areMetadata = try readInode(inode) { $0.inodeMode & Mode.typeMask != Mode.regular }
    var position = range.lowerBound
    while position < range.upperBound, let logical = UInt32(exactly: position) {
      if inSteps { try pause(inode) }
      let path = try path(of: inode, to: logical)
      guard let leaf = path.steps.last else { return }
      let found = try readNode(leaf.block, of: inode) { bytes -> (index: Int, extent: Extent)? in
        if leaf.index >= 0 {
          let extent = bytes.extent(leaf.index)
          if extent.end > position { return (leaf.index, extent) }
        }
        return leaf.index + 1 < leaf.count ? (leaf.index + 1, bytes.extent(leaf.index + 1)) : nil
      }
      guard let (index, extent) = found else {
        guard path.nextLeaf > position else { throw .corrupt("extent tree: order") }
        position = path.nextLeaf
        continue
      }
      guard UInt64(extent.logical) < range.upperBound else { return }
      let start = max(position, UInt64(extent.logical))
      var end = min(range.upperBound, extent.end)
      if areMetadata { end = min(end, start + UInt64(Journal.stepRevocations)) }
      try cut(extent, at: index, path, start..<end, of: inode)
      if freeing {
        let first = extent.physical + (start - UInt64(extent.logical))
        try freeBlocks(first, end - start, areMetadata: areMetadata)
        try chargeBlocks(inode, -Int64(end - start))
      }
      position = end
    }
    try shorten(inode)
  }

  /// Takes the blocks in the range out of one extent.
  private func cut(
    _ extent: Extent, at index: Int, _ path: ExtentPath, _ range: Range<UInt64>, of inode: InodeNumber
  ) throws(Ext4Error) {
    guard let leaf = path.steps.last else { return }
    let headCount = UInt32(range.lowerBound - UInt64(extent.logical))
    let tailCount = UInt32(extent.end - range.upperBound)
    if headCount == 0, tailCount == 0 {
      return try removeEntry(index, path, level: path.steps.count - 1, of: inode)
    }
    var tail = extent
    tail.logical = UInt32(truncatingIfNeeded: range.upperBound)
    tail.count = tailCount
    tail.physical += range.upperBound - UInt64(extent.logical)
    if headCount == 0 {
      try modifyNode(leaf.block, of: inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setExtent(index, tail) }
      if index == 0 { try setFirstKey(path, tail.logical, of: inode) }
      return
    }
    var head = extent
    head.count = headCount
    try modifyNode(leaf.block, of: inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setExtent(index, head) }
    guard tailCount > 0 else { return }
    do throws(Ext4Error) { try insert(tail, into: inode) } catch {
      // There is no room for the second part: put the first one back as it was. The leaf may have been split.
      let path = try self.path(of: inode, to: extent.logical)
      if let leaf = path.steps.last {
        try modifyNode(leaf.block, of: inode) { (bytes: inout MutableSpan<UInt8>) in
          bytes.setExtent(leaf.index, extent)
        }
      }
      throw error
    }
  }

  /// Removes an entry of a node on the way, and the node with it if it was the last one.
  private func removeEntry(
    _ index: Int, _ path: ExtentPath, level: Int, of inode: InodeNumber
  ) throws(Ext4Error) {
    let node = path.steps[level]
    if node.count == 1, level > 0 {
      try freeBlocks(node.block, 1, areMetadata: true)
      try chargeBlocks(inode, -1)
      return try removeEntry(path.steps[level - 1].index, path, level: level - 1, of: inode)
    }
    try modifyNode(node.block, of: inode) { (bytes: inout MutableSpan<UInt8>) in
      bytes.closeExtentEntry(index)
      // A root without entries is a leaf again.
      if node.count == 1 { bytes.setExtentDepth(0) }
    }
    guard index == 0, node.count > 1, level > 0 else { return }
    let key = try readNode(node.block, of: inode) { $0.extentKey(0) }
    var above = path
    above.steps.removeLast(path.steps.count - 1 - level)
    try setFirstKey(above, key, of: inode)
  }

  /// Pulls the only node below the root up into it as long as it fits: e2fsck calls other trees too deep.
  private func shorten(_ inode: InodeNumber) throws(Ext4Error) {
    while true {
      let (depth, count, child) = try readNode(0, of: inode) { bytes in
        (bytes.extentDepth, bytes.extentCount, bytes.extentDepth > 0 ? bytes.extentIndex(0).child : 0)
      }
      guard depth > 0, count == 1 else { return }
      let capacity = InodeField.blockSize / 12 - 1
      let (childCount, childDepth) = try readNode(child, of: inode) { ($0.extentCount, $0.extentDepth) }
      guard childDepth == depth - 1 else { throw .corrupt("extent tree: depth") }
      guard childCount <= capacity else { return }
      let entries = try readNode(child, of: inode) { bytes in
        var copy = [UInt8](repeating: 0, count: childCount * 12)
        var target = copy.mutableSpan
        target.copy(bytes.extracting(12..<(12 * (childCount + 1))))
        return copy
      }
      try modifyNode(0, of: inode) { (bytes: inout MutableSpan<UInt8>) in
        bytes.zero(0..<InodeField.blockSize)
        bytes.makeExtentNode(depth: childDepth)
        bytes.copy(entries.span, to: 12)
        bytes.setExtentCount(childCount)
      }
      try freeBlocks(child, 1, areMetadata: true)
      try chargeBlocks(inode, -1)
    }
  }
}
