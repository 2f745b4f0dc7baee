// SPDX-License-Identifier: Apache-2.0
import Machine

/// futex(2) for one thread: nobody can wake a sleeper but a signal or the time, and nobody sleeps who could
/// be woken.
func sysFutex(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let operation = call.second & 0x7f
  let usesRealtime = call.second & 0x100 != 0
  guard call.first & 3 == 0 else { throw .EINVAL }
  switch operation {
  case 0, 9:  // FUTEX_WAIT, FUTEX_WAIT_BITSET
    if operation == 9 && call.sixth & 0xffff_ffff == 0 { throw .EINVAL }
    if usesRealtime && operation == 0 { throw .ENOSYS }
    var deadline: UInt64? = nil
    if call.fourth != 0 {
      let time = try TimeSpecification.load(at: call.fourth)
      guard time.isValid else { throw .EINVAL }
      deadline = absolute(time.nanosecondsSaturating, isRelative: operation == 0, isRealtime: usesRealtime)
    }
    guard let value = ProgramMemory.load(UInt32.self, at: call.first) else { throw .EFAULT }
    guard value == UInt32(truncatingIfNeeded: call.third) else { throw .EAGAIN }
    if Sleep.until(deadline: deadline, { false }) == .timedOut { throw .ETIMEDOUT }
    // A relative time would start afresh; absolute ones, and none, may be waited for again.
    throw deadline != nil && operation == 0 ? .EINTR : .ERESTARTSYS
  case 1, 10:  // FUTEX_WAKE, FUTEX_WAKE_BITSET
    try check(ProgramMemory.isRange(call.first, 4))
    return 0
  default:
    throw .ENOSYS
  }
}

private func absolute(_ time: UInt64, isRelative: Bool, isRealtime: Bool) -> UInt64 {
  if !isRelative && !isRealtime { return time }
  let now = Clock.monotonicNanoseconds()
  if isRelative { return now.addingSaturating(time) }
  let realtime = Clock.realtimeNanoseconds()
  return time > realtime ? now.addingSaturating(time - realtime) : now
}

/// No thread to make anything visible to: MEMBARRIER_CMD_QUERY says that no command is offered.
func sysMembarrier(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard int(call.first) == 0, int(call.second) == 0 else { throw .EINVAL }
  return 0
}
