// SPDX-License-Identifier: Apache-2.0
import Machine

/// Sleeps until `deadline` of the monotonic clock. What is left goes to `remainder` if a handler ends it.
private func sleep(_ deadline: UInt64, remainder: UInt64) throws(Errno) -> UInt64 {
  if Wait.sleep(until: deadline) == .timedOut { return 0 }
  // If a handler runs, EINTR is the answer and the remainder counts; otherwise the sleep goes on.
  if remainder != 0 {
    let now = Clock.monotonicNanoseconds()
    try TimeSpecification(nanoseconds: deadline > now ? deadline - now : 0).store(at: remainder)
  }
  Thread.current.interruptedSleep = InterruptedSleep(deadline: deadline, remainderAddress: remainder)
  throw .ERESTART_RESTARTBLOCK
}

func sysNanosleep(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let time = try TimeSpecification.load(at: call.first)
  guard time.isValid else { throw .EINVAL }
  let deadline = Clock.monotonicNanoseconds().addingSaturating(time.nanosecondsSaturating)
  return try sleep(deadline, remainder: call.second)
}

func sysClockNanosleep(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let isAbsolute = call.second & 1 != 0  // TIMER_ABSTIME
  let kind = try ClockKind(call.first)
  let time = try TimeSpecification.load(at: call.third)
  guard time.isValid else { throw .EINVAL }
  // CLOCK_THREAD_CPUTIME_ID is refused by Linux too; the process's does not go on while its one thread sleeps.
  guard !kind.isOfProcessor else { throw int(call.first) == 3 ? .EINVAL : .EOPNOTSUPP }
  let now = Clock.monotonicNanoseconds()
  if !isAbsolute { return try sleep(now.addingSaturating(time.nanosecondsSaturating), remainder: call.fourth) }
  var deadline = time.nanosecondsSaturating
  if kind.isRealtime {
    let realtime = Clock.realtimeNanoseconds()
    deadline = deadline > realtime ? now.addingSaturating(deadline - realtime) : now
  }
  // An absolute sleep is simply made again.
  if Wait.sleep(until: deadline) == .timedOut { return 0 }
  throw .ERESTARTNOHAND
}

/// Goes on with a sleep that a stop interrupted (restart_syscall(2)).
func sysRestartSyscall(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let interrupted = Thread.current.interruptedSleep else { throw .EINTR }
  Thread.current.interruptedSleep = nil
  return try sleep(interrupted.deadline, remainder: interrupted.remainderAddress)
}

func sysSchedYield(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if Scheduler.hasReady { Scheduler.yield() }
  return 0
}
