// SPDX-License-Identifier: Apache-2.0
import Machine

private func queue(_ argument: UInt64) throws(Errno) -> MessageQueue {
  guard let queue = try MessageQueue.all.find(int(argument)) as? MessageQueue else { throw .EINVAL }
  return queue
}

/// The flags of `msgsnd` and `msgrcv`.
private enum MessageFlag {
  static var noWait: UInt64 { 0o4000 }
  static var noError: UInt64 { 0o10000 }
  static var except: UInt64 { 0o20000 }
  static var copy: UInt64 { 0o40000 }
}

/// msgget(2): key, flags.
func sysMsgget(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let key = int(call.first)
  let flags = int(call.second)
  return try MessageQueue.all.get(key, flags) { _ in
    true
  } make: { () throws(Errno) in
    MessageQueue(key: key, flags: flags)
  }
}

/// msgsnd(2): identifier, the type and behind it the text, its length, flags.
func sysMsgsnd(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let type = ProgramMemory.load(Int64.self, at: call.second) else { throw .EFAULT }
  guard call.third <= MessageQueue.greatestMessage, int(call.first) >= 0, type >= 1 else { throw .EINVAL }
  try reserveKernelMemory(bytes: Int(call.third))
  guard let bytes = ProgramMemory.bytes(at: call.second &+ 8, count: Int(call.third)) else { throw .EFAULT }
  let queue = try queue(call.first)
  try queue.check(2)
  try queue.send(type, bytes, mayWait: call.fourth & MessageFlag.noWait == 0)
  return 0
}

/// msgrcv(2): identifier, where to, room for the text, type, flags.
func sysMsgrcv(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = call.fifth
  guard int(call.first) >= 0, Int64(bitPattern: call.third) >= 0 else { throw .EINVAL }
  // Only with CONFIG_CHECKPOINT_RESTORE.
  guard flags & MessageFlag.copy == 0 else { throw .ENOSYS }
  let queue = try queue(call.first)
  try queue.check(4)
  let address = call.second
  return try queue.receive(
    Int64(bitPattern: call.fourth), isExcluded: flags & MessageFlag.except != 0, limit: call.third,
    mayCut: flags & MessageFlag.noError != 0, mayWait: flags & MessageFlag.noWait == 0
  ) { type, bytes throws(Errno) in
    try check(ProgramMemory.store(type, at: address))
    try check(ProgramMemory.write(bytes.span, to: address &+ 8))
  }
}

/// msgctl(2): identifier, command, buffer.
func sysMsgctl(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let command = int(call.second)
  guard int(call.first) >= 0 else { throw .EINVAL }
  switch command {
  case SystemVCommand.status:
    let queue = try queue(call.first)
    try queue.check(4)
    try check(ProgramMemory.store(queue.status, at: call.third))
  case SystemVCommand.set:
    guard let new = ProgramMemory.load(MessageQueue.Status.self, at: call.third) else { throw .EFAULT }
    let queue = try queue(call.first)
    try queue.checkOwner()
    guard new.capacity <= MessageQueue.ordinaryCapacity || identity.may(.resources) else { throw .EPERM }
    try queue.setPermissions(at: call.third)
    queue.capacity = new.capacity
  case SystemVCommand.remove:
    let queue = try queue(call.first)
    try queue.checkOwner()
    MessageQueue.all.remove(queue)
  default: throw .EINVAL
  }
  return 0
}
