// SPDX-License-Identifier: Apache-2.0

/// What a range of a `RangeMap` carries.
public protocol RangeValue {
  /// The value for the part of the range that starts `distance` after its beginning.
  func advanced(by distance: UInt64) -> Self
  /// Whether `next`, directly behind a range of `length` with this value, says the same: the two may be one.
  func continues(into next: Self, after length: UInt64) -> Bool
}

/// Disjoint half-open ranges of addresses in order, each with a value: a process's memory mappings.
///
/// One sorted array: finding is a binary search, and the memory it touches is contiguous. Inserting and
/// removing move what lies behind, which is little as long as new ranges come at the higher end.
public struct RangeMap<Value: RangeValue> {
  public struct Entry {
    public var start: UInt64
    public var end: UInt64
    public var value: Value

    @inlinable public init(start: UInt64, end: UInt64, value: Value) {
      self.start = start
      self.end = end
      self.value = value
    }
  }

  /// All ranges, ascending.
  public private(set) var entries: [Entry] = []
  /// Where the last search ended: the next is often for the same place.
  private var hint = 0

  public init() {}

  public var count: Int { entries.count }

  /// Bytes of memory that the next few insertions may ask for in one piece, because the array is full; 0 while
  /// it has room for them.
  public var bytesToGrow: Int {
    entries.capacity &- entries.count >= 4 ? 0 : max(entries.capacity, 4) &* 2 &* MemoryLayout<Entry>.stride
  }

