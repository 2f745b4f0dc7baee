// SPDX-License-Identifier: Apache-2.0
import Storage

/// What `allocate` does to a range of a file (fallocate(2)).
public enum FileAllocation: Sendable {
  /// Blocks for all of it, which read as zeros where there were none; the file grows if it ends before.
  case reserve
  /// The same, but the file keeps its size: blocks may lie behind its end (FALLOC_FL_KEEP_SIZE).
  case reserveKeepingSize
  /// The range reads as zeros and takes no blocks (FALLOC_FL_PUNCH_HOLE); the size stays.
  case punchHole
  /// The range reads as zeros and has blocks (FALLOC_FL_ZERO_RANGE).
  case zero
  case zeroKeepingSize
  /// The range is cut out, and what is behind it moves up (FALLOC_FL_COLLAPSE_RANGE).
  case collapse
  /// Room is made for the range, and what was there moves back (FALLOC_FL_INSERT_RANGE).
  case insert
}

extension Ext4FileSystem {
  /// Changes the blocks of a range of a regular file, which must not be empty. It changes no times.
  ///
  /// Throws `invalid` for a `collapse` or `insert` that is not of whole blocks inside of the file, `fileTooLarge`, and
  /// `noSpace`, after which a part may be done. Moving ranges is no atomic change: a power cut can leave a part
  /// of the file moved.
  public func allocate(
    _ inode: InodeNumber, _ change: FileAllocation, at offset: UInt64, count: UInt64
  ) throws(Ext4Error) {
    guard !isReadOnly else { throw .readOnly }
    try checkIsRegular(inode)
    let (end, overflow) = offset.addingReportingOverflow(count)
    guard count > 0 else { throw .invalid }
    guard !overflow, end <= maximumFileSize else { throw .fileTooLarge }
    switch change {
    case .reserve: try reserve(inode, offset, end, growing: true)
    case .reserveKeepingSize: try reserve(inode, offset, end, growing: false)
    case .punchHole: try punch(inode, offset, end)
    case .zero, .zeroKeepingSize:
      try punch(inode, offset, end)
      try reserve(inode, offset, end, growing: change == .zero)
    case .collapse: try collapse(inode, offset, end)
    case .insert: try insertRange(inode, offset, count)
    }
  }

  private func reserve(
    _ inode: InodeNumber, _ offset: UInt64, _ end: UInt64, growing: Bool
  ) throws(Ext4Error) {
    var block = offset >> blockShift
    let endBlock = (end + UInt64(blockSize - 1)) >> blockShift
    while block < endBlock {
      let run = try run(of: inode, at: block)
      var count = min(run.count, endBlock - block)
      if run.state == .hole {
        do throws(Ext4Error) {
          count = try change { () throws(Ext4Error) in
            let got = try addUnwritten(inode, block, wanted: min(count, UInt64(Extent.maximumUnwrittenCount)))
            if growing { try grow(inode, to: min(end, (block + got) << blockShift)) }
            return got
          }
        } catch {
          if error == .noSpace, try commitFreedBlocks() { continue }
          throw error
        }
      }
      block += count
    }
    if growing { try change { () throws(Ext4Error) in try grow(inode, to: end) } }
  }

  /// Gives a part of a hole blocks, at least one, and returns how many.
  private func addUnwritten(_ inode: InodeNumber, _ block: UInt64, wanted: UInt64) throws(Ext4Error) -> UInt64 {
    let (start, got) = try allocateBlocks(wanted: wanted, goal: try goal(for: block, of: inode))
    let extent = Extent(
      logical: UInt32(truncatingIfNeeded: block), count: UInt32(got), physical: start, isUnwritten: true)
    do throws(Ext4Error) { try insert(extent, into: inode) } catch {
      try freeBlocks(start, got, areMetadata: false)
      throw error
    }
    try chargeBlocks(inode, Int64(got))
    return got
  }

  private func punch(_ inode: InodeNumber, _ offset: UInt64, _ end: UInt64) throws(Ext4Error) {
    let firstWhole = (offset + UInt64(blockSize - 1)) >> blockShift
    let endWhole = end >> blockShift
    try change { () throws(Ext4Error) in
      let mask = UInt64(blockSize - 1)
      if offset & mask != 0 {
        let stop = min(end, firstWhole << blockShift)
        try clear(inode, offset >> blockShift, Int(offset & mask)..<Int(stop - (offset & ~mask)))
      }
      if end & mask != 0, endWhole >= firstWhole { try clear(inode, endWhole, 0..<Int(end & mask)) }
    }
    if firstWhole < endWhole { try removeInSteps(firstWhole..<endWhole, from: inode) }
  }

