// SPDX-License-Identifier: Apache-2.0
import Machine

/// A System V message queue.
final class MessageQueue: SystemVObject {
  /// What IPC_STAT tells (include/uapi/asm-generic/msgbuf.h).
  struct Status: BitwiseCopyable {
    var permissions: Permissions
    var sent: UInt64 = 0
    var received: UInt64 = 0
    var changed: UInt64 = 0
    var bytes: UInt64 = 0
    var messages: UInt64 = 0
    /// As many bytes, and as many messages, there can be.
    var capacity = MessageQueue.ordinaryCapacity
    var lastSender: Int32 = 0
    var lastReceiver: Int32 = 0
    var unused: (UInt64, UInt64) = (0, 0)
  }
  private struct Message {
    let type: Int64
    let bytes: [UInt8]
  }

  static let all = SystemVTable()
  /// MSGMNB and MSGMAX.
  static var ordinaryCapacity: UInt64 { 16384 }
  static var greatestMessage: UInt64 { 8192 }

  private var messages: [Message] = []
  private var state: Status

  override init(key: Int32, flags: Int32) {
    state = Status(permissions: Permissions(key: 0, user: 0, group: 0, creatorUser: 0, creatorGroup: 0, mode: 0))
    super.init(key: key, flags: flags)
  }

  var status: Status {
    var result = state
    result.permissions = permissions
    result.changed = changed
    result.messages = UInt64(messages.count)
    return result
  }

  var capacity: UInt64 {
    get { state.capacity }
    set {
      state.capacity = newValue
      waiters.wake()
    }
  }

  private func wait(_ mayWait: Bool, _ refusal: Errno, _ isReady: () -> Bool) throws(Errno) {
    if isReady() { return }
    guard mayWait else { throw refusal }
    do throws(Errno) {
      try Wait.until(waiters) { isRemoved || isReady() }
    } catch {
      throw error == .ERESTARTSYS ? .ERESTARTNOHAND : error
    }
    if isRemoved { throw .EIDRM }
  }

  /// msgsnd(2), when all arguments are checked.
  func send(_ type: Int64, _ bytes: [UInt8], mayWait: Bool) throws(Errno) {
    try wait(mayWait, .EAGAIN) {
      state.bytes + UInt64(bytes.count) <= state.capacity && UInt64(messages.count) < state.capacity
    }
    try reserveKernelMemory(bytes: messages.bytesToGrow)
    messages.append(Message(type: type, bytes: bytes))
    state.bytes += UInt64(bytes.count)
    state.sent = Self.now
    state.lastSender = ProcessGroup.process
    waiters.wake()
  }

  /// The first message that `type` asks for: any (0), of that type or, with `isExcluded`, of another; of the lowest type
  /// that is no greater than -`type`.
  private func find(_ type: Int64, isExcluded: Bool) -> Int? {
    if type >= 0 { return messages.firstIndex { type == 0 || ($0.type == type) != isExcluded } }
    var result: Int?
    for (index, message) in messages.enumerated() where message.type <= 0 &- type {
      if result == nil || message.type < messages[result!].type { result = index }
    }
    return result
  }

  /// msgrcv(2): the message, cut to `limit` if `mayCut`; `deliver` writes it where it belongs.
  func receive(
    _ type: Int64, isExcluded: Bool, limit: UInt64, mayCut: Bool, mayWait: Bool,
    _ deliver: (Int64, ArraySlice<UInt8>) throws(Errno) -> Void
  ) throws(Errno) -> UInt64 {
    var found: Int?
    try wait(mayWait, .ENOMSG) {
      found = find(type, isExcluded: isExcluded)
      return found != nil
    }
    guard let found else { throw .ENOMSG }
    let message = messages[found]
    guard mayCut || UInt64(message.bytes.count) <= limit else { throw .E2BIG }
    messages.remove(at: found)
    state.bytes -= UInt64(message.bytes.count)
    state.received = Self.now
    state.lastReceiver = ProcessGroup.process
    waiters.wake()
    // As on Linux, a message that cannot be written is lost.
    let part = message.bytes.prefix(Int(min(limit, UInt64(message.bytes.count))))
    try deliver(message.type, part)
    return UInt64(part.count)
  }
}
