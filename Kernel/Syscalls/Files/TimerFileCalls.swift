// SPDX-License-Identifier: Apache-2.0
import Machine

func sysTimerfdCreate(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = OpenFlags(rawValue: UInt32(truncatingIfNeeded: call.second))
  guard flags.isSubset(of: [.closeOnExec, .nonBlocking]) else { throw .EINVAL }
  // CLOCK_REALTIME, MONOTONIC, BOOTTIME, and the two that would wake a machine that sleeps; this one never does.
  let clock = int(call.first)
  switch clock {
  case 0, 1, 7: break
  case 8, 9: guard identity.may(.wakeAlarm) else { throw .EPERM }
  default: throw .EINVAL
  }
  try UnnamedNode.checkRoom()
  return try UnnamedNode.install(
    TimerFile(isRealtime: clock == 0 || clock == 8), "anon_inode:[timerfd]",
    isNonBlocking: flags.contains(.nonBlocking), closeOnExec: flags.contains(.closeOnExec))
}

private func timerFile(_ argument: UInt64) throws(Errno) -> TimerFile {
  guard let file = try descriptors.file(argument).content as? TimerFile else { throw .EINVAL }
  return file
}

private func remaining(_ file: TimerFile) -> TimerSpecification {
  let (value, interval) = file.remaining()
  return TimerSpecification(
    interval: TimeSpecification(nanoseconds: interval), value: TimeSpecification(nanoseconds: value))
}

func sysTimerfdSettime(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let new = ProgramMemory.load(TimerSpecification.self, at: call.third) else { throw .EFAULT }
  // TFD_TIMER_ABSTIME 1; TFD_TIMER_CANCEL_ON_SET 2 means nothing where nobody sets the clock.
  guard call.second & 0xffff_fffc == 0, new.value.isValid, new.interval.isValid else { throw .EINVAL }
  let file = try timerFile(call.first)
  let old = remaining(file)
  try file.set(
    value: new.value.nanosecondsSaturating, isAbsolute: call.second & 1 != 0,
    interval: new.interval.nanosecondsSaturating)
  if call.fourth != 0 { try check(ProgramMemory.store(old, at: call.fourth)) }
  return 0
}

func sysTimerfdGettime(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try check(ProgramMemory.store(remaining(try timerFile(call.first)), at: call.second))
  return 0
}
