// SPDX-License-Identifier: Apache-2.0

/// One wait in a `FutexTable`. A thread that waits for several words (futex_waitv(2)) has one for each. It means nothing
/// any more once the wait was woken, removed or requeued.
public struct FutexHandle: Equatable, BitwiseCopyable, Sendable {
  fileprivate let index: UInt32
  fileprivate let generation: UInt32
}

/// Who waits on which futex (futex(2), futex(7); Linux: kernel/futex).
///
/// What a thread is, is the caller's to say (`Waiter`). Neither the program's memory nor a scheduler is known here: the
/// caller compares the word and calls `enqueue` in one step that no `wake` can come between; that is what a futex is. To
/// stop a thread and to let it run is the caller's, too.
///
/// In the steady state nothing is allocated; memory that was once needed is kept. Whoever must not run out of it asks
/// `bytesToGrow` first.
public struct FutexTable<Waiter: BitwiseCopyable> {
  /// FUTEX_BITSET_MATCH_ANY: waits for, and wakes, every bit.
  public static var anyBit: UInt32 { .max }

  /// No entry.
  private static var none: UInt32 { .max }

  /// One wait, or memory for one, or the end of a bucket.
  private struct Entry: BitwiseCopyable {
    var key: FutexKey
    /// nil: nobody.
    var waiter: Waiter?
    var bitset: UInt32
    /// The neighbours in the ring of the bucket. Of a free entry, `next` is the next free one.
    var next: UInt32
    var previous: UInt32
    /// How often the entry was released.
    var generation: UInt32
    var rank: Int8

    mutating func release(_ nextFree: UInt32) {
      generation &+= 1
      next = nextFree
    }
  }

  /// First an entry for each bucket, which closes the ring of the waits whose keys share a hash. They stand by rank, and
  /// among equals in the order in which they came.
  private var entries: [Entry]
  private let bucketCount: Int
  private var free: UInt32 = none
  private var count = 0
  /// By how much a hash is shifted to be the number of a bucket.
  private let shift: UInt64

  /// A table with at least `bucketCount` buckets: the next power of two, from 2 to 65536.
  public init(bucketCount wanted: Int = 256) {
    var bits: UInt64 = 1
    while bits < 16 && 1 &<< Int(bits) < wanted { bits &+= 1 }
    bucketCount = 1 &<< Int(bits)
    shift = 64 &- bits
    entries = []
    entries.reserveCapacity(bucketCount &+ 4)
    for index in 0..<UInt32(bucketCount) {
      // Its rank is the highest, so that a search for a place by rank ends here.
      entries.append(
        Entry(
          key: FutexKey(privateAddress: 0), waiter: nil, bitset: 0, next: index, previous: index, generation: 0,
          rank: .max))
    }
  }

  @inline(__always) private func bucket(_ key: FutexKey) -> UInt32 { UInt32(truncatingIfNeeded: key.hash &>> shift) }

  // MARK: memory

  /// Bytes of memory that `more` waits ask for in one piece; 0: there is room for them.
  @inline(__always)
  public func bytesToGrow(adding more: Int = 1) -> Int {
    bucketCount &+ count &+ more <= entries.capacity ? 0 : bytesForMore(more)
  }

  @inline(never)
  private func bytesForMore(_ more: Int) -> Int {
    max(entries.capacity &* 2, bucketCount &+ count &+ more) &* MemoryLayout<Entry>.stride
  }

  /// Makes room for `more` waits, beside all that are there.
  public mutating func reserve(adding more: Int) {
    let needed = bucketCount &+ count &+ more
    if needed > entries.capacity { entries.reserveCapacity(max(entries.capacity &* 2, needed)) }
  }

  /// Adds a free entry to none.
  @inline(never)
  private mutating func addFree() {
    free = UInt32(truncatingIfNeeded: entries.count)
    entries.append(
      Entry(
        key: FutexKey(privateAddress: 0), waiter: nil, bitset: 0, next: Self.none, previous: Self.none, generation: 0,
        rank: 0))
  }

  // MARK: waiting

  /// Lets `waiter` wait for a key, behind all who wait for it already with the same `rank` (0 to 126) or a higher one.
  /// Only who wakes one of the bits in `bitset` wakes it; a call that has none waits for `anyBit`, and 0 (which nobody
  /// could wake) is the caller's EINVAL.
  public mutating func enqueue(
    _ key: FutexKey, bitset: UInt32 = anyBit, waiter: Waiter, rank: Int8 = 0
  ) -> FutexHandle {
    if free == Self.none { addFree() }
    let index = free
    free = entries[Int(index)].next
    count &+= 1
    let end = bucket(key)
    var entries = entries.mutableSpan
    var previous = entries[Int(end)].previous
    while entries[Int(previous)].rank < rank { previous = entries[Int(previous)].previous }
    let next = entries[Int(previous)].next
    let generation = entries[Int(index)].generation
    entries[Int(index)] = Entry(
      key: key, waiter: waiter, bitset: bitset, next: next, previous: previous, generation: generation, rank: rank)
    entries[Int(previous)].next = index
    entries[Int(next)].previous = index
    return FutexHandle(index: index, generation: generation)
  }

