// SPDX-License-Identifier: Apache-2.0
import Storage

/// A node of an extent tree: its slot in the cache and its bytes in there. Valid until the next use of the cache.
struct ExtentNodePlace {
  let slot: Int
  let range: Range<Int>
}

/// One step of the way from the root of an extent tree to a leaf.
struct ExtentStep {
  /// The node's block; 0 for the root, which is in the inode.
  let block: UInt64
  /// The entry that the way goes through. In a leaf the last one at or before the block looked for, or -1.
  var index: Int
  let count: Int
  let capacity: Int
  let depth: Int

  var isFull: Bool { count >= capacity }
}

/// The way to a leaf.
struct ExtentPath {
  var steps: [ExtentStep] = []
  /// Where the next leaf's extents start; 2^32 if this is the last.
  var nextLeaf: UInt64 = 1 << 32
}

extension Ext4FileSystem {
  /// Where the logical block of a file is, and for how many blocks that goes on.
  ///
  /// Beyond the end of the file there is a hole. A cache of pages reads blocks with data from the device
  /// itself: block n is at byte n times `blockSize`.
  public func extent(of inode: InodeNumber, at logicalBlock: UInt64) throws(Ext4Error) -> BlockRun {
    try checkHasExtents(inode)
    return try run(of: inode, at: logicalBlock)
  }

  func run(of inode: InodeNumber, at logicalBlock: UInt64) throws(Ext4Error) -> BlockRun {
    guard let logical = UInt32(exactly: logicalBlock) else {
      return BlockRun(state: .hole, physicalBlock: 0, count: max(1, UInt64.max - logicalBlock))
    }
    var node = try rootNode(inode)
    var end: UInt64 = 1 << 32
    var expectedDepth: Int?
    while true {
      let step = cache.read(node.slot) { Self.search($0.extracting(node.range), logical) }
      if let expectedDepth, step.depth != expectedDepth { throw .corrupt("extent tree: depth") }
      if let next = step.nextKey { end = min(end, UInt64(next)) }
      if step.depth == 0 { return Self.run(step, logical, end) }
      expectedDepth = step.depth - 1
      guard step.child != 0 else {
        return BlockRun(state: .hole, physicalBlock: 0, count: end - UInt64(logical))
      }
      node = try nodePlace(step.child, of: inode)
    }
  }

  private struct SearchResult {
    var depth: Int
    /// The entry behind the one that was found.
    var nextKey: UInt32?
    var child: UInt64 = 0
    var extent: Extent?
  }

  private static func search(_ bytes: Span<UInt8>, _ logical: UInt32) -> SearchResult {
    let position = bytes.extentPosition(of: logical)
    let nextKey = position &+ 1 < bytes.extentCount ? bytes.extentKey(position &+ 1) : nil
    var result = SearchResult(depth: bytes.extentDepth, nextKey: nextKey)
    guard position >= 0 else { return result }
    if result.depth == 0 {
      result.extent = bytes.extent(position)
    } else {
      result.child = bytes.extentIndex(position).child
    }
    return result
  }

  private static func run(_ found: SearchResult, _ logical: UInt32, _ end: UInt64) -> BlockRun {
    guard let extent = found.extent, UInt64(logical) < extent.end else {
      return BlockRun(state: .hole, physicalBlock: 0, count: end - UInt64(logical))
    }
    let distance = UInt64(logical - extent.logical)
    return BlockRun(
      state: extent.isUnwritten ? .unwritten : .data, physicalBlock: extent.physical + distance,
      count: min(UInt64(extent.count) - distance, end - UInt64(logical)))
  }

  func checkHasExtents(_ inode: InodeNumber) throws(Ext4Error) {
    let flags = try readInode(inode) { $0.inodeFlags }
    guard flags & InodeFlag.extents != 0 else { throw .unsupported("a file with block maps (ext2, ext3)") }
  }

  // MARK: Nodes

  func rootNode(_ inode: InodeNumber) throws(Ext4Error) -> ExtentNodePlace {
    let place = try checkedInodePlace(inode)
    let start = place.range.lowerBound + InodeField.block
    return ExtentNodePlace(slot: place.slot, range: start..<(start + InodeField.blockSize))
  }

  /// The place of the node in a block, checked.
  func nodePlace(_ block: UInt64, of inode: InodeNumber) throws(Ext4Error) -> ExtentNodePlace {
    let seed = try inodeSeed(inode)
    let slot = try slot(of: block)
    if try needsCheck(slot, .extentNode, seed: seed) {
      let geometry = geometry
      let hasChecksums = hasChecksums
      let isValid = cache.read(slot) {
        $0.isValidExtentNode(geometry) && $0.extentCount > 0 && (!hasChecksums || $0.extentChecksumMatches(seed: seed))
      }
      guard isValid else { throw .corrupt("extent tree: node") }
      setKind(slot, .extentNode, seed: seed)
    }
    return ExtentNodePlace(slot: slot, range: 0..<blockSize)
  }

  private func place(_ block: UInt64, of inode: InodeNumber) throws(Ext4Error) -> ExtentNodePlace {
    block == 0 ? try rootNode(inode) : try nodePlace(block, of: inode)
  }

  func readNode<Result>(
    _ block: UInt64, of inode: InodeNumber, _ body: (Span<UInt8>) -> Result
  ) throws(Ext4Error) -> Result {
    let place = try place(block, of: inode)
    return cache.read(place.slot) { body($0.extracting(place.range)) }
  }

  /// Changes a node; block 0 is the root.
  func modifyNode(
    _ block: UInt64, of inode: InodeNumber, _ body: (inout MutableSpan<UInt8>) -> Void
  ) throws(Ext4Error) {
    if block == 0 {
      try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in
        var root = bytes.part(InodeField.block..<(InodeField.block + InodeField.blockSize))
        body(&root)
      }
    } else {
      let place = try nodePlace(block, of: inode)
      cache.modify(place.slot) { (bytes: inout MutableSpan<UInt8>) in body(&bytes) }
    }
  }

  /// The way to the leaf in which a logical block is or would be.
  func path(of inode: InodeNumber, to logical: UInt32) throws(Ext4Error) -> ExtentPath {
    var path = ExtentPath()
    var block: UInt64 = 0
    while true {
      let current = block
      let (step, nextKey, child) = try readNode(block, of: inode) { bytes in
        let depth = bytes.extentDepth
        let found = bytes.extentPosition(of: logical)
        // What comes before the first extent belongs to the first leaf.
        let index = depth > 0 ? max(found, 0) : found
        return (
          ExtentStep(
            block: current, index: index, count: bytes.extentCount, capacity: bytes.extentCapacity, depth: depth),
          depth > 0 && index + 1 < bytes.extentCount ? bytes.extentKey(index + 1) : nil,
          depth > 0 ? bytes.extentIndex(index).child : 0
        )
      }
      if let last = path.steps.last, step.depth != last.depth - 1 { throw .corrupt("extent tree: depth") }
      path.steps.append(step)
      if let nextKey { path.nextLeaf = UInt64(nextKey) }
      if step.depth == 0 { return path }
      block = child
    }
  }
}
