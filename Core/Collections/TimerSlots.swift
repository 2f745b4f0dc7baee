// SPDX-License-Identifier: Apache-2.0

/// A deadline of a `TimerWheel`, or memory for one.
struct TimerEntry: BitwiseCopyable {
  /// No entry.
  static var none: UInt32 { .max }

  var deadline: UInt64
  var payload: UInt64
  /// Neighbours in the ring of the slot's entries; of a free entry, `next` is the next free one.
  var next: UInt32 = none
  var previous: UInt32 = none
  /// How often the entry was released.
  var generation: UInt32 = 0
  /// In which slot it is.
  var slot: UInt16 = 0

  init(deadline: UInt64, payload: UInt64) {
    self.deadline = deadline
    self.payload = payload
  }
}

/// The slots of a `TimerWheel`: which entries lie where in time. The entries are the wheel's.
///
/// A tick is 2¹⁰ ns, and a tick's number has nine digits of six bits. With `current` the tick up to which all slots
/// were looked at, an entry is on the level of the highest digit in which its tick differs from `current`, in the
/// slot of that digit. So all of a level is earlier than all of the next, a level's slots lie in the order of time,
/// and the earliest entry is in the lowest slot of the lowest level that has any.
///
/// The entries of a slot form a ring. As long as they were added in order (`unsorted` is not set), the first is the
/// earliest, and nothing has to be looked through or moved to a finer level to find it.
///
/// All functions are mutating, even those that only read: otherwise the compiler (6.3) copies a whole `InlineArray`
/// to read one of its elements.
struct TimerSlots: ~Copyable {
  private static var tickShift: UInt64 { 10 }
  private static var digitBits: Int { 6 }

  /// The first entry of every slot; valid where `occupied` says so.
  private var heads = InlineArray<576, UInt32>(repeating: 0)
  /// Bit n of element l: slot n of level l has entries.
  private var occupied = InlineArray<9, UInt64>(repeating: 0)
  /// Likewise: they are not in order.
  private var unsorted = InlineArray<9, UInt64>(repeating: 0)
  /// Bit l: level l has entries.
  private var levels: UInt32 = 0
  /// The tick from which the levels count. No slot with entries begins before it.
  private var current: UInt64 = 0
  /// The first entry that is not in use; the others follow by `next`.
  private var free = TimerEntry.none

  /// Uses a free entry for a deadline; nil if there is none.
  mutating func add(deadline: UInt64, payload: UInt64, _ entries: inout [TimerEntry]) -> TimerWheel.Handle? {
    let index = free
    guard index != TimerEntry.none else { return nil }
    // One question whether the array is shared, instead of one for each access.
    var span = entries.mutableSpan
    free = span[Int(index)].next
    span[Int(index)].deadline = deadline
    span[Int(index)].payload = payload
    link(index, &span)
    return TimerWheel.Handle(index: index, generation: span[Int(index)].generation)
  }

  /// Puts an entry with a deadline into its slot.
  mutating func link(_ index: UInt32, _ entries: inout [TimerEntry]) {
    var span = entries.mutableSpan
    link(index, &span)
  }

  /// Takes an entry out of its slot and makes it free. False: it is not that deadline's any more.
  mutating func remove(_ handle: TimerWheel.Handle, _ entries: inout [TimerEntry]) -> Bool {
    let position = Int(handle.index)
    guard position < entries.count, entries[position].generation == handle.generation else { return false }
    var span = entries.mutableSpan
    release(handle.index, &span)
    return true
  }

  private mutating func link(_ index: UInt32, _ entries: inout MutableSpan<TimerEntry>) {
    let deadline = entries[Int(index)].deadline
    // What has passed belongs where it is looked for first.
    let tick = max(deadline &>> Self.tickShift, current)
    let level = (63 &- ((tick ^ current) | 1).leadingZeroBitCount) / Self.digitBits
    let digit = tick &>> UInt64(truncatingIfNeeded: level &* Self.digitBits) & 63
    let slot = level &<< 6 | Int(truncatingIfNeeded: digit)
    let bit = 1 as UInt64 &<< digit
    entries[Int(index)].slot = UInt16(truncatingIfNeeded: slot)
    guard occupied[level] & bit != 0 else {
      occupied[level] |= bit
      levels |= 1 &<< UInt32(truncatingIfNeeded: level)
      heads[slot] = index
      entries[Int(index)].next = index
      entries[Int(index)].previous = index
      return
    }
    let head = heads[slot]
    let tail = entries[Int(head)].previous
    entries[Int(index)].next = head
    entries[Int(index)].previous = tail
    entries[Int(tail)].next = index
    entries[Int(head)].previous = index
    guard deadline < entries[Int(tail)].deadline else { return }
    // Behind the last is before the first, in a ring.
    if deadline <= entries[Int(head)].deadline { heads[slot] = index } else { unsorted[level] |= bit }
  }