  /// Ends a wait that timed out, was interrupted, or whose thread another of its words woke. False: it was woken
  /// before, and the wake-up that it took must not be lost: the thread reports it as its own.
  @discardableResult
  public mutating func remove(_ handle: FutexHandle) -> Bool {
    guard Int(handle.index) < entries.count, entries[Int(handle.index)].generation == handle.generation else {
      return false
    }
    unlink(handle.index)
    return true
  }

  @inline(__always)
  private mutating func unlink(_ index: UInt32) {
    let nextFree = free
    free = index
    count &-= 1
    var entries = entries.mutableSpan
    let next = entries[Int(index)].next
    let previous = entries[Int(index)].previous
    entries[Int(previous)].next = next
    entries[Int(next)].previous = previous
    entries[Int(index)].release(nextFree)
  }

  // MARK: waking

  /// Wakes up to `limit` of those who wait for a key and one of the bits in `bitset`, by rank, and among equals in the
  /// order in which they came: ends the wait and calls `body`, which must not use this table. Returns how many.
  ///
  /// FUTEX_WAKE with a count of 0 or less wakes one on Linux; here it wakes none.
  @discardableResult
  public mutating func wake(
    _ key: FutexKey, count limit: Int, bitset: UInt32 = anyBit,
    _ body: (_ waiter: Waiter, _ handle: FutexHandle) -> Void
  ) -> Int {
    var woken = 0
    let end = bucket(key)
    var position = entries[Int(end)].next
    while position != end && woken < limit {
      let index = position
      let entry = entries[Int(index)]
      position = entry.next
      guard entry.key == key, entry.bitset & bitset != 0, let waiter = entry.waiter else { continue }
      unlink(index)
      woken &+= 1
      body(waiter, FutexHandle(index: index, generation: entry.generation))
    }
    return woken
  }

  /// FUTEX_REQUEUE, and FUTEX_CMP_REQUEUE once the caller has compared: wakes up to `wakeCount` of those who wait for
  /// `source`, then lets up to `requeueCount` of the others wait for `target` instead, behind those of their rank who
  /// do so already. Bits do not count, but are kept. Where both keys are the same, everybody keeps their place.
  ///
  /// `woken` is called for each who is woken. `moved` is called for each who waits elsewhere now, with the handle
  /// that is valid no more and the one that takes its place. Both must not use this table. No memory is allocated.
  public mutating func requeue(
    from source: FutexKey, to target: FutexKey, wakeCount: Int, requeueCount: Int,
    woken: (_ waiter: Waiter, _ handle: FutexHandle) -> Void,
    moved: (_ waiter: Waiter, _ old: FutexHandle, _ new: FutexHandle) -> Void
  ) -> (woken: Int, requeued: Int) {
    let wokenCount = wake(source, count: wakeCount, woken)
    if source == target { return (wokenCount, max(0, min(requeueCount, count(source)))) }
    var requeued = 0
    // If both are in one bucket, those moved come along again, but not with `source` as their key.
    let end = bucket(source)
    var position = entries[Int(end)].next
    while position != end && requeued < requeueCount {
      let index = position
      let entry = entries[Int(index)]
      position = entry.next
      guard entry.key == source, let waiter = entry.waiter else { continue }
      unlink(index)
      // The entry that has just become free is the one that it gets.
      let new = enqueue(target, bitset: entry.bitset, waiter: waiter, rank: entry.rank)
      requeued &+= 1
      moved(waiter, FutexHandle(index: index, generation: entry.generation), new)
    }
    return (wokenCount, requeued)
  }

  // MARK: looking

  /// How many wait for a key.
  public func count(_ key: FutexKey) -> Int {
    var result = 0
    forEach(key) { _, _ in result &+= 1 }
    return result
  }

  /// How many stand in the way of who looks for a key: all whose keys share its hash.
  public func countOfBucket(_ key: FutexKey) -> Int {
    var result = 0
    let end = bucket(key)
    var position = entries[Int(end)].next
    while position != end {
      result &+= 1
      position = entries[Int(position)].next
    }
    return result
  }

  /// Calls `body` for each who waits for a key, in the order in which they would be woken.
  public func forEach(_ key: FutexKey, _ body: (_ waiter: Waiter, _ bitset: UInt32) -> Void) {
    let end = bucket(key)
    var position = entries[Int(end)].next
    while position != end {
      let entry = entries[Int(position)]
      if entry.key == key, let waiter = entry.waiter { body(waiter, entry.bitset) }
      position = entry.next
    }
  }
}
