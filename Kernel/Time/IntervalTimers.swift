// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// `setitimer`'s three timers (setitimer(2)); `alarm` is the first one by another name.
enum IntervalTimers {
  enum Kind: Int32 {
    /// Real time, SIGALRM.
    case real = 0
    /// The program's own processor time, SIGVTALRM.
    case virtual = 1
    /// All of its processor time, SIGPROF.
    case profile = 2
  }

  /// Nanoseconds on the timer's own clock; a deadline of 0 means that it is not set.
  struct Setting: BitwiseCopyable {
    var deadline: UInt64 = 0
    var interval: UInt64 = 0
  }
  private static var real = Setting()
  /// While `real` is set.
  private static var alarm: Timers.Handle?
  private static var virtual = Setting()
  private static var profile = Setting()

  /// The time on the clock that `kind` runs on.
  private static func time(_ kind: Kind) -> UInt64 {
    let now = Clock.monotonicNanoseconds()
    switch kind {
    case .real: return now
    case .virtual: return ProcessorTime.divided(now: now).user
    case .profile: return ProcessorTime.total(now: now)
    }
  }

  private static func setting(_ kind: Kind) -> Setting {
    switch kind {
    case .real: real
    case .virtual: virtual
    case .profile: profile
    }
  }

  /// Nanoseconds until the timer expires (0: it is not set), and its interval.
  static func get(_ kind: Kind) -> (value: UInt64, interval: UInt64) {
    let setting = setting(kind)
    if setting.deadline == 0 { return (0, setting.interval) }
    let now = time(kind)
    // A timer that is due and not yet delivered has a little left, for 0 would mean "not set".
    return (setting.deadline > now ? setting.deadline - now : 1000, setting.interval)
  }

  /// Lets the timer expire in `value` nanoseconds (0: never) and then every `interval` (0: only once).
  static func set(_ kind: Kind, value: UInt64, interval: UInt64) {
    let deadline = value == 0 ? 0 : time(kind).addingSaturating(value)
    let setting = Setting(deadline: deadline, interval: interval)
    switch kind {
    case .real:
      if let alarm { Timers.remove(alarm) }
      real = setting
      alarm = deadline == 0 ? nil : Timers.add(deadline: deadline, .alarm)
    case .virtual: virtual = setting
    case .profile: profile = setting
    }
    if kind != .real { Timers.armForProcessorTime() }
  }

  /// The processor time of the process, now `total`, at which the next one on it expires.
  static func nextOfProcess(_ total: UInt64) -> UInt64 {
    var result = profile.deadline == 0 ? UInt64.max : profile.deadline
    if virtual.deadline != 0 {
      let user = time(.virtual)
      result = min(result, total.addingSaturating(virtual.deadline - min(user, virtual.deadline)))
    }
    return result
  }

  /// `real` has expired.
  static func alarmExpired(now: UInt64) {
    Signals.post(Signal.alarm)
    real.deadline = real.interval == 0 ? 0 : next(real, now)
    alarm = real.deadline == 0 ? nil : Timers.add(deadline: real.deadline, .alarm)
  }

  /// Looks, at every tick, whether the timers on processor time have expired.
  static func check(_ total: UInt64) {
    if profile.deadline != 0 && total >= profile.deadline {
      Signals.post(Signal.profile)
      profile.deadline = profile.interval == 0 ? 0 : next(profile, total)
    }
    guard virtual.deadline != 0 else { return }
    let user = time(.virtual)
    if user >= virtual.deadline {
      Signals.post(Signal.virtualAlarm)
      virtual.deadline = virtual.interval == 0 ? 0 : next(virtual, user)
    }
  }

  /// The first deadline after `now`: intervals that were missed are not made up for.
  private static func next(_ setting: Setting, _ now: UInt64) -> UInt64 {
    let missed = (now &- setting.deadline) / setting.interval
    return setting.deadline.addingSaturating(setting.interval.multiplyingSaturating(missed &+ 1))
  }
}

extension UInt64 {
  @inline(__always) func addingSaturating(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
  @inline(__always) func multiplyingSaturating(_ other: UInt64) -> UInt64 {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
