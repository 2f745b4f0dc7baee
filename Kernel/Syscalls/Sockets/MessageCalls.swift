// SPDX-License-Identifier: Apache-2.0
import Machine

/// `struct msghdr`.
private struct MessageHeader: BitwiseCopyable {
  var name: UInt64
  var nameLength: UInt32
  var padding: UInt32
  var parts: UInt64
  var partCount: UInt64
  var control: UInt64
  var controlLength: UInt64
  var flags: UInt32
  var morePadding: UInt32

  /// Where the members stand that are written back.
  static let nameLengthOffset: UInt64 = 8
  static let controlLengthOffset: UInt64 = 40
  static let flagsOffset: UInt64 = 48
  /// Of it and of `struct mmsghdr`, in which a length follows.
  static let size: UInt64 = 56
  static let sizeInArray: UInt64 = 64

  static func load(at address: UInt64) throws(Errno) -> MessageHeader {
    guard var header = ProgramMemory.load(MessageHeader.self, at: address) else { throw .EFAULT }
    guard int(UInt64(header.nameLength)) >= 0 else { throw .EINVAL }
    if header.name == 0 { header.nameLength = 0 }
    header.nameLength = min(header.nameLength, UInt32(SocketAddress.maximumLength))
    guard header.partCount <= 1024 else { throw .EMSGSIZE }
    return header
  }
}

private func messageFlags(_ argument: UInt64) -> MessageFlags {
  MessageFlags(rawValue: UInt32(truncatingIfNeeded: argument))
}

private func part(_ address: UInt64, _ count: UInt64) throws(Errno) -> MemoryParts {
  let limited = limitedCount(count)
  guard ProgramMemory.isRange(address, UInt64(limited)) else { throw .EFAULT }
  return MemoryParts(address, limited)
}

// MARK: sending

func sysSendto(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let parts = try part(call.second, call.third)
  let (file, socket) = try socketFile(call.first)
  let flags = messageFlags(call.fourth)
  var extras = OutgoingExtras()
  if call.fifth != 0 {
    let name = try SocketAddress.load(at: call.fifth, length: call.sixth)
    if !name.isEmpty { extras.name = name }
  }
  return UInt64(
    try socket.send(parts, extras, flags, mayWait: file.mayWait && !flags.contains(.doNotWait)))
}

private func send(_ file: OpenFile, _ socket: Socket, _ address: UInt64, _ flags: MessageFlags) throws(Errno) -> Int {
  let header = try MessageHeader.load(at: address)
  var extras = OutgoingExtras()
  if header.nameLength > 0 {
    extras.name = try SocketAddress.load(at: header.name, length: UInt64(header.nameLength))
  }
  let parts = try MemoryParts(at: header.parts, count: header.partCount)
  if header.controlLength > 0 {
    try ControlMessages.load(at: header.control, length: header.controlLength, into: &extras)
  }
  return try socket.send(parts, extras, flags, mayWait: file.mayWait && !flags.contains(.doNotWait))
}

func sysSendmsg(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (file, socket) = try socketFile(call.first)
  return UInt64(try send(file, socket, call.second, messageFlags(call.third)))
}

func sysSendmmsg(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (file, socket) = try socketFile(call.first)
  let flags = messageFlags(call.fourth)
  let count = min(call.third & 0xffff_ffff, 1024)
  var done: UInt64 = 0
  while done < count {
    let address = call.second &+ done &* MessageHeader.sizeInArray
    do throws(Errno) {
      let sent = try send(file, socket, address, flags)
      try check(ProgramMemory.store(UInt32(truncatingIfNeeded: sent), at: address &+ MessageHeader.size))
    } catch {
      if done == 0 { throw error }
      break
    }
    done &+= 1
  }
  return done
}

// MARK: receiving

func sysRecvfrom(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let parts = try part(call.second, call.third)
  let (file, socket) = try socketFile(call.first)
  let flags = messageFlags(call.fourth)
  let message = try socket.receive(parts, flags, mayWait: file.mayWait && !flags.contains(.doNotWait))
  if call.fifth != 0 { try SocketAddress.store(message.name, at: call.fifth, lengthAt: call.sixth) }
  return UInt64(message.count)
}

private func receive(
  _ file: OpenFile, _ socket: Socket, _ address: UInt64, _ flags: MessageFlags
) throws(Errno) -> Int {
  let header = try MessageHeader.load(at: address)
  let parts = try MemoryParts(at: header.parts, count: header.partCount)
  let message = try socket.receive(parts, flags, mayWait: file.mayWait && !flags.contains(.doNotWait))
  let (used, truncated) = try ControlMessages.store(
    message, wantsCredentials: socket.options.passesCredentials, at: header.control, length: header.controlLength,
    closeOnExec: flags.contains(.closeOnExec))
  if header.name != 0 {
    // The room is what the header says, not more than an address may have.
    let stored = min(message.name.count, Int(header.nameLength))
    if stored > 0 {
      try check(ProgramMemory.write(message.name.span.extracting(0..<stored), to: header.name))
    }
    try check(
      ProgramMemory.store(UInt32(message.name.count), at: address &+ MessageHeader.nameLengthOffset))
  }
  let result = message.flags.union(truncated).union(flags.intersection(.closeOnExec))
  try check(ProgramMemory.store(result.rawValue, at: address &+ MessageHeader.flagsOffset))
  try check(ProgramMemory.storeWord(used, at: address &+ MessageHeader.controlLengthOffset))
  return message.count
}

func sysRecvmsg(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (file, socket) = try socketFile(call.first)
  return UInt64(try receive(file, socket, call.second, messageFlags(call.third)))
}

/// The time counts only between messages: one that is waited for may come later (recvmmsg(2), BUGS).
func sysRecvmmsg(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let deadline = try waitingDeadline(at: call.fifth)
  let (file, socket) = try socketFile(call.first)
  if let error = socket.takeError() { throw error }
  var flags = messageFlags(call.fourth)
  let count = min(call.third & 0xffff_ffff, 1024)
  var done: UInt64 = 0
  while done < count {
    let address = call.second &+ done &* MessageHeader.sizeInArray
    do throws(Errno) {
      let received = try receive(file, socket, address, flags.subtracting(.waitForOne))
      try check(ProgramMemory.store(UInt32(truncatingIfNeeded: received), at: address &+ MessageHeader.size))
    } catch {
      if done == 0 { throw error }
      // It is told at the next call.
      if error != .EAGAIN && error != .ERESTARTSYS && error != .EINTR { socket.error = error }
      break
    }
    done &+= 1
    if flags.contains(.waitForOne) { flags.insert(.doNotWait) }
    if let deadline, Clock.monotonicNanoseconds() >= deadline { break }
  }
  if let deadline {
    let now = Clock.monotonicNanoseconds()
    try TimeSpecification(nanoseconds: deadline > now ? deadline &- now : 0).store(at: call.fifth)
  }
  return done
}
