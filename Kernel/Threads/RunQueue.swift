// SPDX-License-Identifier: Apache-2.0
import Machine

/// Threads without real-time priority that could run on a processor, in the order in which they will.
///
/// Each may use so much processor time in its turn as its niceness gives it (`Scheduling.turn`): deficit round robin
/// (Shreedhar and Varghese, 1995), with processor time for bytes. Those that were woken and have some of their turn
/// left come before all others: who waits much and works little should not stand in line behind those who only work.
/// Who has used its turn up stands in line, and gets the next one when it comes to the front; what it used too much is
/// charged to that. So in the long run everybody's share is as their turns are.
final class RunQueue {
  private var woken = ThreadList()
  private var others = ThreadList()

  /// The processor has nothing to do, waits for an interrupt, and nobody has sent it one.
  var isIdle = false
  /// The rank of the thread that runs on the processor, or that is about to.
  var rank: Int8 = 0

  @inline(__always) var isEmpty: Bool { woken.isEmpty && others.isEmpty }
  @inline(__always) var hasWoken: Bool { !woken.isEmpty }

  func add(_ thread: Thread) { others.append(thread) }

  /// The same for one that waited.
  func addWoken(_ thread: Thread) {
    if thread.scheduling.policy == Scheduling.other && thread.usedTime < thread.turnEnds {
      woken.append(thread)
    } else {
      others.append(thread)
    }
  }

  /// Puts back a thread that had to give way before its turn was over.
  func putBack(_ thread: Thread) { others.prepend(thread) }

  /// Takes the first one that stands in line and that the processor `processor` may run.
  func takeFromLine(for processor: Int) -> Borrowed<Thread>? { others.take(for: processor) }

  /// Takes the first one that the processor `processor` may run.
  func take(for processor: Int) -> Borrowed<Thread>? {
    if let thread = woken.take(for: processor) { return thread }
    while let thread = others.take(for: processor) {
      // Who is alone need not be charged for anything.
      if thread.with({ $0.usedTime < $0.turnEnds || $0.beginTurn() }) || others.isEmpty { return thread }
      thread.with { others.append($0) }
    }
    return nil
  }

  /// The ticks that its processor has seen.
  var ticks: UInt8 = 0

  /// Whether fewer stand in line here than in `other`. Those who were woken do not count: they are gone soon.
  func hasFewer(than other: RunQueue) -> Bool {
    var here = others.first
    var there = other.others.first
    while let thread = here, let next = there {
      here = thread.with { $0.next }
      there = next.with { $0.next }
    }
    return here == nil && there != nil
  }

  /// Takes `thread` if it is here.
  func remove(_ thread: Thread) -> Bool { woken.remove(thread) || others.remove(thread) }
}
