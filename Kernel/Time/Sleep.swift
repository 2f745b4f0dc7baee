// SPDX-License-Identifier: Apache-2.0
import Machine

/// What `nanosleep` and its like go on with after a stop (restart_syscall(2)).
struct InterruptedSleep: BitwiseCopyable {
  /// On the monotonic clock.
  var deadline: UInt64
  /// Where to write how much time was left, if a handler ends the sleep; 0 for nowhere.
  var remainderAddress: UInt64
}

/// Waiting inside of a system call.
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
  /// signal comes. `condition` is asked again after every interrupt.
  static func until(deadline: UInt64?, _ condition: () -> Bool) -> Outcome {
    if let deadline { Timers.add(deadline: deadline, .sleeper) }
    Processor.disableInterrupts()
    var outcome: Outcome
    repeat {
      let now = Clock.monotonicNanoseconds()
      receive(now)
      outcome = .timedOut
      if condition() { outcome = .ready; break }
      if Signals.isInterrupting { outcome = .interrupted; break }
      if let deadline, now >= deadline { break }
      idle(now)
    } while true
    Timers.remove(.sleeper)
    // The program's tick was not kept up while waiting.
    PendingWork.add(.tick)
    Processor.enableInterrupts()
    return outcome
  }

  /// Waits while the process is stopped. Interrupts are off, before and after.
  static func whileStopped() {
    while true {
      let now = Clock.monotonicNanoseconds()
      receive(now)
      if !Signals.shared.isStopped { break }
      idle(now)
    }
    PendingWork.add(.tick)
  }

  /// Takes in what interrupts have brought.
  private static func receive(_ now: UInt64) {
    if PendingWork.contains(.input) { Console.receivePending() }
    if PendingWork.take(.tick) {
      Timers.hasFired()
      Timers.expire(now: now)
    }
  }

  /// Lets the processor wait for the next interrupt.
  private static func idle(_ now: UInt64) {
    Timers.arm(now: now, isProgramRunning: false)
    Processor.waitForInterrupt()
    ProcessorTime.addIdle(Clock.monotonicNanoseconds() &- now)
  }
}
