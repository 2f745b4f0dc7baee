// SPDX-License-Identifier: Apache-2.0

/// Who waits on which futex (futex(2), futex(7); Linux: kernel/futex).
///
/// Threads are numbers of the caller. Neither the program's memory nor a scheduler is known here: the caller compares
/// the word and calls `enqueue` in one step that no `wake` can come between; that is what a futex is. To stop a
/// thread and to let it run is the caller's, too.
///
/// In the steady state nothing is allocated; memory that was once needed is kept. Whoever must not run out of it asks
/// `bytesToGrow` first.
public struct FutexTable {
  /// One wait. A thread that waits for several words (futex_waitv(2)) has one for each. It means nothing any more
  /// once the wait was woken, removed or requeued.
  public struct Handle: Equatable, BitwiseCopyable, Sendable {
    fileprivate let bucket: UInt32
    fileprivate let index: UInt32
    fileprivate let generation: UInt32

    fileprivate init(_ bucket: Int, _ wait: FutexBucket.Wait) {
      self.bucket = UInt32(truncatingIfNeeded: bucket)
      index = wait.index
      generation = wait.generation
    }
  }

  /// FUTEX_BITSET_MATCH_ANY: waits for, and wakes, every bit.
  public static var anyBit: UInt32 { .max }

  private var buckets: [FutexBucket]
  /// By how much a hash is shifted to be the number of a bucket.
  private let shift: UInt64

  /// A table with at least `bucketCount` buckets: the next power of two, from 2 to 65536.
  public init(bucketCount: Int = 256) {
    var bits: UInt64 = 1
    while bits < 16 && 1 &<< Int(bits) < bucketCount { bits &+= 1 }
    buckets = [FutexBucket](repeating: FutexBucket(), count: 1 &<< Int(bits))
    shift = 64 &- bits
  }

  @inline(__always) private func bucket(_ key: FutexKey) -> Int { Int(truncatingIfNeeded: key.hash &>> shift) }

  /// Bytes of memory that `more` waits for a key ask for in one piece; 0: there is room for them.
  public func bytesToGrow(_ key: FutexKey, adding more: Int = 1) -> Int { buckets[bucket(key)].bytesToGrow(more) }

  /// Makes room for `more` waits for a key, beside all that are there.
  public mutating func reserve(_ key: FutexKey, adding more: Int) { buckets[bucket(key)].reserve(more) }

  /// Lets `thread` wait for a key, behind all who wait for it already with the same `rank` or a higher one. Only who
  /// wakes one of the bits in `bitset` wakes it; a call that has none waits for `anyBit`, and 0 (which nobody could wake) is the caller's EINVAL.
  public mutating func enqueue(
    _ key: FutexKey, bitset: UInt32 = anyBit, thread: UInt32, rank: Int8 = 0
  ) -> Handle {
    let number = bucket(key)
    return Handle(number, buckets[number].insert(key, bitset: bitset, thread: thread, rank: rank))
  }

  /// Ends a wait that timed out, was interrupted, or whose thread another of its words woke. False: it was woken
  /// before, and the wake-up that it took must not be lost: the thread reports it as its own.
  @discardableResult
  public mutating func remove(_ handle: Handle) -> Bool {
    let number = Int(handle.bucket)
    guard number < buckets.count else { return false }
    return buckets[number].remove(handle.index, generation: handle.generation)
  }

  /// Wakes up to `count` of those who wait for a key and one of the bits in `bitset`, by rank, and among equals in the
  /// order in which they came: ends the wait and calls `body`, which must not use this table. Returns how many.
  ///
  /// FUTEX_WAKE with a count of 0 or less wakes one on Linux; here it wakes none.
  @discardableResult
  public mutating func wake(
    _ key: FutexKey, count: Int, bitset: UInt32 = anyBit, _ body: (_ thread: UInt32, _ handle: Handle) -> Void
  ) -> Int {
    let number = bucket(key)
    var woken = 0
    var position = buckets[number].start
    while woken < count, let wait = buckets[number].next(key, &position) {
      if wait.bitset & bitset == 0 { continue }
      _ = buckets[number].remove(wait.index, generation: wait.generation)
      woken &+= 1
      body(wait.thread, Handle(number, wait))
    }
    return woken
  }

  /// FUTEX_REQUEUE, and FUTEX_CMP_REQUEUE once the caller has compared: wakes up to `wakeCount` of those who wait for
  /// `source`, then lets up to `requeueCount` of the others wait for `target` instead, behind those of their rank who
  /// do so already. Bits do not count, but are kept. Where both keys are the same, everybody keeps their place.
  ///
  /// `woken` is called for each who is woken. `moved` is called for each who waits elsewhere now, with the handle
  /// that is valid no more and the one that takes its place. Both must not use this table. Memory that `target` lacks
  /// is allocated: `bytesToGrow(target, adding: count(source))` says how much.
  public mutating func requeue(
    from source: FutexKey, to target: FutexKey, wakeCount: Int, requeueCount: Int,
    woken: (_ thread: UInt32, _ handle: Handle) -> Void,
    moved: (_ thread: UInt32, _ old: Handle, _ new: Handle) -> Void
  ) -> (woken: Int, requeued: Int) {
    let wokenCount = wake(source, count: wakeCount, woken)
    if source == target { return (wokenCount, max(0, min(requeueCount, count(source)))) }
    let from = bucket(source)
    let to = bucket(target)
    var requeued = 0
    // If both are one bucket, those moved come along again, but not with `source` as their key.
    var position = buckets[from].start
    while requeued < requeueCount, let wait = buckets[from].next(source, &position) {
      _ = buckets[from].remove(wait.index, generation: wait.generation)
      let new = buckets[to].insert(target, bitset: wait.bitset, thread: wait.thread, rank: wait.rank)
      requeued &+= 1
      moved(wait.thread, Handle(from, wait), Handle(to, new))
    }
    return (wokenCount, requeued)
  }

  /// How many wait for a key.
  public func count(_ key: FutexKey) -> Int {
    var result = 0
    forEach(key) { _, _ in result &+= 1 }
    return result
  }

  /// Calls `body` for each who waits for a key, in the order in which they would be woken.
  public func forEach(_ key: FutexKey, _ body: (_ thread: UInt32, _ bitset: UInt32) -> Void) {
    let number = bucket(key)
    var position = buckets[number].start
    while let wait = buckets[number].next(key, &position) { body(wait.thread, wait.bitset) }
  }
}
