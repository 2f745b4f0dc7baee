// SPDX-License-Identifier: Apache-2.0
import Machine

/// The thread that a scheduling call is about; 0 is the caller.
private func target(_ argument: UInt64) throws(Errno) -> Thread {
  let number = int(argument)
  guard number >= 0 else { throw .EINVAL }
  guard let thread = number == 0 ? Thread.current : Threads.find(number) else { throw .ESRCH }
  return thread
}

/// SCHED_FIFO and SCHED_RR have priorities 1 to 99; OTHER, BATCH and IDLE have 0. There is no SCHED_DEADLINE.
private func priorities(_ policy: Int32) throws(Errno) -> ClosedRange<Int32> {
  switch policy {
  case Scheduling.fifo, Scheduling.roundRobin: return 1...99
  case Scheduling.other, Scheduling.batch, Scheduling.idle: return 0...0
  default: throw .EINVAL
  }
}

/// Whether the process may let a thread be as nice as this (setrlimit(2), RLIMIT_NICE).
private func mayHave(niceness: Int32) -> Bool {
  identity.may(.nice) || UInt64(20 - niceness) <= limits[Limits.Resource.nice].soft
}

/// What of a change asks for a privilege (sched(7), "Privileges and resource limits").
private func mayChange(_ old: Scheduling, to new: Scheduling) -> Bool {
  if identity.may(.nice) { return true }
  if old.resetsOnFork && !new.resetsOnFork { return false }
  if new.isRealTime {
    let limit = limits[Limits.Resource.realTimePriority].soft
    return (new.policy == old.policy || limit > 0) && (new.priority <= old.priority || UInt64(new.priority) <= limit)
  }
  if new.niceness < old.niceness && !mayHave(niceness: new.niceness) { return false }
  return old.policy != Scheduling.idle || new.policy == Scheduling.idle || mayHave(niceness: old.niceness)
}

private func set(_ thread: Thread, _ new: Scheduling) throws(Errno) {
  guard try priorities(new.policy).contains(new.priority) else { throw .EINVAL }
  guard mayChange(thread.scheduling, to: new) else { throw .EPERM }
  thread.setScheduling(new)
}

func sysSchedSetscheduler(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let wish = int(call.second)
  guard call.third != 0, wish >= 0 else { throw .EINVAL }
  guard let priority = ProgramMemory.load(Int32.self, at: call.third) else { throw .EFAULT }
  let thread = try target(call.first)
  var new = thread.scheduling
  new.resetsOnFork = wish & 0x4000_0000 != 0  // SCHED_RESET_ON_FORK
  new.policy = wish & ~0x4000_0000
  new.priority = priority
  try set(thread, new)
  return 0
}

func sysSchedGetscheduler(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let scheduling = try target(call.first).scheduling
  return UInt64(scheduling.policy | (scheduling.resetsOnFork ? 0x4000_0000 : 0))
}

func sysSchedSetparam(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.second != 0 else { throw .EINVAL }
  guard let priority = ProgramMemory.load(Int32.self, at: call.second) else { throw .EFAULT }
  let thread = try target(call.first)
  var new = thread.scheduling
  new.priority = priority
  try set(thread, new)
  return 0
}

func sysSchedGetparam(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.second != 0 else { throw .EINVAL }
  try check(ProgramMemory.store(try target(call.first).scheduling.priority, at: call.second))
  return 0
}

/// `struct sched_attr` (sched_setattr(2)), its first version.
private struct SchedulingAttributes: BitwiseCopyable {
  static var size: UInt32 { 48 }
  /// SCHED_FLAG_RESET_ON_FORK, _KEEP_POLICY and _KEEP_PARAMS.
  static var resetOnFork: UInt64 { 1 }
  static var keepPolicy: UInt64 { 8 }
  static var keepParameters: UInt64 { 16 }

  var size = Self.size
  var policy: Int32 = 0
  var flags: UInt64 = 0
  var niceness: Int32 = 0
  var priority: Int32 = 0
  var runtime: UInt64 = 0
  var deadline: UInt64 = 0
  var period: UInt64 = 0
}

func sysSchedSetattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.second != 0, int(call.first) >= 0, call.third & 0xffff_ffff == 0 else { throw .EINVAL }
  guard let given = ProgramMemory.load(UInt32.self, at: call.second) else { throw .EFAULT }
  let size = given == 0 ? SchedulingAttributes.size : given
  var isKnown = (SchedulingAttributes.size...4096).contains(size)
  if isKnown {
    guard let bytes = ProgramMemory.bytes(at: call.second, count: Int(size)) else { throw .EFAULT }
    for byte in bytes[48...] where byte != 0 { isKnown = false }
  }
  guard isKnown else {
    _ = ProgramMemory.store(SchedulingAttributes.size, at: call.second)
    throw .E2BIG
  }
  guard let wish = ProgramMemory.load(SchedulingAttributes.self, at: call.second) else { throw .EFAULT }
  let known =
    SchedulingAttributes.resetOnFork | SchedulingAttributes.keepPolicy | SchedulingAttributes.keepParameters
  guard wish.policy >= 0, wish.flags & ~known == 0 else { throw .EINVAL }
  let thread = try target(call.first)
  var new = thread.scheduling
  if wish.flags & SchedulingAttributes.keepPolicy == 0 { new.policy = wish.policy }
  if wish.flags & SchedulingAttributes.keepParameters == 0 {
    new.priority = wish.priority
    if !new.isRealTime { new.niceness = max(-20, min(19, wish.niceness)) }
  }
  new.resetsOnFork = wish.flags & SchedulingAttributes.resetOnFork != 0
  try set(thread, new)
  return 0
}

func sysSchedGetattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let size = UInt32(truncatingIfNeeded: call.third)
  guard call.second != 0, (SchedulingAttributes.size...4096).contains(size), call.fourth & 0xffff_ffff == 0 else {
    throw .EINVAL
  }
  let scheduling = try target(call.first).scheduling
  var result = SchedulingAttributes()
  result.policy = scheduling.policy
  if scheduling.resetsOnFork { result.flags = SchedulingAttributes.resetOnFork }
  if scheduling.isRealTime { result.priority = scheduling.priority } else { result.niceness = scheduling.niceness }
  try check(ProgramMemory.store(result, at: call.second))
  return 0
}

func sysSchedGetPriorityMax(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  UInt64(try priorities(int(call.first)).upperBound)
}

func sysSchedGetPriorityMin(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  UInt64(try priorities(int(call.first)).lowerBound)
}

/// 0: without end, for SCHED_FIFO.
func sysSchedRrGetInterval(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let scheduling = try target(call.first).scheduling
  let turn = scheduling.policy == Scheduling.fifo ? 0 : scheduling.turn
  try TimeSpecification(nanoseconds: turn).store(at: call.second)
  return 0
}

/// The processors that there are, a bit each.
private var allProcessors: UInt64 { .max >> UInt64(Processors.maximum - Processors.count) }

/// The thread whose processors a call is about. A negative number is that of no thread, and not an error of its own.
private func affine(_ number: UInt64) throws(Errno) -> Thread {
  guard int(number) >= 0 else { throw .ESRCH }
  return try target(number)
}

/// The result is the bytes written.
func sysSchedGetaffinity(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.second & 0xffff_ffff >= 8, call.second & 7 == 0 else { throw .EINVAL }
  let thread = try affine(call.first)
  try check(ProgramMemory.storeWord(thread.affinity & allProcessors, at: call.third))
  return 8
}

func sysSchedSetaffinity(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = try affine(call.first)
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
  var least = thread?.scheduling.niceness ?? Int32.max
  if thread == nil { for each in Threads.all { least = min(least, each.scheduling.niceness) } }
  return UInt64(20 - least)
}

func sysSetpriority(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = try priorityTarget(call)
  let wish = max(-20, min(19, int(call.third)))
  for each in Threads.all where thread == nil || thread === each {
    guard wish >= each.scheduling.niceness || mayHave(niceness: wish) else { throw .EACCES }
    var new = each.scheduling
    new.niceness = wish
    each.setScheduling(new)
  }
  return 0
}
