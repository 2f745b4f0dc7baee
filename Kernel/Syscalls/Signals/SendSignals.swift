// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// Sends `number` from the program to itself. 0 only asks whether that would be possible.
private func send(_ number: Int32, code: Int32, toThread: Bool) throws(Errno) -> UInt64 {
  guard number >= 0, number <= Int32(Signal.last) else { throw .EINVAL }
  if number == 0 { return 0 }
  let information = SignalInformation(
    Int(number), code: code, process: ProcessGroup.process, user: identity.userID)
  guard Signals.post(information, toThread: toThread) else { throw .EAGAIN }
  return 0
}

func sysKill(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let target = int(call.first)
  let number = int(call.second)
  guard number >= 0, number <= Int32(Signal.last) else { throw .EINVAL }
  // -1 means every process but oneself, and there is none.
  let isOwnGroup = target == 0 || (target < -1 && target == 0 &- ProcessGroup.group)
  guard target == ProcessGroup.process || isOwnGroup else { throw .ESRCH }
  return try send(number, code: SignalInformation.user, toThread: false)
}

func sysTkill(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = int(call.first)
  guard thread > 0 else { throw .EINVAL }
  guard thread == ProcessGroup.process else { throw .ESRCH }
  return try send(int(call.second), code: SignalInformation.thread, toThread: true)
}

func sysTgkill(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let group = int(call.first)
  let thread = int(call.second)
  guard group > 0, thread > 0 else { throw .EINVAL }
  guard group == ProcessGroup.process, thread == ProcessGroup.process else { throw .ESRCH }
  return try send(int(call.third), code: SignalInformation.thread, toThread: true)
}

/// A signal with information of the program's own making.
private func queue(_ number: Int32, _ address: UInt64, toThread: Bool) throws(Errno) -> UInt64 {
  guard var information = ProgramMemory.load(SignalInformation.self, at: address) else { throw .EFAULT }
  information.number = number
  guard number >= 0, number <= Int32(Signal.last) else { throw .EINVAL }
  if number == 0 { return 0 }
  guard Signals.post(information, toThread: toThread) else { throw .EAGAIN }
  return 0
}

func sysRtSigqueueinfo(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard int(call.first) == ProcessGroup.process else { throw .ESRCH }
  return try queue(int(call.second), call.third, toThread: false)
}

func sysRtTgsigqueueinfo(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let group = int(call.first)
  let thread = int(call.second)
  guard group > 0, thread > 0 else { throw .EINVAL }
  guard group == ProcessGroup.process, thread == ProcessGroup.process else { throw .ESRCH }
  return try queue(int(call.third), call.fourth, toThread: true)
}
