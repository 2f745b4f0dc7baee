// SPDX-License-Identifier: Apache-2.0

/// The waits whose keys share a hash, by rank, and among equals in the order in which they came. It refers to nothing
/// outside itself, so that each bucket may have its own lock, as in Linux (kernel/futex/core.c).
struct FutexBucket {
  /// No entry.
  static var none: UInt32 { .max }

  /// One wait, or memory for one.
  private struct Entry: BitwiseCopyable {
    var key: FutexKey
    var bitset: UInt32
    var thread: UInt32
    /// Of a free entry, `next` is the next free one.
    var next: UInt32
    var previous: UInt32
    /// How often the entry was released.
    var generation: UInt32
    var rank: Int8
  }

  /// A wait as others see it.
  struct Wait: BitwiseCopyable {
    var thread: UInt32
    var bitset: UInt32
    var index: UInt32
    var generation: UInt32
    var rank: Int8
  }

  private var entries: [Entry] = []
  private var head = none
  private var tail = none
  private var free = none
  private(set) var count = 0

  /// Bytes of memory that `more` waits ask for in one piece; 0: there is room for them.
  func bytesToGrow(_ more: Int) -> Int {
    let needed = count &+ more
    if needed <= entries.capacity { return 0 }
    return max(entries.capacity &* 2, needed, 4) &* MemoryLayout<Entry>.stride
  }

  mutating func reserve(_ more: Int) {
    let needed = count &+ more
    if needed > entries.capacity { entries.reserveCapacity(max(entries.capacity &* 2, needed)) }
  }

  /// Behind all of the same rank or a higher one.
  mutating func insert(_ key: FutexKey, bitset: UInt32, thread: UInt32, rank: Int8) -> Wait {
    let index: UInt32
    var previous = tail
    while previous != Self.none && entries[Int(previous)].rank < rank { previous = entries[Int(previous)].previous }
    let next = previous == Self.none ? head : previous == tail ? Self.none : entries[Int(previous)].next
    var entry = Entry(
      key: key, bitset: bitset, thread: thread, next: next, previous: previous, generation: 0, rank: rank)
    if free != Self.none {
      index = free
      free = entries[Int(index)].next
      entry.generation = entries[Int(index)].generation
      entries[Int(index)] = entry
    } else {
      index = UInt32(truncatingIfNeeded: entries.count)
      entries.append(entry)
    }
    if previous == Self.none { head = index } else { entries[Int(previous)].next = index }
    if next == Self.none { tail = index } else { entries[Int(next)].previous = index }
    count &+= 1
    return Wait(thread: thread, bitset: bitset, index: index, generation: entry.generation, rank: rank)
  }

  /// False: the entry is not that wait's any more.
  mutating func remove(_ index: UInt32, generation: UInt32) -> Bool {
    guard Int(index) < entries.count, entries[Int(index)].generation == generation else { return false }
    unlink(index)
    return true
  }

  private mutating func unlink(_ index: UInt32) {
    let next = entries[Int(index)].next
    let previous = entries[Int(index)].previous
    if previous == Self.none { head = next } else { entries[Int(previous)].next = next }
    if next == Self.none { tail = previous } else { entries[Int(next)].previous = previous }
    entries[Int(index)].generation &+= 1
    entries[Int(index)].next = free
    free = index
    count &-= 1
  }

  /// Where a walk over the entries begins.
  var start: UInt32 { head }

  /// The first wait for a key at or behind `position`, which becomes the one behind it; nil at the end.
  func next(_ key: FutexKey, _ position: inout UInt32) -> Wait? {
    while position != Self.none {
      let index = position
      position = entries[Int(index)].next
      if entries[Int(index)].key == key {
        let entry = entries[Int(index)]
        return Wait(
          thread: entry.thread, bitset: entry.bitset, index: index, generation: entry.generation, rank: entry.rank)
      }
    }
    return nil
  }
}
