// SPDX-License-Identifier: Apache-2.0

/// Threads one behind the other, by their `next`: each is in one list at most.
struct ThreadList {
  private(set) var first: Thread?
  private var last: Thread?

  var isEmpty: Bool { first == nil }

  mutating func append(_ thread: Thread) {
    if let last { last.next = thread } else { first = thread }
    last = thread
  }

  mutating func prepend(_ thread: Thread) {
    thread.next = first
    first = thread
    if last == nil { last = thread }
  }

  /// Before all of lower rank; before or behind those of the same.
  mutating func insert(_ thread: Thread, beforeEquals: Bool) {
    var previous: Thread?
    var next = first
    while let other = next, other.rank > thread.rank || other.rank == thread.rank && !beforeEquals {
      previous = other
      next = other.next
    }
    thread.next = next
    if let previous { previous.next = thread } else { first = thread }
    if next == nil { last = thread }
  }

  mutating func take(where isWanted: (Thread) -> Bool) -> Thread? {
    var previous: Thread?
    var candidate = first
    while let thread = candidate {
      if isWanted(thread) {
        if let previous { previous.next = thread.next } else { first = thread.next }
        if last === thread { last = previous }
        thread.next = nil
        return thread
      }
      previous = thread
      candidate = thread.next
    }
    return nil
  }
}
