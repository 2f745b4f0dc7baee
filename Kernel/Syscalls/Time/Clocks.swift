// SPDX-License-Identifier: Apache-2.0
import Machine

/// A clock by its number (include/uapi/linux/time.h).
enum ClockKind: BitwiseCopyable {
  case realtime, monotonic
  /// The processor time of all threads, or of the one with this number.
  case processor
  case thread(Int32)

  /// EINVAL: there is no such clock.
  @inline(__always)
  init(_ argument: UInt64) throws(Errno) {
    let number = int(argument)
    switch number {
    // MONOTONIC, MONOTONIC_RAW, MONOTONIC_COARSE, BOOTTIME, BOOTTIME_ALARM: the machine is never suspended
    // while its clock runs on, and nothing steers the clock's speed.
    case 1, 4, 6, 7, 9: self = .monotonic
    // REALTIME, REALTIME_COARSE, REALTIME_ALARM, TAI (whose offset nobody sets: 0, as on Linux without NTP)
    case 0, 5, 8, 11: self = .realtime
    case 2: self = .processor
    case 3: self = .thread(Thread.current.number)
    default:
      // Of a process or thread by number: ~number << 3 | kind, kind 4 and up for threads (clock_getcpuclockid).
      guard number < 0 else { throw .EINVAL }
      let owner = ~(number >> 3)
      guard number & 3 < 3 else { throw .EINVAL }
      if number & 4 != 0 {
        let thread = owner == 0 ? Thread.current.number : owner
        guard Threads.find(thread) != nil else { throw .EINVAL }
        self = .thread(thread)
      } else {
        guard owner == 0 || owner == ProcessGroup.process else { throw .EINVAL }
        self = .processor
      }
    }
  }

  /// Whether it stands still while nothing runs.
  var isOfProcessor: Bool {
    switch self {
    case .processor, .thread: true
    case .realtime, .monotonic: false
    }
  }

  /// Whether it is the processor time of `thread`, or of the process (nil).
  func isTime(of thread: Thread?) -> Bool {
    switch self {
    case .processor: thread == nil
    case .thread(let number): number == thread?.number
    case .realtime, .monotonic: false
    }
  }

  var isRealtime: Bool {
    if case .realtime = self { return true }
    return false
  }

  /// Nanoseconds.
  @inline(__always)
  func now() -> UInt64 {
    switch self {
    case .monotonic: return Clock.monotonicNanoseconds()
    case .realtime: return Clock.realtimeNanoseconds()
    case .processor: return ProcessorTime.total(now: Clock.monotonicNanoseconds())
    case .thread(let number):
      guard let thread = Threads.find(number) else { return 0 }
      return ProcessorTime.total(of: thread, now: Clock.monotonicNanoseconds())
    }
  }
}

@inline(__always)
func sysClockGettime(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  // Nearly always this one is asked for.
  let time = int(call.first) == 1 ? Clock.monotonicNanoseconds() : try otherClock(call.first)
  VDSO.updateIfNeeded()
  try TimeSpecification(nanoseconds: time).store(at: call.second)
  return 0
}

@inline(never)
private func otherClock(_ argument: UInt64) throws(Errno) -> UInt64 { try ClockKind(argument).now() }

func sysClockGetres(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  _ = try ClockKind(call.first)
  if call.second != 0 { try TimeSpecification(nanoseconds: 1).store(at: call.second) }
  return 0
}

/// The wall clock is the host's.
func sysClockSettime(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard case .realtime = try ClockKind(call.first) else { throw .EINVAL }
  _ = try TimeSpecification.load(at: call.second)
  throw .EPERM
}

func sysSettimeofday(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw .EPERM }

func sysGettimeofday(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let time = TimeValue(nanoseconds: Clock.realtimeNanoseconds())
  VDSO.updateIfNeeded()
  if call.first != 0 { try check(ProgramMemory.store(time, at: call.first)) }
  if call.second != 0 { try check(ProgramMemory.storeWord(0, at: call.second)) }
  return 0
}

func sysTime(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let seconds = Clock.realtimeNanoseconds() / 1_000_000_000
  VDSO.updateIfNeeded()
  if call.first != 0 { try check(ProgramMemory.storeWord(seconds, at: call.first)) }
  return seconds
}

/// Reading the state of the clock's steering (adjtimex(2)); nobody steers it, and nobody may.
private func adjust(_ address: UInt64) throws(Errno) -> UInt64 {
  guard let modes = ProgramMemory.load(UInt32.self, at: address) else { throw .EFAULT }
  if modes != 0 { throw .EPERM }
  var words = [UInt8](repeating: 0, count: 208)
  func put(_ offset: Int, _ value: UInt64) {
    for index in 0..<8 { words[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
  }
  put(24, 16_000_000)  // maxerror, microseconds: nothing is known
  put(32, 16_000_000)  // esterror
  put(40, 0x40)  // STA_UNSYNC
  put(48, 2)  // time constant
  put(56, 1)  // precision
  put(64, 32_768_000)  // tolerance
  let now = TimeValue(nanoseconds: Clock.realtimeNanoseconds())
  put(72, UInt64(bitPattern: now.seconds))
  put(80, UInt64(bitPattern: now.microseconds))
  put(88, 10_000)  // microseconds between ticks
  try check(ProgramMemory.write(words.span, to: address))
  return 5  // TIME_ERROR: not synchronised
}

func sysAdjtimex(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try adjust(call.first) }

func sysClockAdjtime(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard case .realtime = try ClockKind(call.first) else { throw .EOPNOTSUPP }
  return try adjust(call.second)
}
