// SPDX-License-Identifier: Apache-2.0

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

  var isEmpty: Bool { woken.isEmpty && others.isEmpty }
  var hasWoken: Bool { !woken.isEmpty }

  func add(_ thread: Thread, isWoken: Bool) {
    if isWoken && thread.scheduling.policy == Scheduling.other && thread.usedTime < thread.turnEnds {
      woken.append(thread)
    } else {
      others.append(thread)
    }
  }

  /// Puts back a thread that had to give way before its turn was over.
  func putBack(_ thread: Thread) { others.prepend(thread) }

  /// Takes the first one that `mayRun` lets go.
  func take(where mayRun: (Thread) -> Bool) -> Thread? {
    if let thread = woken.take(where: mayRun) { return thread }
    while let thread = others.take(where: mayRun) {
      // Who is alone need not be charged for anything.
      if thread.usedTime < thread.turnEnds || thread.beginTurn() || others.isEmpty { return thread }
      others.append(thread)
    }
    return nil
  }

  /// Takes `thread` if it is here.
  func remove(_ thread: Thread) -> Bool {
    woken.take { $0 === thread } != nil || others.take { $0 === thread } != nil
  }
}