  private func removeInSteps(_ range: Range<UInt64>, from inode: InodeNumber) throws(Ext4Error) {
    try change { () throws(Ext4Error) in
      try remove(range, from: inode, freeing: true, inSteps: true)
      if try readInode(inode, { $0.inodeLinks }) > 0 { try removeOrphan(inode) }
    }
  }

  // MARK: Moving ranges

  private func collapse(_ inode: InodeNumber, _ offset: UInt64, _ end: UInt64) throws(Ext4Error) {
    let size = try readInode(inode) { $0.inodeSizeInBytes }
    guard (offset | end) & UInt64(blockSize - 1) == 0, end < size else { throw .invalid }
    let distance = (end - offset) >> blockShift
    try removeInSteps(offset >> blockShift..<end >> blockShift, from: inode)
    var position = end >> blockShift
    while let extent = try firstExtent(of: inode, from: position) {
      try move(extent, of: inode, to: UInt64(extent.logical) - distance)
      position = extent.end
    }
    // Nothing that was written lies behind the new end now.
    try change { () throws(Ext4Error) in
      try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setInodeSize(size - (end - offset)) }
    }
  }

  private func insertRange(_ inode: InodeNumber, _ offset: UInt64, _ count: UInt64) throws(Ext4Error) {
    let size = try readInode(inode) { $0.inodeSizeInBytes }
    guard (offset | count) & UInt64(blockSize - 1) == 0, offset < size else { throw .invalid }
    guard size <= maximumFileSize - count else { throw .fileTooLarge }
    let first = offset >> blockShift
    // From the last blocks on, so that there is always a hole to move to.
    var limit: UInt64 = 1 << 32
    if let last = try lastExtent(of: inode, before: limit), last.end + count >> blockShift >= limit {
      throw .fileTooLarge
    }
    try change { () throws(Ext4Error) in try grow(inode, to: size + count) }
    while limit > first, var extent = try lastExtent(of: inode, before: limit), extent.end > first {
      limit = UInt64(extent.logical)
      if limit < first {
        let skipped = UInt32(first - limit)
        extent.logical += skipped
        extent.physical += UInt64(skipped)
        extent.count -= skipped
      }
      try move(extent, of: inode, to: UInt64(extent.logical) + count >> blockShift)
    }
  }

  /// The first blocks of a file at or behind a logical one.
  private func firstExtent(of inode: InodeNumber, from start: UInt64) throws(Ext4Error) -> Extent? {
    var position = start
    while let logical = UInt32(exactly: position) {
      let run = try run(of: inode, at: position)
      if run.state != .hole {
        return Extent(
          logical: logical, count: UInt32(run.count), physical: run.physicalBlock,
          isUnwritten: run.state == .unwritten)
      }
      position += run.count
    }
    return nil
  }

  /// The last extent that starts before a logical block.
  private func lastExtent(of inode: InodeNumber, before limit: UInt64) throws(Ext4Error) -> Extent? {
    guard let last = UInt32(exactly: limit - 1), let leaf = try path(of: inode, to: last).steps.last, leaf.index >= 0
    else { return nil }
    return try readNode(leaf.block, of: inode) { $0.extent(leaf.index) }
  }

  /// Moves a part of an extent to where there is a hole.
  private func move(_ extent: Extent, of inode: InodeNumber, to logical: UInt64) throws(Ext4Error) {
    var moved = extent
    moved.logical = UInt32(truncatingIfNeeded: logical)
    try change { () throws(Ext4Error) in
      try replace(UInt64(extent.logical)..<extent.end, with: moved, of: inode)
    }
  }

  /// Takes blocks out of the tree and enters them again, in another place or state. Without room for that in
  /// the tree they are given up.
  func replace(
    _ range: Range<UInt64>, with extent: Extent, of inode: InodeNumber
  ) throws(Ext4Error) {
    try remove(range, from: inode, freeing: false)
    do throws(Ext4Error) { try insert(extent, into: inode) } catch {
      try freeBlocks(extent.physical, UInt64(extent.count), areMetadata: false)
      try chargeBlocks(inode, -Int64(extent.count))
      throw error
    }
  }
}
