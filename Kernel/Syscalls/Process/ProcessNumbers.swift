// SPDX-License-Identifier: Apache-2.0
import Machine

func sysGetpid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { 1 }
func sysGettid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { 1 }
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

/// glibc and musl call this in every start; the address would be cleared when a thread ends.
func sysSetTidAddress(_ call: inout TrapFrame) throws(Errno) -> UInt64 { 1 }

/// Where the list of robust mutexes begins: only looked at when a thread ends with others left, so for now
/// it is only kept.
enum RobustList {
  static var head: UInt64 = 0
  static var size: UInt64 { 24 }
}

func sysSetRobustList(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.second == RobustList.size else { throw .EINVAL }
  RobustList.head = call.first
  return 0
}

func sysGetRobustList(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard ProcessGroup.isOwn(int(call.first)) else { throw .ESRCH }
  try check(ProgramMemory.storeWord(RobustList.head, at: call.second))
  try check(ProgramMemory.storeWord(RobustList.size, at: call.third))
  return 0
}

/// rseq(2); kernel/rseq.c.
func sysRseq(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let size = UInt32(truncatingIfNeeded: call.second)
  let signature = UInt32(truncatingIfNeeded: call.fourth)
  let flags = int(call.third)
  if flags == 1 {  // RSEQ_FLAG_UNREGISTER
    guard RestartableSequence.address != 0, RestartableSequence.address == call.first,
      RestartableSequence.size == size
    else { throw .EINVAL }
    guard RestartableSequence.signature == signature else { throw .EPERM }
    try RestartableSequence.unregister()
    return 0
  }
  guard flags == 0 else { throw .EINVAL }
  if RestartableSequence.address != 0 {
    guard RestartableSequence.address == call.first, RestartableSequence.size == size else { throw .EINVAL }
    throw RestartableSequence.signature == signature ? .EBUSY : .EPERM
  }
  guard size == 32, call.first & 31 == 0 else { throw .EINVAL }
  try check(ProgramMemory.isRange(call.first, 32))
  try RestartableSequence.register(call.first, size, signature)
  return 0
}