  private mutating func unlink(_ index: UInt32, _ entries: inout MutableSpan<TimerEntry>) {
    let slot = Int(entries[Int(index)].slot)
    let next = entries[Int(index)].next
    if next == index { return clear(slot) }
    let previous = entries[Int(index)].previous
    entries[Int(previous)].next = next
    entries[Int(next)].previous = previous
    if heads[slot] == index { heads[slot] = next }
  }

  /// Takes an entry out of its slot and makes it free. Its payload can still be read.
  private mutating func release(_ index: UInt32, _ entries: inout MutableSpan<TimerEntry>) {
    unlink(index, &entries)
    entries[Int(index)].generation &+= 1
    entries[Int(index)].next = free
    free = index
  }

  private mutating func clear(_ slot: Int) {
    let level = slot &>> 6
    let bit = 1 as UInt64 &<< UInt64(truncatingIfNeeded: slot & 63)
    unsorted[level] &= ~bit
    occupied[level] &= ~bit
    if occupied[level] == 0 { levels &= ~(1 &<< UInt32(truncatingIfNeeded: level)) }
  }

  /// The slot with the earliest entries; nil if there is none.
  @inline(__always) private var first: Int? {
    mutating get {
      guard levels != 0 else { return nil }
      let level = levels.trailingZeroBitCount
      return level &<< 6 | occupied[level].trailingZeroBitCount
    }
  }

  @inline(__always) private mutating func isSorted(_ slot: Int) -> Bool {
    unsorted[slot &>> 6] &>> UInt64(truncatingIfNeeded: slot & 63) & 1 == 0
  }

  /// The tick with which a slot begins.
  private mutating func start(of slot: Int) -> UInt64 {
    let shift = UInt64(truncatingIfNeeded: (slot &>> 6) &* Self.digitBits)
    let higher = current &>> shift & ~63
    return (higher | UInt64(truncatingIfNeeded: slot & 63)) &<< shift
  }

  mutating func earliest(_ entries: [TimerEntry]) -> UInt64? {
    guard let slot = first else { return nil }
    let head = heads[slot]
    var result = entries[Int(head)].deadline
    if isSorted(slot) { return result }
    var index = entries[Int(head)].next
    while index != head {
      result = min(result, entries[Int(index)].deadline)
      index = entries[Int(index)].next
    }
    return result
  }

  /// Takes an entry that is not after `now` out of its slot and makes it free. Its payload can still be read.
  mutating func takeExpired(now: UInt64, _ entries: inout [TimerEntry]) -> UInt32? {
    var entries = entries.mutableSpan
    let nowTick = max(now &>> Self.tickShift, current)
    while let slot = first, start(of: slot) <= nowTick {
      let head = heads[slot]
      if isSorted(slot), entries[Int(head)].deadline <= now {
        release(head, &entries)
        return head
      }
      if slot < 64 {
        if !isSorted(slot), let found = findExpired(slot, now, entries.span) {
          // Those passed over go to the end, so that nobody looks at them for each of many that have expired.
          heads[slot] = found
          release(found, &entries)
          return found
        }
        // The slot is that of `now`'s tick: all before it would have expired.
        break
      }
      cascade(slot, &entries)
    }
    // No slot with entries begins before `nowTick`, so none changes its level.
    current = nowTick
    return nil
  }

  private mutating func findExpired(_ slot: Int, _ now: UInt64, _ entries: Span<TimerEntry>) -> UInt32? {
    let head = heads[slot]
    var index = head
    repeat {
      if entries[Int(index)].deadline <= now { return index }
      index = entries[Int(index)].next
    } while index != head
    return nil
  }

  /// Spreads the entries of the earliest slot over the levels below.
  private mutating func cascade(_ slot: Int, _ entries: inout MutableSpan<TimerEntry>) {
    current = start(of: slot)
    clear(slot)
    var index = heads[slot]
    let last = entries[Int(index)].previous
    while true {
      let next = entries[Int(index)].next
      link(index, &entries)
      if index == last { return }
      index = next
    }
  }
}
