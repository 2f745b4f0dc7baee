// SPDX-License-Identifier: Apache-2.0
import Machine

/// All that is to happen at a time: a sorted list of deadlines, in front of the one hardware timer.
///
/// The list is short (one sleeper, a few timers of the program), so it is an array. Times are
/// nanoseconds of the monotonic clock. Not for interrupt handlers.
enum Timers {
  /// Whom to tell.
  enum Owner: Equatable, BitwiseCopyable {
    /// A system call that waits: it looks at the clock itself.
    case sleeper
    /// `alarm` and ITIMER_REAL.
    case alarm
    /// A timer of `timer_create`, by its identifier.
    case posix(Int32)
  }

  private struct Entry: BitwiseCopyable {
    var deadline: UInt64
    var owner: Owner
  }
  /// nil until there is a first one (so that this global needs no code to be made).
  private static var list: [Entry]?
  private static var entries: [Entry] {
    get { list ?? [] }
    _modify {
      if list == nil { list = [] }
      yield &list!
    }
  }
  /// What the hardware timer is set to; `.max` while it is not set.
  private static var armedFor: UInt64 = .max
  /// While the program runs, at least this often somebody looks around (see `Ticks`).
  static let tickNanoseconds: UInt64 = 10_000_000

  /// Sets the deadline of `owner`, which had none.
  static func add(deadline: UInt64, _ owner: Owner) {
    var index = 0
    while index < entries.count && entries[index].deadline <= deadline { index += 1 }
    entries.insert(Entry(deadline: deadline, owner: owner), at: index)
    if deadline < armedFor { arm(now: Clock.monotonicNanoseconds(), isProgramRunning: true) }
  }

  /// Forgets the deadline of `owner`, if it has one.
  static func remove(_ owner: Owner) {
    list?.removeAll { $0.owner == owner }
  }

  /// Tells everybody whose time has come.
  static func expire(now: UInt64) {
    while let first = list?.first, first.deadline <= now {
      entries.remove(at: 0)
      switch first.owner {
      case .sleeper: break
      case .alarm: IntervalTimers.alarmExpired(now: now)
      case .posix(let identifier): PosixTimers.expired(identifier, now: now)
      }
    }
  }

  /// Sets the hardware timer for what comes next.
  static func arm(now: UInt64, isProgramRunning: Bool) {
    var target: UInt64 = isProgramRunning ? now &+ tickNanoseconds : .max
    if let first = list?.first { target = min(target, first.deadline) }
    armedFor = target
    if target == .max { return LocalAPIC.stopTimer() }
    LocalAPIC.startTimer(nanoseconds: target > now ? target - now : 1)
  }

  /// The timer has gone off, or is about to: it is not set.
  static func hasFired() { armedFor = .max }
}
