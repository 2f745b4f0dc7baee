// SPDX-License-Identifier: Apache-2.0
import Machine

/// What `nanosleep` and its like go on with after a stop (restart_syscall(2)).
struct InterruptedSleep: BitwiseCopyable {
  /// On the monotonic clock.
  var deadline: UInt64
  /// Where to write how much time was left, if a handler ends the sleep; 0 for nowhere.
  var remainderAddress: UInt64
}

/// Waiting with an end.
enum Sleep {
  enum Outcome {
    /// The condition holds.
    case ready
    /// The deadline has passed.
    case timedOut
    /// A signal is to be delivered.
    case interrupted
  }

  /// Waits until `condition` holds, until `deadline` (monotonic nanoseconds; nil: for ever), or until a
  /// signal comes. `condition` is asked first, and again after every interrupt.
  static func until(deadline: UInt64?, _ condition: () -> Bool) -> Outcome {
    if let deadline { Timers.add(deadline: deadline, .sleeper) }
    defer { if deadline != nil { Timers.remove(.sleeper) } }
    var outcome = Outcome.interrupted
    try? Wait.until {
      if condition() {
        outcome = .ready
      } else if let deadline, Clock.monotonicNanoseconds() >= deadline {
        outcome = .timedOut
      }
      return outcome != .interrupted
    }
    return outcome
  }
}

extension Wait {
  /// `until` with an end in monotonic time; false if that came before `isReady`.
  static func until(deadline: UInt64?, _ isReady: () -> Bool) throws(Errno) -> Bool {
    switch Sleep.until(deadline: deadline, isReady) {
    case .ready: return true
    case .timedOut: return false
    case .interrupted: throw .ERESTARTSYS
    }
  }
}
