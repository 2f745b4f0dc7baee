// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// `struct itimerspec`.
struct TimerSpecification: BitwiseCopyable {
  var interval: TimeSpecification
  var value: TimeSpecification
}

/// The part of `struct sigevent` that counts.
private struct SignalEvent: BitwiseCopyable {
  var value: UInt64
  var signal: Int32
  var notification: Int32
  var thread: Int32
}

private func timer(_ argument: UInt64) throws(Errno) -> (Int32, PosixTimers.Timer) {
  guard let timer = PosixTimers[int(argument)] else { throw .EINVAL }
  return (int(argument), timer)
}

func sysTimerCreate(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  var timer = PosixTimers.Timer()
  timer.clock = try ClockKind(call.first)
  timer.signal = Int32(Signal.alarm)
  var takesIdentifier = true
  if call.second != 0 {
    guard let event = ProgramMemory.load(SignalEvent.self, at: call.second) else { throw .EFAULT }
    takesIdentifier = false
    timer.value = event.value
    switch event.notification {
    case 1: timer.signal = 0  // SIGEV_NONE
    case 0, 4:  // SIGEV_SIGNAL, SIGEV_THREAD_ID
      if event.notification == 4 {
        guard Threads.find(event.thread) != nil else { throw .EINVAL }
        timer.thread = event.thread
      }
      guard Signal.isValid(Int(event.signal)) else { throw .EINVAL }
      timer.signal = event.signal
    default: throw .EINVAL
    }
  }
  try check(ProgramMemory.isRange(call.third, 4))
  guard let identifier = PosixTimers.create(timer, valueIsIdentifier: takesIdentifier) else { throw .EAGAIN }
  if !ProgramMemory.store(identifier, at: call.third) {
    PosixTimers.delete(identifier)
    throw .EFAULT
  }
  return 0
}

private func remaining(_ timer: PosixTimers.Timer) -> TimerSpecification {
  let now = timer.clock.isOfProcessor ? timer.clock.now() : Clock.monotonicNanoseconds()
  let left = timer.deadline == 0 ? 0 : timer.deadline > now ? timer.deadline - now : 1
  return TimerSpecification(
    interval: TimeSpecification(nanoseconds: timer.interval), value: TimeSpecification(nanoseconds: left))
}

func sysTimerSettime(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let new = ProgramMemory.load(TimerSpecification.self, at: call.third) else { throw .EFAULT }
  guard new.value.isValid, new.interval.isValid else { throw .EINVAL }
  let (identifier, timer) = try timer(call.first)
  if case .thread(let number) = timer.clock, Threads.find(number) == nil { throw .ESRCH }
  let old = remaining(timer)
  var deadline: UInt64 = 0
  let value = new.value.nanosecondsSaturating
  if value != 0 {
    let clock = timer.clock.isRealtime ? ClockKind.monotonic : timer.clock
    if call.second & 1 == 0 {
      deadline = clock.now().addingSaturating(value)
    } else if timer.clock.isRealtime {
      let realtime = Clock.realtimeNanoseconds()
      deadline = clock.now().addingSaturating(max(value, realtime) - realtime)
    } else {
      deadline = value
    }
  }
  PosixTimers.set(identifier, deadline: deadline, interval: new.interval.nanosecondsSaturating)
  if call.fourth != 0 { try check(ProgramMemory.store(old, at: call.fourth)) }
  return 0
}

func sysTimerGettime(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (_, timer) = try timer(call.first)
  try check(ProgramMemory.store(remaining(timer), at: call.second))
  return 0
}

func sysTimerGetoverrun(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  UInt64(UInt32(bitPattern: try timer(call.first).1.overrun))
}

func sysTimerDelete(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  PosixTimers.delete(try timer(call.first).0)
  return 0
}
