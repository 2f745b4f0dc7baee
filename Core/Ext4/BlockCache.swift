// SPDX-License-Identifier: Apache-2.0
import Storage

/// What a block of metadata was checked to be.
enum BlockKind: UInt8 {
  case unchecked
  case superblock
  case groupDescriptors
  case blockBitmap
  case inodeBitmap
  /// Inodes are checked one by one: `BlockCache.Slot.checkedParts` has a bit for each.
  case inodeTable
  case extentNode
  case directory
  case attributes
  /// The target of a long symbolic link, which has no checksum.
  case linkTarget
}

/// Blocks of metadata in memory: a fixed number at most, the least recently used one makes room.
///
/// It does no input or output itself. A block lives in a slot, a small number that is valid until the next
/// call of `claim`. The bytes are handed out to closures only, which must not use the file system.
struct BlockCache: ~Copyable {
  struct Slot {
    var block: UInt64 = .max
    /// Neighbours in the order of use; -1 at the ends.
    var newer: Int32 = -1
    var older: Int32 = -1
    /// The next slot of the same hash bucket, or -1.
    var nextInBucket: Int32 = -1
    var kind = BlockKind.unchecked
    /// Newer than what stands in its place on the device.
    var isDirty = false
    /// Changed by the running transaction of a journal: it stays here until that is committed.
    var isInTransaction = false
    /// What the checksum starts from, of those kinds whose checksum is made when they are written.
    var seed: UInt32 = 0
    var checkedParts: UInt32 = 0
  }

  private let blockSize: Int
  let capacity: Int
  private var storage: [UInt8] = []
  private var slots: [Slot] = []
  private var buckets: [Int32]
  private var newest: Int32 = -1
  private var oldest: Int32 = -1
  /// Whether changed blocks belong to a journal's transaction.
  var hasTransactions = false
  /// How many blocks the running transaction has changed.
  private(set) var transactionBlocks = 0
  /// Grows with every change of a block.
  private(set) var changeCount: UInt64 = 0

  init(blockSize: Int, capacity: Int) {
    self.blockSize = blockSize
    self.capacity = max(capacity, 16)
    var bucketCount = 16
    while bucketCount < self.capacity { bucketCount *= 2 }
    buckets = [Int32](repeating: -1, count: bucketCount)
    // Enough for a small program to start without moving anything.
    storage.reserveCapacity(16 * blockSize)
    slots.reserveCapacity(16)
  }

  subscript(slot: Int) -> Slot {
    get { slots[slot] }
    set { slots[slot] = newValue }
  }

  @inline(__always)
  func read<Result>(_ slot: Int, _ body: (Span<UInt8>) -> Result) -> Result {
    body(storage.span.extracting((slot &* blockSize)..<(slot &* blockSize &+ blockSize)))
  }

  /// Changes the bytes of a slot, and marks it as dirty.
  @inline(__always)
  mutating func modify<Result>(_ slot: Int, _ body: (inout MutableSpan<UInt8>) -> Result) -> Result {
    markChanged(slot)
    return fill(slot) { (bytes: inout MutableSpan<UInt8>) in body(&bytes) }
  }

  /// Blocks of a transaction leave the order of use: they cannot make room.
  private mutating func markChanged(_ slot: Int) {
    changeCount &+= 1
    slots[slot].isDirty = true
    guard hasTransactions, !slots[slot].isInTransaction else { return }
    unlink(slot)
    slots[slot].isInTransaction = true
    transactionBlocks += 1
  }

  /// The running transaction is committed: its blocks may be written to their places.
  mutating func endTransaction() {
    guard transactionBlocks > 0 else { return }
    for slot in 0..<slots.count where slots[slot].isInTransaction {
      slots[slot].isInTransaction = false
      linkNewest(slot)
    }
    transactionBlocks = 0
  }

