// SPDX-License-Identifier: Apache-2.0
import Machine

/// How the one thread is scheduled. It is the only one, so every policy holds by itself: what the program
/// sets is kept and given back.
private var policy: Int32 = 0
private var realTimePriority: Int32 = 0
private var niceness: Int32 = 0

private func checkProcess(_ argument: UInt64) throws(Errno) {
  guard int(argument) >= 0 else { throw .EINVAL }
  guard ProcessGroup.isOwn(int(argument)) else { throw .ESRCH }
}

/// SCHED_FIFO and SCHED_RR have priorities 1 to 99; OTHER, BATCH and IDLE have 0.
private func priorities(_ policy: Int32) throws(Errno) -> ClosedRange<Int32> {
  switch policy {
  case 1, 2: return 1...99
  case 0, 3, 5: return 0...0
  default: throw .EINVAL
  }
}

private func setScheduler(_ wish: Int32, _ priority: Int32) throws(Errno) {
  let basic = wish & ~0x4000_0000  // SCHED_RESET_ON_FORK
  guard try priorities(basic).contains(priority) else { throw .EINVAL }
  if basic == 1 || basic == 2 {
    let limit = limits[Limits.Resource.realTimePriority].soft
    guard identity.may(.nice) || UInt64(priority) <= limit else { throw .EPERM }
  }
  policy = basic
  realTimePriority = priority
}

func sysSchedSetscheduler(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkProcess(call.first)
  guard let priority = ProgramMemory.load(Int32.self, at: call.third) else { throw .EFAULT }
  try setScheduler(int(call.second), priority)
  return 0
}

func sysSchedGetscheduler(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkProcess(call.first)
  return UInt64(policy)
}

func sysSchedSetparam(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkProcess(call.first)
  guard let priority = ProgramMemory.load(Int32.self, at: call.second) else { throw .EFAULT }
  try setScheduler(policy, priority)
  return 0
}

func sysSchedGetparam(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkProcess(call.first)
  try check(ProgramMemory.store(realTimePriority, at: call.second))
  return 0
}

func sysSchedGetPriorityMax(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  UInt64(try priorities(int(call.first)).upperBound)
}

func sysSchedGetPriorityMin(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  UInt64(try priorities(int(call.first)).lowerBound)
}

/// 0: without end, as for SCHED_FIFO; Linux's default slice is 100 ms for SCHED_RR.
func sysSchedRrGetInterval(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkProcess(call.first)
  try TimeSpecification(nanoseconds: policy == 2 ? 100_000_000 : 0).store(at: call.second)
  return 0
}

/// One processor: bit 0. The result is the bytes written.
func sysSchedGetaffinity(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.second & 0xffff_ffff >= 8, call.second & 7 == 0 else { throw .EINVAL }
  try checkProcess(call.first)
  try check(ProgramMemory.storeWord(1, at: call.third))
  return 8
}

func sysSchedSetaffinity(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkProcess(call.first)
  guard call.second > 0 else { throw .EINVAL }
  guard let mask = ProgramMemory.load(UInt8.self, at: call.third) else { throw .EFAULT }
  guard mask & 1 != 0 else { throw .EINVAL }
  return 0
}

private func checkPriorityTarget(_ call: TrapFrame) throws(Errno) {
  let who = int(call.second)
  switch int(call.first) {
  case 0: guard ProcessGroup.isOwn(who) else { throw .ESRCH }
  case 1: guard who == 0 || who == ProcessGroup.group else { throw .ESRCH }
  case 2: guard who == 0 || UInt32(bitPattern: who) == identity.userID else { throw .ESRCH }
  default: throw .EINVAL
  }
}

/// 20 - nice: never negative, so that it is no error number.
func sysGetpriority(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkPriorityTarget(call)
  return UInt64(20 - niceness)
}

func sysSetpriority(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkPriorityTarget(call)
  let wish = max(-20, min(19, int(call.third)))
  if wish < niceness && !identity.may(.nice) {
    guard UInt64(20 - wish) <= limits[Limits.Resource.nice].soft else { throw .EACCES }
  }
  niceness = wish
  return 0
}
