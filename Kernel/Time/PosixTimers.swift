// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// The timers of `timer_create` (timer_create(2)).
enum PosixTimers {
  struct Timer: BitwiseCopyable {
    var isUsed = false
    /// 0: expires without a signal (SIGEV_NONE).
    var signal: Int32 = 0
    var value: UInt64 = 0
    /// The thread that gets the signal (SIGEV_THREAD_ID); 0: the process.
    var thread: Int32 = 0
    var clock = ClockKind.monotonic
    /// While it is set, on a clock that follows real time.
    var handle: Timers.Handle?
    /// On the monotonic clock, or on that of processor time; 0 while it is not set.
    var deadline: UInt64 = 0
    var interval: UInt64 = 0
    /// Expirations that the last signal stands for, beyond the first.
    var overrun: Int32 = 0
  }
  private static var timers = InlineArray<32, Timer>(repeating: Timer())

  /// nil: there are as many as there can be. Without a `sigevent` the signal's value is the identifier.
  static func create(_ timer: Timer, valueIsIdentifier: Bool) -> Int32? {
    for index in 0..<32 where !timers[index].isUsed {
      timers[index] = timer
      if valueIsIdentifier { timers[index].value = UInt64(index) }
      timers[index].isUsed = true
      return Int32(index)
    }
    return nil
  }

  /// nil: there is no such timer.
  static subscript(_ identifier: Int32) -> Timer? {
    guard identifier >= 0, identifier < 32, timers[Int(identifier)].isUsed else { return nil }
    return timers[Int(identifier)]
  }

  static func delete(_ identifier: Int32) {
    if let handle = timers[Int(identifier)].handle { Timers.remove(handle) }
    timers[Int(identifier)] = Timer()
  }

  /// Lets the timer expire at `deadline` (0: never) and then every `interval`.
  static func set(_ identifier: Int32, deadline: UInt64, interval: UInt64) {
    if let handle = timers[Int(identifier)].handle { Timers.remove(handle) }
    timers[Int(identifier)].deadline = deadline
    timers[Int(identifier)].interval = interval
    timers[Int(identifier)].overrun = 0
    timers[Int(identifier)].handle = nil
    guard deadline != 0 else { return }
    if timers[Int(identifier)].clock.isOfProcessor { return Timers.armForProcessorTime() }
    timers[Int(identifier)].handle = Timers.add(deadline: deadline, .posix(identifier))
  }

  /// The processor time at which the next timer on it expires: that of `thread`, or of the process. `.max`: none.
  static func nextDeadline(of thread: Thread?) -> UInt64 {
    var result = UInt64.max
    for index in 0..<32 where timers[index].deadline != 0 && timers[index].clock.isTime(of: thread) {
      result = min(result, timers[index].deadline)
    }
    return result
  }

  /// Lets those on processor time expire.
  static func checkProcessorTime() {
    for index in 0..<Int32(32) where timers[Int(index)].deadline != 0 && timers[Int(index)].clock.isOfProcessor {
      let now = timers[Int(index)].clock.now()
      if now >= timers[Int(index)].deadline { expired(index, now: now) }
    }
  }

  /// `now` is the time on the clock of the deadline.
  static func expired(_ identifier: Int32, now: UInt64) {
    var timer = timers[Int(identifier)]
    var missed: UInt64 = 0
    if timer.interval != 0 {
      missed = (now &- timer.deadline) / timer.interval
      timer.deadline = timer.deadline.addingSaturating(timer.interval.multiplyingSaturating(missed &+ 1))
      if !timer.clock.isOfProcessor { timer.handle = Timers.add(deadline: timer.deadline, .posix(identifier)) }
    } else {
      timer.deadline = 0
      timer.handle = nil
    }
    if timer.signal != 0 {
      timer.overrun = Int32(clamping: missed)
      var information = SignalInformation(Int(timer.signal), code: SignalInformation.timer)
      // si_timerid and si_overrun.
      information.first = UInt64(UInt32(bitPattern: identifier)) | UInt64(UInt32(bitPattern: timer.overrun)) << 32
      information.value = timer.value
      if timer.thread == 0 {
        _ = Signals.post(information, to: nil)
      } else if let thread = Threads.find(timer.thread) {
        _ = Signals.post(information, to: thread)
      }
    }
    timers[Int(identifier)] = timer
  }

  /// `execve` deletes all.
  static func deleteAll() {
    for index in 0..<Int32(32) where timers[Int(index)].isUsed { delete(index) }
  }
}
