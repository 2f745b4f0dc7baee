// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// All that is to happen at a time: a timing wheel in front of the processors' hardware timers. Times are nanoseconds of
/// the monotonic clock. Not for interrupt handlers.
enum Timers {
  /// Whom to tell.
  enum Owner: Equatable, BitwiseCopyable {
    /// A thread that waits, by its number: it looks at the clock itself.
    case thread(Int32)
    /// `alarm` and ITIMER_REAL.
    case alarm
    /// A timer of `timer_create`, by its identifier.
    case posix(Int32)
    /// A timer of `timerfd_create`, by its place.
    case file(Int32)

    /// As the wheel keeps it: the kind, and the number below.
    fileprivate var payload: UInt64 {
      switch self {
      case .alarm: 0
      case .thread(let number): 1 << 32 | UInt64(UInt32(bitPattern: number))
      case .posix(let number): 2 << 32 | UInt64(UInt32(bitPattern: number))
      case .file(let number): 3 << 32 | UInt64(UInt32(bitPattern: number))
      }
    }

    fileprivate init(payload: UInt64) {
      let number = Int32(truncatingIfNeeded: payload)
      switch payload >> 32 {
      case 1: self = .thread(number)
      case 2: self = .posix(number)
      case 3: self = .file(number)
      default: self = .alarm
      }
    }
  }

  /// One deadline, to take it back.
  typealias Handle = TimerWheel.Handle

  /// nil until there is a first one (so that this global needs no code to be made).
  private static var existing: Wheel?
  private static var deadlines: Wheel {
    if let existing { return existing }
    let new = Wheel()
    existing = new
    return new
  }
  private final class Wheel {
    var wheel = TimerWheel()
  }

  /// What each processor's timer is set to; `.max` while it is not set. Each deadline is watched by the processor that
  /// added it, and by those that set their timers later.
  private static var armed = InlineArray<64, UInt64>(repeating: .max)
  private static var armedFor: UInt64 {
    get { armed[Processors.current] }
    set { armed[Processors.current] = newValue }
  }
  /// While the program runs, at least this often somebody looks around (see `Ticks`).
  static var tickNanoseconds: UInt64 { 4_000_000 }

  /// Memory for one more deadline.
  static var bytesToGrow: Int { deadlines.wheel.bytesToGrow }

  /// Tells `owner` at `deadline`, unless `remove` comes before.
  static func add(deadline: UInt64, _ owner: Owner) -> Handle {
    let handle = deadlines.wheel.add(deadline: deadline, payload: owner.payload)
    if deadline < armedFor { arm(now: Clock.monotonicNanoseconds(), isProgramRunning: true) }
    return handle
  }

  /// Forgets a deadline; nothing happens if it has passed.
  static func remove(_ handle: Handle) { existing?.wheel.remove(handle) }

  /// Tells everybody whose time has come.
  static func expire(now: UInt64) {
    while let payload = existing?.wheel.takeExpired(now: now) {
      switch Owner(payload: payload) {
      case .thread(let number): Threads.find(number)?.wake()
      case .alarm: IntervalTimers.alarmExpired(now: now)
      case .posix(let identifier): PosixTimers.expired(identifier, now: now)
      case .file(let place): TimerFiles.expired(Int(place))
      }
    }
  }

  /// Sets the hardware timer for what comes next.
  static func arm(now: UInt64, isProgramRunning: Bool) {
    var target: UInt64 = isProgramRunning ? now &+ tickNanoseconds : .max
    if let next = existing?.wheel.nextDeadline { target = min(target, next) }
    if isProgramRunning {
      target = min(target, now.addingSaturating(ProcessorTimers.remaining(Thread.current, now: now)))
    }
    armedFor = target
    if target == .max { return LocalAPIC.stopTimer() }
    LocalAPIC.startTimer(nanoseconds: target > now ? target - now : 1)
  }

  /// Something new is to happen at some processor time.
  static func armForProcessorTime() {
    ProcessorTimers.isUsed = true
    let now = Clock.monotonicNanoseconds()
    if now.addingSaturating(ProcessorTimers.remaining(Thread.current, now: now)) < armedFor {
      arm(now: now, isProgramRunning: true)
    }
  }

  /// The timer has gone off, or is about to: it is not set.
  static func hasFired() { armedFor = .max }
}
