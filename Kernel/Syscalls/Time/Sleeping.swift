// SPDX-License-Identifier: Apache-2.0
import Machine

/// Sleeps until `deadline` of a clock that is not CLOCK_REALTIME. False: a signal came first.
private func sleep(_ clock: ClockKind, until deadline: UInt64) -> Bool {
  guard clock.isOfProcessor else { return Wait.sleep(until: deadline) == .timedOut }
  ProcessorTimers.isUsed = true
  return (try? Wait.until(ProcessorTimers.sleepers.queue) { clock.now() >= deadline }) != nil
}

/// The same; what is left goes to `remainder` if a handler ends it.
private func sleep(_ clock: ClockKind, until deadline: UInt64, remainder: UInt64) throws(Errno) -> UInt64 {
  if sleep(clock, until: deadline) { return 0 }
  // If a handler runs, EINTR is the answer and the remainder counts; otherwise the sleep goes on.
  if remainder != 0 {
    let now = clock.now()
    try TimeSpecification(nanoseconds: deadline > now ? deadline - now : 0).store(at: remainder)
  }
  Thread.current.interruptedSleep = InterruptedSleep(clock: clock, deadline: deadline, remainderAddress: remainder)
  throw .ERESTART_RESTARTBLOCK
}

func sysNanosleep(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let time = try TimeSpecification.load(at: call.first)
  guard time.isValid else { throw .EINVAL }
  let deadline = Clock.monotonicNanoseconds().addingSaturating(time.nanosecondsSaturating)
  return try sleep(.monotonic, until: deadline, remainder: call.second)
}

func sysClockNanosleep(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let isAbsolute = call.second & 1 != 0  // TIMER_ABSTIME
  var clock = try ClockKind(call.first)
  let time = try TimeSpecification.load(at: call.third)
  guard time.isValid else { throw .EINVAL }
  // Its own time does not go on while a thread sleeps.
  guard !clock.isTime(of: Thread.current) else { throw .EINVAL }
  var deadline = time.nanosecondsSaturating
  if isAbsolute && clock.isRealtime {
    let realtime = Clock.realtimeNanoseconds()
    deadline = Clock.monotonicNanoseconds().addingSaturating(max(deadline, realtime) - realtime)
  }
  if clock.isRealtime { clock = .monotonic }
  guard isAbsolute else {
    return try sleep(clock, until: clock.now().addingSaturating(deadline), remainder: call.fourth)
  }
  // An absolute sleep is simply made again.
  if sleep(clock, until: deadline) { return 0 }
  throw .ERESTARTNOHAND
}

/// Goes on with a sleep that a stop interrupted (restart_syscall(2)).
func sysRestartSyscall(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = Thread.current!
  guard let interrupted = thread.interruptedSleep else { throw .EINTR }
  thread.interruptedSleep = nil
  return try sleep(interrupted.clock, until: interrupted.deadline, remainder: interrupted.remainderAddress)
}

func sysSchedYield(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if Scheduler.hasReady { Scheduler.yield() }
  return 0
}
