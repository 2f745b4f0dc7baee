// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// What happens when the process, or one of its threads, has used so much processor time. It is looked at with every
/// tick, which comes when the first of these is due, if the thread that runs then still does.
enum ProcessorTimers {
  /// There is something to look at, or was.
  static var isUsed = false
  /// Threads that sleep until the process, or another thread, has used so much.
  static var sleepers = WaitPlace()

  private static var limit: Limits.Limit { limits[Limits.Resource.processorTime] }

  /// Lets all expire whose time has come.
  static func check(now: UInt64) {
    guard isUsed else { return }
    let total = ProcessorTime.total(now: now)
    IntervalTimers.check(total)
    PosixTimers.checkProcessorTime()
    sleepers.wake()
    if limit.soft != Limits.infinity || limit.hard != Limits.infinity { checkLimit(total / 1_000_000_000) }
  }

  /// RLIMIT_CPU: SIGXCPU every second from the soft limit on, SIGKILL at the hard one.
  private static func checkLimit(_ seconds: UInt64) {
    if seconds >= limit.hard { return Signals.post(Signal.kill) }
    guard seconds >= limit.soft else { return }
    Signals.post(Signal.processorTime)
    limits[Limits.Resource.processorTime].soft = limit.soft &+ 1
  }

  /// Nanoseconds until the first one expires, if `thread` goes on and nothing else changes.
  static func remaining(_ thread: Thread, now: UInt64) -> UInt64 {
    guard isUsed else { return .max }
    let total = ProcessorTime.total(now: now)
    var next = min(IntervalTimers.nextOfProcess(total), PosixTimers.nextDeadline(of: nil))
    if limit.soft != Limits.infinity { next = min(next, limit.soft.multiplyingSaturating(1_000_000_000)) }
    // The process's time goes on as often as there are processors that run it.
    let ofProcess = next == .max ? next : (max(next, total) - total) / max(1, ProcessorTime.runningProcessors)
    next = PosixTimers.nextDeadline(of: thread)
    guard next != .max else { return ofProcess }
    let used = ProcessorTime.total(of: thread, now: now)
    return min(ofProcess, max(next, used) - used)
  }
}
