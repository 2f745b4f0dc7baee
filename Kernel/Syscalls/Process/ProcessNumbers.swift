// SPDX-License-Identifier: Apache-2.0
import Machine

func sysGetpid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { 1 }
func sysGettid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(Thread.current.number) }
func sysGetppid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { 0 }

func sysGetpgrp(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(ProcessGroup.group) }

func sysGetpgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard ProcessGroup.isOwn(int(call.first)) else { throw .ESRCH }
  return UInt64(ProcessGroup.group)
}

func sysGetsid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard ProcessGroup.isOwn(int(call.first)) else { throw .ESRCH }
  return UInt64(ProcessGroup.session)
}

/// The leader of a session cannot change its group (setpgid(2)).
func sysSetpgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard int(call.second) >= 0 else { throw .EINVAL }
  guard ProcessGroup.isOwn(int(call.first)) else { throw .ESRCH }
  throw .EPERM
}

/// The leader of a group cannot begin a session (setsid(2)).
func sysSetsid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw .EPERM }

/// glibc and musl call this in every start.
func sysSetTidAddress(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  Thread.current.clearAddress = call.first
  return UInt64(Thread.current.number)
}

func sysSetRobustList(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.second == RobustList.size else { throw .EINVAL }
  Thread.current.robustListHead = call.first
  return 0
}

func sysGetRobustList(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let number = int(call.first)
  guard let thread = number == 0 ? Thread.current : Threads.find(number) else { throw .ESRCH }
  try check(ProgramMemory.storeWord(thread.robustListHead, at: call.second))
  try check(ProgramMemory.storeWord(RobustList.size, at: call.third))
  return 0
}

/// rseq(2); kernel/rseq.c.
func sysRseq(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = Thread.current!
  let size = UInt32(truncatingIfNeeded: call.second)
  let signature = UInt32(truncatingIfNeeded: call.fourth)
  let flags = int(call.third)
  let known = thread.sequence
  if flags == 1 {  // RSEQ_FLAG_UNREGISTER
    guard known.address != 0, known.address == call.first, known.size == size else { throw .EINVAL }
    guard known.signature == signature else { throw .EPERM }
    try thread.sequence.unregister()
    return 0
  }
  guard flags == 0 else { throw .EINVAL }
  if known.address != 0 {
    guard known.address == call.first, known.size == size else { throw .EINVAL }
    throw known.signature == signature ? .EBUSY : .EPERM
  }
  guard size == 32, call.first & 31 == 0 else { throw .EINVAL }
  try check(ProgramMemory.isRange(call.first, 32))
  try thread.sequence.register(call.first, size, signature)
  thread.toldProcessor = Processors.current
  guard thread.sequence.tell(processor: Processors.current) else { throw .EFAULT }
  return 0
}