  /// Changes the bytes of a slot to what they are on the device.
  @inline(__always)
  mutating func fill<Result, Failure: Error>(
    _ slot: Int, _ body: (inout MutableSpan<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let range = (slot &* blockSize)..<(slot &* blockSize &+ blockSize)
    var all = storage.mutableSpan
    var bytes = all.part(range)
    return try body(&bytes)
  }

  private func bucket(_ block: UInt64) -> Int {
    // Fibonacci hashing: neighbouring blocks land far apart.
    Int(truncatingIfNeeded: (block &* 0x9e37_79b9_7f4a_7c15) >> 32) & (buckets.count &- 1)
  }

  /// The slot of a block, which becomes the most recently used one; nil if the block is not here.
  mutating func find(_ block: UInt64) -> Int? {
    var index = buckets[bucket(block)]
    while index >= 0 {
      let slot = Int(index)
      if slots[slot].block == block {
        if newest != index, !slots[slot].isInTransaction {
          unlink(slot)
          linkNewest(slot)
        }
        return slot
      }
      index = slots[slot].nextInBucket
    }
    return nil
  }

  /// The slot to use for one more block: a fresh one, or the least recently used one, whose block has to be
  /// written first if it is dirty.
  mutating func slotToClaim() -> Int {
    // The most recently used ones are never taken: an operation may still be at work on them. With a transaction
    // that takes nearly all there is, the cache outgrows its capacity for good.
    let isLarge = slots.count >= capacity && slots.count - transactionBlocks >= 16
    if oldest >= 0, slots[Int(oldest)].block == .max || isLarge { return Int(oldest) }
    slots.append(Slot())
    // Growing keeps small what a small file system needs; the array doubles its room when it has to.
    let count = blockSize
    storage.append(addingCapacity: count) { $0.append(repeating: 0, count: count) }
    linkNewest(slots.count - 1)
    return slots.count - 1
  }

  /// Makes a slot, whose content is no longer needed, that of `block`.
  mutating func claim(_ slot: Int, for block: UInt64) {
    removeFromBucket(slot)
    unlink(slot)
    slots[slot] = Slot(block: block)
    let bucket = bucket(block)
    slots[slot].nextInBucket = buckets[bucket]
    buckets[bucket] = Int32(slot)
    linkNewest(slot)
  }

  /// Drops a block, changed or not.
  mutating func forget(_ block: UInt64) {
    guard let slot = find(block) else { return }
    removeFromBucket(slot)
    if slots[slot].isInTransaction { transactionBlocks -= 1 } else { unlink(slot) }
    slots[slot] = Slot()
    linkOldest(slot)
  }

  /// The changed slots of the running transaction, or those that are to be written to their places, in
  /// ascending order of their blocks.
  func changedSlots(inTransaction: Bool) -> [Int] {
    var result: [Int] = []
    for slot in 0..<slots.count where slots[slot].isDirty && slots[slot].isInTransaction == inTransaction {
      result.append(slot)
    }
    sortIndices(&result) { slots[$0].block < slots[$1].block }
    return result
  }

  // MARK: The order of use and the hash table

  private mutating func removeFromBucket(_ slot: Int) {
    let block = slots[slot].block
    guard block != .max else { return }
    let bucket = bucket(block)
    var index = buckets[bucket]
    if index == Int32(slot) {
      buckets[bucket] = slots[slot].nextInBucket
      return
    }
    while index >= 0 {
      let next = slots[Int(index)].nextInBucket
      if next == Int32(slot) {
        slots[Int(index)].nextInBucket = slots[slot].nextInBucket
        return
      }
      index = next
    }
  }

  private mutating func unlink(_ slot: Int) {
    let newer = slots[slot].newer
    let older = slots[slot].older
    if newer >= 0 { slots[Int(newer)].older = older } else { newest = older }
    if older >= 0 { slots[Int(older)].newer = newer } else { oldest = newer }
  }

  private mutating func linkNewest(_ slot: Int) {
    slots[slot].newer = -1
    slots[slot].older = newest
    if newest >= 0 { slots[Int(newest)].newer = Int32(slot) } else { oldest = Int32(slot) }
    newest = Int32(slot)
  }

  private mutating func linkOldest(_ slot: Int) {
    slots[slot].older = -1
    slots[slot].newer = oldest
    if oldest >= 0 { slots[Int(oldest)].older = Int32(slot) } else { newest = Int32(slot) }
    oldest = Int32(slot)
  }
}
