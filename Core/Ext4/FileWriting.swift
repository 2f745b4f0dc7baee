// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Writes to a regular file, which grows if need be, and returns how many bytes were written: fewer than
  /// given only if the disk is full. Data goes to the device at once, metadata with `flush`.
  ///
  /// Long writes are what makes long runs: blocks are allocated for a whole hole at a time.
  @discardableResult
  public func write(
    _ inode: InodeNumber, at offset: UInt64, from source: Span<UInt8>
  ) throws(Ext4Error) -> Int {
    try checkIsRegular(inode)
    let (end, overflow) = offset.addingReportingOverflow(UInt64(source.count))
    guard !overflow, end <= maximumFileSize else { throw .fileTooLarge }
    var done = 0
    while done < source.count {
      let position = offset + UInt64(done)
      do throws(Ext4Error) {
        done += try change { () throws(Ext4Error) in
          let count = try writeRun(inode, at: position, source.extracting(done..<source.count))
          try grow(inode, to: position + UInt64(count))
          return count
        }
      } catch {
        if error == .noSpace {
          if try commitFreedBlocks() { continue }
          if done > 0 { break }
        }
        throw error
      }
    }
    return done
  }

  func grow(_ inode: InodeNumber, to size: UInt64) throws(Ext4Error) {
    guard try readInode(inode, { $0.inodeSizeInBytes }) < size else { return }
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setInodeSize(size) }
  }

  /// Gives a regular file another size: what is behind it is given up, what is new reads as zeros.
  public func truncate(_ inode: InodeNumber, to size: UInt64) throws(Ext4Error) {
    guard size <= maximumFileSize else { throw .fileTooLarge }
    try change { () throws(Ext4Error) in
      try checkIsRegular(inode)
      let (oldSize, links) = try readInode(inode) { ($0.inodeSizeInBytes, $0.inodeLinks) }
      let inBlock = Int(size & UInt64(blockSize - 1))
      if size < oldSize, inBlock != 0 { try clear(inode, size >> blockShift, inBlock..<blockSize) }
      // The size first: from then on what is behind it may be freed at any time.
      try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setInodeSize(size) }
      if size <= oldSize {
        let firstBlock = (size + UInt64(blockSize - 1)) >> blockShift
        try remove(firstBlock..<(1 << 32), from: inode, freeing: true, inSteps: true)
      }
      if links > 0 { try removeOrphan(inode) }
    }
  }

  /// Logical block numbers have 32 bits.
  var maximumFileSize: UInt64 { UInt64(UInt32.max) << blockShift }

  func checkIsRegular(_ inode: InodeNumber) throws(Ext4Error) {
    let mode = try readInode(inode) { $0.inodeMode }
    guard mode & Mode.typeMask == Mode.regular
    else { throw mode & Mode.typeMask == Mode.directory ? .isDirectory : .invalid }
    try checkHasExtents(inode)
  }

  /// Makes a part of a block zero.
  func clear(_ inode: InodeNumber, _ logicalBlock: UInt64, _ range: Range<Int>) throws(Ext4Error) {
    let run = try run(of: inode, at: logicalBlock)
    guard run.state == .data else { return }
    var block = [UInt8](repeating: 0, count: blockSize)
    try readDevice(run.physicalBlock << blockShift, block.mutableSpan)
    var bytes = block.mutableSpan
    bytes.zero(range)
    try writeDevice(run.physicalBlock << blockShift, bytes.span)
  }

  /// Writes a part from the start of `source`, as far as one run of blocks goes.
  private func writeRun(
    _ inode: InodeNumber, at offset: UInt64, _ source: Span<UInt8>
  ) throws(Ext4Error) -> Int {
    let first = offset >> blockShift
    let last = (offset + UInt64(source.count) - 1) >> blockShift
    let run = try run(of: inode, at: first)
    let blocks = min(run.count, last - first + 1)
    switch run.state {
    case .data:
      let count = bytes(in: blocks, at: offset, of: source)
      try store(source.extracting(first: count), at: offset, run.physicalBlock, isNew: false)
      return count
    case .unwritten:
      let blocks = min(blocks, UInt64(Extent.maximumCount))
      let count = bytes(in: blocks, at: offset, of: source)
      try store(source.extracting(first: count), at: offset, run.physicalBlock, isNew: true)
      try markWritten(first, blocks, run.physicalBlock, of: inode)
      return count
    case .hole:
      let wanted = min(blocks, UInt64(Extent.maximumCount))
      let (start, got) = try allocateBlocks(wanted: wanted, goal: try goal(for: first, of: inode))
      let count = bytes(in: got, at: offset, of: source)
      do throws(Ext4Error) {
        try store(source.extracting(first: count), at: offset, start, isNew: true)
      } catch {
        try freeBlocks(start, got, areMetadata: false)
        contentFailed = true
        throw error
      }
      do throws(Ext4Error) {
        let extent = Extent(
          logical: UInt32(truncatingIfNeeded: first), count: UInt32(got), physical: start, isUnwritten: false)
        try insert(extent, into: inode)
      } catch {
        try freeBlocks(start, got, areMetadata: false)
        throw error
      }
      try chargeBlocks(inode, Int64(got))
      return count
    }
  }

  /// How many bytes of `source` fit into that many blocks if they start at `offset`.
  private func bytes(in blocks: UInt64, at offset: UInt64, of source: Span<UInt8>) -> Int {
    Int(min(UInt64(source.count), blocks << blockShift - offset & UInt64(blockSize - 1)))
  }

  /// Where the blocks for a hole should be: behind those of the logical block before it.
  func goal(for logicalBlock: UInt64, of inode: InodeNumber) throws(Ext4Error) -> UInt64 {
    guard logicalBlock > 0 else { return 0 }
    let before = try run(of: inode, at: logicalBlock - 1)
    return before.state == .hole ? 0 : before.physicalBlock + 1
  }

  /// Makes a part of an unwritten extent one with data.
  private func markWritten(
    _ first: UInt64, _ blocks: UInt64, _ physical: UInt64, of inode: InodeNumber
  ) throws(Ext4Error) {
    let extent = Extent(
      logical: UInt32(truncatingIfNeeded: first), count: UInt32(blocks), physical: physical, isUnwritten: false)
    try replace(first..<(first + blocks), with: extent, of: inode)
  }

  /// Writes bytes into neighbouring blocks of the device, of which `physical` is the one that `offset` is in.
  /// What else is in a block that is not filled stays, or is zero if the blocks are new.
  private func store(
    _ source: Span<UInt8>, at offset: UInt64, _ physical: UInt64, isNew: Bool
  ) throws(Ext4Error) {
    var done = 0
    var block = physical
    let inBlock = Int(offset & UInt64(blockSize - 1))
    if inBlock != 0 || source.count < blockSize {
      done = min(source.count, blockSize - inBlock)
      try storePart(source.extracting(first: done), at: inBlock, block, isNew: isNew)
      block += 1
    }
    let whole = (source.count - done) & ~(blockSize - 1)
    if whole > 0 {
      try writeDevice(block << blockShift, source.extracting(done..<(done + whole)))
      done += whole
      block += UInt64(whole >> Int(blockShift))
    }
    if done < source.count { try storePart(source.extracting(done..<source.count), at: 0, block, isNew: isNew) }
  }

  private func storePart(
    _ source: Span<UInt8>, at inBlock: Int, _ block: UInt64, isNew: Bool
  ) throws(Ext4Error) {
    var content = [UInt8](repeating: 0, count: blockSize)
    if !isNew { try readDevice(block << blockShift, content.mutableSpan) }
    var bytes = content.mutableSpan
    bytes.copy(source, to: inBlock)
    try writeDevice(block << blockShift, bytes.span)
  }
}
