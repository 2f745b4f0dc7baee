// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// A run of blocks of a file (the layout, "Extent Tree").
struct Extent: Equatable {
  /// The longest run that an entry can express.
  static let maximumCount: UInt32 = 32768
  /// An unwritten one is shorter by one: the length's top bit is the mark.
  static let maximumUnwrittenCount: UInt32 = 32767

  var logical: UInt32
  var count: UInt32
  var physical: UInt64
  var isUnwritten: Bool

  /// The first logical block behind it; up to 2^32.
  var end: UInt64 { UInt64(logical) + UInt64(count) }
}

/// An entry of an inner node: the node with the extents from `logical` on.
struct ExtentIndex {
  var logical: UInt32
  var child: UInt64
}

/// What the block numbers of a file system can be.
struct Geometry {
  let firstBlock: UInt64
  let endBlock: UInt64

  func contains(_ start: UInt64, _ count: UInt64) -> Bool {
    start >= firstBlock && start < endBlock && count <= endBlock - start
  }
}

extension Ext4FileSystem {
  var geometry: Geometry {
    Geometry(firstBlock: superblock.firstDataBlock + 1, endBlock: superblock.blockCount)
  }
}

private let nodeMagic: UInt16 = 0xf30a
private let entrySize = 12
/// Linux's limit, which 2^32 blocks never reach.
let maximumExtentDepth = 5

// What follows works on the bytes of one node: the 60 bytes in an inode, or a whole block.

extension Span where Element == UInt8 {
  var extentCount: Int { Int(littleEndian16(at: 2)) }
  var extentCapacity: Int { Int(littleEndian16(at: 4)) }
  var extentDepth: Int { Int(littleEndian16(at: 6)) }

  func extent(_ index: Int) -> Extent {
    let offset = entrySize &* (index &+ 1)
    let length = UInt32(littleEndian16(at: offset &+ 4))
    let isUnwritten = length > Extent.maximumCount
    return Extent(
      logical: littleEndian32(at: offset), count: isUnwritten ? length &- Extent.maximumCount : length,
      physical: UInt64(littleEndian32(at: offset &+ 8)) | UInt64(littleEndian16(at: offset &+ 6)) << 32,
      isUnwritten: isUnwritten)
  }

  func extentIndex(_ index: Int) -> ExtentIndex {
    let offset = entrySize &* (index &+ 1)
    return ExtentIndex(
      logical: littleEndian32(at: offset),
      child: UInt64(littleEndian32(at: offset &+ 4)) | UInt64(littleEndian16(at: offset &+ 8)) << 32)
  }

  /// The first logical block of an entry of either kind.
  func extentKey(_ index: Int) -> UInt32 { littleEndian32(at: entrySize &* (index &+ 1)) }

  /// The last entry that starts at or before a logical block; -1 if there is none.
  func extentPosition(of logical: UInt32) -> Int {
    var low = 0
    var high = extentCount
    while low < high {
      let middle = (low &+ high) >> 1
      if extentKey(middle) <= logical { low = middle &+ 1 } else { high = middle }
    }
    return low &- 1
  }

  /// Whether header and entries make sense: afterwards all of the above is safe to use.
  func isValidExtentNode(_ geometry: Geometry) -> Bool {
    guard littleEndian16(at: 0) == nodeMagic, extentCount <= extentCapacity,
      extentCapacity <= count / entrySize - 1, extentCapacity > 0, extentDepth <= maximumExtentDepth,
      extentDepth == 0 || extentCount > 0
    else { return false }
    var next: UInt64 = 0
    for index in 0..<extentCount {
      guard UInt64(extentKey(index)) >= next else { return false }
      if extentDepth == 0 {
        let extent = extent(index)
        guard extent.count > 0, extent.end <= 1 << 32, geometry.contains(extent.physical, UInt64(extent.count))
        else { return false }
        next = extent.end
      } else {
        guard geometry.contains(extentIndex(index).child, 1) else { return false }
        next = UInt64(extentKey(index)) + 1
      }
    }
    return true
  }

  /// Where the checksum of a node in a block is: behind the last possible entry.
  private var extentChecksumOffset: Int { entrySize * (extentCapacity + 1) }

  func extentChecksumMatches(seed: UInt32) -> Bool {
    let offset = extentChecksumOffset
    guard offset + 4 <= count else { return false }
    return crc32c(seed, extracting(first: offset)) == littleEndian32(at: offset)
  }

  fileprivate func extentChecksum(seed: UInt32) -> (offset: Int, checksum: UInt32) {
    let offset = extentChecksumOffset
    return (offset, crc32c(seed, extracting(first: offset)))
  }
}

extension MutableSpan where Element == UInt8 {
  /// Makes an empty node that fills the span.
  mutating func makeExtentNode(depth: Int) {
    // The inode's 60 bytes have no checksum and 5 times 12 fit; in a block there is always room for one.
    let capacity = (count == InodeField.blockSize ? count : count - 4) / entrySize - 1
    store16(nodeMagic, at: 0)
    store16(0, at: 2)
    store16(UInt16(capacity), at: 4)
    store16(UInt16(depth), at: 6)
    store32(0, at: 8)
  }

  mutating func setExtentCount(_ count: Int) { store16(UInt16(truncatingIfNeeded: count), at: 2) }

  mutating func setExtentDepth(_ depth: Int) { store16(UInt16(truncatingIfNeeded: depth), at: 6) }

  mutating func setExtent(_ index: Int, _ extent: Extent) {
    let offset = entrySize &* (index &+ 1)
    let length = extent.isUnwritten ? extent.count &+ Extent.maximumCount : extent.count
    store32(extent.logical, at: offset)
    store16(UInt16(truncatingIfNeeded: length), at: offset &+ 4)
    store16(UInt16(truncatingIfNeeded: extent.physical >> 32), at: offset &+ 6)
    store32(UInt32(truncatingIfNeeded: extent.physical), at: offset &+ 8)
  }

  mutating func setExtentIndex(_ index: Int, _ entry: ExtentIndex) {
    let offset = entrySize &* (index &+ 1)
    store32(entry.logical, at: offset)
    store32(UInt32(truncatingIfNeeded: entry.child), at: offset &+ 4)
    store16(UInt16(truncatingIfNeeded: entry.child >> 32), at: offset &+ 8)
    store16(0, at: offset &+ 10)
  }

  mutating func setExtentKey(_ index: Int, _ logical: UInt32) { store32(logical, at: entrySize &* (index &+ 1)) }

  /// Makes room for an entry; the node must not be full.
  mutating func openExtentEntry(_ index: Int) {
    let entries = span.extentCount
    var position = entrySize &* (entries &+ 1) &- 4
    let first = entrySize &* (index &+ 1)
    while position >= first {
      store32(littleEndian32(at: position), at: position &+ entrySize)
      position &-= 4
    }
    setExtentCount(entries &+ 1)
  }

  /// Removes an entry.
  mutating func closeExtentEntry(_ index: Int) {
    let entries = span.extentCount
    var position = entrySize &* (index &+ 1)
    let end = entrySize &* entries
    while position < end {
      store32(littleEndian32(at: position &+ entrySize), at: position)
      position &+= 4
    }
    zero(end..<(end &+ entrySize))
    setExtentCount(entries &- 1)
  }

  mutating func sealExtentNode(seed: UInt32) {
    let (offset, checksum) = span.extentChecksum(seed: seed)
    store32(checksum, at: offset)
  }
}
