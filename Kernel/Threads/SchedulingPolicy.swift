// SPDX-License-Identifier: Apache-2.0
import Machine

/// How a thread competes for the processors, as the program set it (sched(7)).
struct Scheduling: BitwiseCopyable {
  static var other: Int32 { 0 }
  static var fifo: Int32 { 1 }
  static var roundRobin: Int32 { 2 }
  static var batch: Int32 { 3 }
  static var idle: Int32 { 5 }

  /// SCHED_*.
  var policy: Int32 = 0
  /// 1 to 99 for the real-time policies, 0 for the others.
  var priority: Int32 = 0
  /// -20 to 19; means nothing while the policy is a real-time one.
  var niceness: Int32 = 0
  /// SCHED_RESET_ON_FORK: new threads are ordinary ones.
  var resetsOnFork = false

  var isRealTime: Bool { policy == Self.fifo || policy == Self.roundRobin }

  /// Whoever has a higher one runs first: real-time threads by priority, then all others, of which SCHED_IDLE gives way
  /// at once.
  var rank: Int8 { isRealTime ? Int8(truncatingIfNeeded: priority) : policy == Self.idle ? -1 : 0 }

  /// Nanoseconds of processor time in one turn. One step of niceness is a factor of 1.25, and SCHED_IDLE has 3 parts of
  /// the 1024 that niceness 0 has, as Linux's weights (kernel/sched/core.c, sched_prio_to_weight).
  var turn: UInt64 {
    if policy == Self.roundRobin { return 100_000_000 }
    var result = Self.ordinaryTurn
    if policy == Self.idle { return result * 3 / 1024 }
    var step = niceness
    while step > 0 {
      result = result * 4 / 5
      step -= 1
    }
    while step < 0 {
      result = result * 5 / 4
      step += 1
    }
    return result
  }
  static var ordinaryTurn: UInt64 { 4_000_000 }

  /// What a thread that this one makes begins with.
  var inherited: Scheduling {
    var result = self
    if resetsOnFork {
      if isRealTime { result = Scheduling() } else if niceness < 0 { result.niceness = 0 }
      result.resetsOnFork = false
    }
    return result
  }
}

extension Thread {
  /// Gives it its next turn; false if it has used all of that up already.
  func beginTurn() -> Bool {
    // Much more than a tick it can only have used while nobody else wanted to run, or inside of one long system call.
    turnEnds = max(turnEnds, usedTime - min(usedTime, 4 * Timers.tickNanoseconds)) &+ turn
    return usedTime < turnEnds
  }

  /// Whether the running thread has run for so long that others of its rank come first.
  var isTurnOver: Bool {
    // SCHED_FIFO, and whoever runs at another's priority, runs until it waits.
    if rank > 0 && scheduling.policy != Scheduling.roundRobin { return false }
    ProcessorTime.switched(from: self, on: Processors.current)
    return usedTime >= turnEnds
  }

  /// Competes in this way from now on.
  func setScheduling(_ new: Scheduling) {
    scheduling = new
    turn = new.turn
    turnEnds = usedTime &+ turn
    PriorityMutex.updateRank(self)
  }
}
