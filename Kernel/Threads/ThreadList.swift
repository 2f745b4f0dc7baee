// SPDX-License-Identifier: Apache-2.0
import Machine

/// Threads one behind the other, by their `next`: each is in one list at most.
///
/// The list counts no references. A thread that is ready to run is not freed: `Threads` holds those that have not
/// ended and those that are kept for later, `Scheduler` the idlers.
struct ThreadList {
  private(set) var first: Borrowed<Thread>?
  private var last: Borrowed<Thread>?

  @inline(__always)
  var isEmpty: Bool { first == nil }

  mutating func append(_ thread: Thread) {
    let new = Borrowed(thread)
    if let last { last.with { $0.next = new } } else { first = new }
    last = new
  }

  mutating func prepend(_ thread: Thread) {
    thread.next = first
    first = Borrowed(thread)
    if last == nil { last = first }
  }

  /// Before all of lower rank; before or behind those of the same.
  @inline(never)
  mutating func insert(_ thread: Thread, beforeEquals: Bool) {
    let rank = thread.rank
    var previous: Borrowed<Thread>?
    var next = first
    while let other = next, other.with({ $0.rank > rank || $0.rank == rank && !beforeEquals }) {
      previous = other
      next = other.with { $0.next }
    }
    let new = Borrowed(thread)
    thread.next = next
    if let previous { previous.with { $0.next = new } } else { first = new }
    if next == nil { last = new }
  }

  /// Takes the first one that the processor `processor` may run.
  @inline(__always)
  mutating func take(for processor: Int) -> Borrowed<Thread>? {
    guard let first else { return nil }
    guard first.with({ $0.mayBeTaken(by: processor) }) else { return takeLater(for: processor) }
    unlink(first, after: nil)
    return first
  }

  @inline(never)
  private mutating func takeLater(for processor: Int) -> Borrowed<Thread>? {
    var previous = first
    while let candidate = previous?.with({ $0.next }) {
      if candidate.with({ $0.mayBeTaken(by: processor) }) {
        unlink(candidate, after: previous)
        return candidate
      }
      previous = candidate
    }
    return nil
  }

  /// Takes `thread` if it is here.
  @inline(never)
  mutating func remove(_ thread: Thread) -> Bool {
    var previous: Borrowed<Thread>?
    var candidate = first
    while let other = candidate {
      if other === thread {
        unlink(other, after: previous)
        return true
      }
      previous = other
      candidate = other.with { $0.next }
    }
    return false
  }

  @inline(__always)
  private mutating func unlink(_ thread: Borrowed<Thread>, after previous: Borrowed<Thread>?) {
    let next = thread.with { thread in
      let next = thread.next
      thread.next = nil
      return next
    }
    if let previous { previous.with { $0.next = next } } else { first = next }
    if next == nil { last = previous }
  }
}
