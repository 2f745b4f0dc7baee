// SPDX-License-Identifier: Apache-2.0

/// Threads that could run on a processor, in the order in which they will.
///
/// Those that were woken come before those that were taken off the processor: who waits much and works little should
/// not stand in line behind those who only work. But after some of the first, one of the others has its turn.
final class RunQueue {
  private var woken = ThreadList()
  private var others = ThreadList()
  private var turns = 0
  private static let greatestTurns = 16

  /// The processor has nothing to do, and waits for an interrupt.
  var isIdle = false

  var isEmpty: Bool { woken.isEmpty && others.isEmpty }

  func add(_ thread: Thread, isWoken: Bool) {
    if isWoken { woken.append(thread) } else { others.append(thread) }
  }

  /// Takes the first one that `mayRun` lets go.
  func take(where mayRun: (Thread) -> Bool) -> Thread? {
    if turns < Self.greatestTurns, let thread = woken.take(where: mayRun) {
      if !others.isEmpty { turns &+= 1 }
      return thread
    }
    turns = 0
    return others.take(where: mayRun) ?? woken.take(where: mayRun)
  }
}

/// Threads one behind the other, by their `next`: each is in one list at most.
private struct ThreadList {
  private var first: Thread?
  private var last: Thread?

  var isEmpty: Bool { first == nil }

  mutating func append(_ thread: Thread) {
    if let last { last.next = thread } else { first = thread }
    last = thread
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
