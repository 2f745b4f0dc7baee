// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// Sends `number` to a thread or to the process. 0 only asks whether that would be possible.
private func send(_ number: Int32, code: Int32, to thread: Thread?) throws(Errno) -> UInt64 {
  guard number >= 0, number <= Int32(Signal.last) else { throw .EINVAL }
  if number == 0 { return 0 }
  let information = SignalInformation(
    Int(number), code: code, process: ProcessGroup.process, user: identity.userID)
  guard Signals.post(information, to: thread) else { throw .EAGAIN }
  return 0
}

func sysKill(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let target = int(call.first)
  let number = int(call.second)
  guard number >= 0, number <= Int32(Signal.last) else { throw .EINVAL }
  // -1 means every process but oneself, and there is none.
  let isOwnGroup = target == 0 || (target < -1 && target == 0 &- ProcessGroup.group)
  guard target == ProcessGroup.process || isOwnGroup else { throw .ESRCH }
  return try send(number, code: SignalInformation.user, to: nil)
}

func sysTkill(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  return try send(int(call.second), code: SignalInformation.thread, to: try thread(int(call.first)))
}

func sysTgkill(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let thread = try thread(int(call.second), of: int(call.first))
  return try send(int(call.third), code: SignalInformation.thread, to: thread)
}

/// The thread with this number, of the process with the other.
private func thread(_ number: Int32, of process: Int32 = ProcessGroup.process) throws(Errno) -> Thread {
  guard number > 0, process > 0 else { throw .EINVAL }
  guard process == ProcessGroup.process, let thread = Threads.find(number) else { throw .ESRCH }
  return thread
}

/// A signal with information of the program's own making.
private func queue(_ number: Int32, _ address: UInt64, to thread: Thread?) throws(Errno) -> UInt64 {
  guard var information = ProgramMemory.load(SignalInformation.self, at: address) else { throw .EFAULT }
  information.number = number
  guard number >= 0, number <= Int32(Signal.last) else { throw .EINVAL }
  if number == 0 { return 0 }
  guard Signals.post(information, to: thread) else { throw .EAGAIN }
  return 0
}

func sysRtSigqueueinfo(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard int(call.first) == ProcessGroup.process else { throw .ESRCH }
  return try queue(int(call.second), call.third, to: nil)
}

func sysRtTgsigqueueinfo(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  return try queue(int(call.third), call.fourth, to: try thread(int(call.second), of: int(call.first)))
}
