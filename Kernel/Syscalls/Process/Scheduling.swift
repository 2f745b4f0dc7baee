// SPDX-License-Identifier: Apache-2.0
import Machine

/// The thread that a scheduling call is about; 0 is the caller.
private func target(_ argument: UInt64) throws(Errno) -> Thread {
  let number = int(argument)
  guard number >= 0 else { throw .EINVAL }
  guard let thread = number == 0 ? Thread.current : Threads.find(number) else { throw .ESRCH }
  return thread
}

/// SCHED_FIFO and SCHED_RR have priorities 1 to 99; OTHER, BATCH and IDLE have 0.
private func priorities(_ policy: Int32) throws(Errno) -> ClosedRange<Int32> {
  switch policy {
  case 1, 2: return 1...99
  case 0, 3, 5: return 0...0
  default: throw .EINVAL
  }
}

private func setScheduler(_ thread: Thread, _ wish: Int32, _ priority: Int32) throws(Errno) {
  let basic = wish & ~0x4000_0000  // SCHED_RESET_ON_FORK
  guard try priorities(basic).contains(priority) else { throw .EINVAL }
  if basic == 1 || basic == 2 {
    let limit = limits[Limits.Resource.realTimePriority].soft
    guard identity.may(.nice) || UInt64(priority) <= limit else { throw .EPERM }
  }
  thread.policy = basic
  thread.realTimePriority = priority
}

func sysSchedSetscheduler(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = try target(call.first)
  guard let priority = ProgramMemory.load(Int32.self, at: call.third) else { throw .EFAULT }
  try setScheduler(thread, int(call.second), priority)
  return 0
}

func sysSchedGetscheduler(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  UInt64(try target(call.first).policy)
}

func sysSchedSetparam(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = try target(call.first)
  guard let priority = ProgramMemory.load(Int32.self, at: call.second) else { throw .EFAULT }
  try setScheduler(thread, thread.policy, priority)
  return 0
}

func sysSchedGetparam(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try check(ProgramMemory.store(try target(call.first).realTimePriority, at: call.second))
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
  let policy = try target(call.first).policy
  try TimeSpecification(nanoseconds: policy == 2 ? 100_000_000 : 0).store(at: call.second)
  return 0
}

/// The processors that there are, a bit each.
private var allProcessors: UInt64 { .max >> UInt64(Processors.maximum - Processors.count) }

/// The result is the bytes written.
func sysSchedGetaffinity(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.second & 0xffff_ffff >= 8, call.second & 7 == 0 else { throw .EINVAL }
  let thread = try target(call.first)
  try check(ProgramMemory.storeWord(thread.affinity & allProcessors, at: call.third))
  return 8
}

func sysSchedSetaffinity(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = try target(call.first)
  guard call.second > 0 else { throw .EINVAL }
  guard let bytes = ProgramMemory.bytes(at: call.third, count: Int(min(call.second, 8))) else { throw .EFAULT }
  var mask: UInt64 = 0
  for (index, byte) in bytes.enumerated() { mask |= UInt64(byte) << UInt64(index * 8) }
  guard mask & allProcessors != 0 else { throw .EINVAL }
  thread.affinity = mask & allProcessors
  Scheduler.move(thread)
  return 0
}

/// Whose niceness a call is about: one thread's, or that of all (nil).
private func priorityTarget(_ call: TrapFrame) throws(Errno) -> Thread? {
  let who = int(call.second)
  switch int(call.first) {
  case 0: return try target(call.second)
  case 1: guard who == 0 || who == ProcessGroup.group else { throw .ESRCH }
  case 2: guard who == 0 || UInt32(bitPattern: who) == identity.userID else { throw .ESRCH }
  default: throw .EINVAL
  }
  return nil
}

/// 20 - nice: never negative, so that it is no error number.
func sysGetpriority(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = try priorityTarget(call)
  var least = thread?.niceness ?? Int32.max
  if thread == nil { for each in Threads.all { least = min(least, each.niceness) } }
  return UInt64(20 - least)
}

func sysSetpriority(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = try priorityTarget(call)
  let wish = max(-20, min(19, int(call.third)))
  for each in Threads.all where thread == nil || thread === each {
    if wish < each.niceness && !identity.may(.nice) {
      guard UInt64(20 - wish) <= limits[Limits.Resource.nice].soft else { throw .EACCES }
    }
    each.niceness = wish
  }
  return 0
}
