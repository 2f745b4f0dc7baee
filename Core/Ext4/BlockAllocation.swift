// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Takes up to `wanted` neighbouring free blocks, near `goal` if that is not 0, otherwise where the last
  /// allocation ended. At least one; a group whose longest free run is much shorter than what is wanted is
  /// passed over while there are others.
  func allocateBlocks(wanted: UInt64, goal: UInt64) throws(Ext4Error) -> (start: UInt64, count: UInt64) {
    let wanted = Int(min(wanted, superblock.blocksPerGroup))
    var start = goal != 0 ? goal : nextBlockGoal
    if start <= superblock.firstDataBlock || start >= superblock.blockCount { start = superblock.firstDataBlock + 1 }
    let firstGroup = (start - superblock.firstDataBlock) / superblock.blocksPerGroup

    var fallback: (group: UInt64, count: Int)?
    for step in 0..<superblock.groupCount {
      var group = firstGroup + step
      if group >= superblock.groupCount { group -= superblock.groupCount }
      var descriptor = try descriptor(group)
      guard descriptor.freeBlocks > 0 else { continue }
      let from = step == 0 ? Int(start - superblock.firstBlock(ofGroup: group)) : 0
      guard let run = try freeRun(in: group, &descriptor, from: from, wanted: wanted) else { continue }
      if run.count >= min(wanted, 64) || run.count >= wanted / 4 { return try take(run, in: group, &descriptor) }
      if run.count > fallback?.count ?? 0 { fallback = (group, run.count) }
    }
    guard let fallback else { throw .noSpace }
    var descriptor = try descriptor(fallback.group)
    guard let run = try freeRun(in: fallback.group, &descriptor, from: 0, wanted: wanted)
    else { throw .corrupt("block bitmap changed") }
    return try take(run, in: fallback.group, &descriptor)
  }

  /// A free run in a group: first behind bit `from`, then before it.
  private func freeRun(
    in group: UInt64, _ descriptor: inout GroupDescriptor, from: Int, wanted: Int
  ) throws(Ext4Error) -> FreeRun? {
    let slot = try blockBitmapSlot(group, &descriptor)
    let end = Int(superblock.blockCount(ofGroup: group))
    guard var taken = journal?.freedBitmap(group) else {
      return cache.read(slot) { Self.freeRun($0, from: from, end: end, wanted: wanted) }
    }
    // What was freed in the running transaction is not free on the disk yet.
    cache.read(slot) { bitmap in
      var bytes = taken.mutableSpan
      for offset in stride(from: 0, to: bitmap.count, by: 8) {
        bytes.store64(bitmap.littleEndian64(at: offset) | bytes.span.littleEndian64(at: offset), at: offset)
      }
    }
    return Self.freeRun(taken.span, from: from, end: end, wanted: wanted)
  }

  private static func freeRun(_ bitmap: Span<UInt8>, from: Int, end: Int, wanted: Int) -> FreeRun? {
    let behind = bitmap.freeRun(in: from..<end, wanted: wanted)
    if from == 0 || behind?.count == wanted { return behind }
    let before = bitmap.freeRun(in: 0..<from, wanted: wanted)
    return behind?.count ?? 0 >= before?.count ?? 0 ? behind : before
  }

  private func take(
    _ run: FreeRun, in group: UInt64, _ descriptor: inout GroupDescriptor
  ) throws(Ext4Error) -> (start: UInt64, count: UInt64) {
    guard run.count <= Int(descriptor.freeBlocks), UInt64(run.count) <= superblock.freeBlocks
    else { throw .corrupt("free block counts") }
    let slot = try blockBitmapSlot(group, &descriptor)
    _ = cache.modify(slot) { $0.setBits(run.start..<(run.start &+ run.count), true) }
    setPending(group, PendingBitmap.blocks)
    descriptor.freeBlocks -= UInt32(run.count)
    try setDescriptor(descriptor, group)
    superblock.freeBlocks -= UInt64(run.count)
    let start = superblock.firstBlock(ofGroup: group) + UInt64(run.start)
    nextBlockGoal = start + UInt64(run.count)
    return (start, UInt64(run.count))
  }

  /// Gives blocks back. With `areMetadata` what the cache has of them is dropped.
  func freeBlocks(_ start: UInt64, _ count: UInt64, areMetadata: Bool) throws(Ext4Error) {
    guard start > superblock.firstDataBlock, start < superblock.blockCount, count <= superblock.blockCount - start
    else { throw .corrupt("a block number is outside of the file system") }
    var position = start
    let end = start + count
    while position < end {
      let group = (position - superblock.firstDataBlock) / superblock.blocksPerGroup
      let first = superblock.firstBlock(ofGroup: group)
      let groupEnd = min(end, first + superblock.blockCount(ofGroup: group))
      var descriptor = try descriptor(group)
      let slot = try blockBitmapSlot(group, &descriptor)
      let allWereUsed = cache.modify(slot) { $0.setBits(Int(position - first)..<Int(groupEnd - first), false) }
      let freed = groupEnd - position
      guard allWereUsed, UInt64(descriptor.freeBlocks) + freed <= superblock.blocksPerGroup,
        superblock.freeBlocks + freed <= superblock.blockCount
      else { throw .corrupt("a block in use is marked as free") }
      setPending(group, PendingBitmap.blocks)
      descriptor.freeBlocks += UInt32(freed)
      try setDescriptor(descriptor, group)
      superblock.freeBlocks += freed
      journal?.remember(freed: Int(position - first)..<Int(groupEnd - first), group: group, bitmapSize: blockSize)
      position = groupEnd
    }
    if areMetadata {
      for block in start..<end {
        cache.forget(block)
        // The log must not bring back what may be content of a file by then.
        journal?.revocations.append(block)
      }
    }
    if journal == nil { device.discard(at: start << blockShift, count: count << blockShift) }
  }
}