  /// The first range that ends after `address`: the one that contains it, or the next one, or `count`.
  @inline(__always)
  public func index(endingAfter address: UInt64) -> Int {
    if hint < entries.count && entries[hint].start <= address && address < entries[hint].end { return hint }
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low &+ high) &>> 1
      if entries[middle].end > address { high = middle } else { low = middle &+ 1 }
    }
    return low
  }

  /// The range that contains `address`.
  @inline(__always)
  public mutating func index(containing address: UInt64) -> Int? {
    if hint < entries.count && entries[hint].start <= address && address < entries[hint].end { return hint }
    let found = index(endingAfter: address)
    guard found < entries.count, entries[found].start <= address else { return nil }
    hint = found
    return found
  }

  /// Whether nothing lies in `start ..< end`.
  public func isFree(_ start: UInt64, _ end: UInt64) -> Bool {
    let next = index(endingAfter: start)
    return next == entries.count || entries[next].start >= end
  }

  /// Whether `start ..< end` is covered without a gap.
  public func isCovered(_ start: UInt64, _ end: UInt64) -> Bool {
    var index = index(endingAfter: start)
    var position = start
    while position < end {
      guard index < entries.count, entries[index].start <= position else { return false }
      position = entries[index].end
      index += 1
    }
    return true
  }

  /// Changes the value of one range in place.
  @inline(__always)
  public mutating func update(at index: Int, _ body: (inout Value) -> Void) { body(&entries[index].value) }

  /// Cuts ranges so that none reaches across `start` or `end`. Before the array grows, what lies around is
  /// joined where it says the same: `modify` leaves that undone.
  private mutating func split(at start: UInt64, and end: UInt64) {
    let near = index(endingAfter: start)
    for neighbour in stride(from: near + 2, through: near - 1, by: -1) { _ = joinWithPrevious(neighbour) }
    split(at: start)
    split(at: end)
  }

  /// Cuts the range that contains `address` in two there, if it does not begin there already.
  private mutating func split(at address: UInt64) {
    let index = index(endingAfter: address)
    guard index < entries.count, entries[index].start < address else { return }
    let distance = address - entries[index].start
    let rest = Entry(start: address, end: entries[index].end, value: entries[index].value.advanced(by: distance))
    entries[index].end = address
    entries.insert(rest, at: index + 1)
  }

  /// Joins the range at `index` with the one before it if they say the same. Returns whether it did.
  private mutating func joinWithPrevious(_ index: Int) -> Bool {
    guard index > 0, index < entries.count, entries[index - 1].end == entries[index].start,
      entries[index - 1].value.continues(
        into: entries[index].value, after: entries[index - 1].end - entries[index - 1].start)
    else { return false }
    entries[index - 1].end = entries[index].end
    entries.remove(at: index)
    return true
  }

  /// Removes whatever lies in `start ..< end`; ranges that reach beyond keep their outer parts.
  public mutating func remove(_ start: UInt64, _ end: UInt64) {
    let first = index(endingAfter: start)
    guard first < entries.count, entries[first].start < end else { return }
    if entries[first].start == start && entries[first].end == end {
      entries.remove(at: first)
      return
    }
    split(at: start, and: end)
    let from = index(endingAfter: start)
    var to = from
    while to < entries.count && entries[to].end <= end { to += 1 }
    entries.removeSubrange(from..<to)
  }

  /// Adds a range where nothing lies (the caller has removed what did), joined with its neighbours if they
  /// say the same.
  public mutating func insert(_ start: UInt64, _ end: UInt64, _ value: Value) {
    let index = index(endingAfter: start)
    if index > 0, entries[index - 1].end == start,
      entries[index - 1].value.continues(into: value, after: start - entries[index - 1].start)
    {
      entries[index - 1].end = end
      _ = joinWithPrevious(index)
      return
    }
    entries.insert(Entry(start: start, end: end, value: value), at: index)
    _ = joinWithPrevious(index + 1)
  }

  /// Calls `change` for the value of every range in `start ..< end`, cut to it. Gaps are passed over.
  ///
  /// A range that exists exactly so is changed where it stands, and not joined with neighbours that then
  /// say the same: programs change the same few pages to and fro. The next split nearby joins them.
  public mutating func modify(_ start: UInt64, _ end: UInt64, _ change: (inout Value) -> Void) {
    let found = index(endingAfter: start)
    guard found < entries.count, entries[found].start < end else { return }
    // The common case: the range exists exactly so.
    if entries[found].start == start && entries[found].end == end {
      change(&entries[found].value)
      return
    }
    split(at: start, and: end)
    var index = index(endingAfter: start)
    let first = index
    while index < entries.count && entries[index].start < end {
      change(&entries[index].value)
      index += 1
    }
    // Join from the back, so that indices in front stay right.
    while index >= first {
      _ = joinWithPrevious(index)
      index -= 1
    }
  }

  /// The highest multiple of `alignment` (a power of two) at which `length` free bytes begin that end at or
  /// below `top`; at or above `bottom`.
  public func highestGap(length: UInt64, alignment: UInt64 = 1, bottom: UInt64, top: UInt64) -> UInt64? {
    var end = top
    var index = index(endingAfter: top)
    if index < entries.count && entries[index].start < top { end = entries[index].start }
    while end >= bottom &+ length {
      let floor = index > 0 ? max(entries[index - 1].end, bottom) : bottom
      if end >= floor &+ length {
        let start = (end - length) & ~(alignment - 1)
        if start >= floor { return start }
      }
      guard index > 0 else { return nil }
      index -= 1
      end = entries[index].start
    }
    return nil
  }

  /// The lowest multiple of `alignment` (a power of two) at or above `bottom` at which `length` free bytes begin
  /// that end at or below `top`. Looks at no more than `steps` ranges.
  public func lowestGap(
    length: UInt64, alignment: UInt64 = 1, bottom: UInt64, top: UInt64, steps: Int = .max
  ) -> UInt64? {
    var index = index(endingAfter: bottom)
    var start = bottom
    var steps = steps
    while steps > 0 {
      steps -= 1
      if index < entries.count && entries[index].start <= start {
        start = max(start, entries[index].end)
        index += 1
        continue
      }
      let (aligned, overflow) = start.addingReportingOverflow(alignment - 1)
      let place = aligned & ~(alignment - 1)
      guard !overflow, place <= top, top - place >= length else { return nil }
      if index == entries.count || entries[index].start >= place && entries[index].start - place >= length {
        return place
      }
      start = max(start, entries[index].end)
      index += 1
    }
    return nil
  }
}
