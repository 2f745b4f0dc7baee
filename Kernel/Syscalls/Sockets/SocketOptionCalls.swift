// SPDX-License-Identifier: Apache-2.0
import Machine

/// The options of the level SOL_SOCKET (include/uapi/asm-generic/socket.h).
private enum Option {
  static let level: Int32 = 1
  static let debug: Int32 = 1
  static let reuseAddress: Int32 = 2
  static let type: Int32 = 3
  static let error: Int32 = 4
  static let doNotRoute: Int32 = 5
  static let broadcast: Int32 = 6
  static let sendBuffer: Int32 = 7
  static let receiveBuffer: Int32 = 8
  static let keepAlive: Int32 = 9
  static let outOfBandInline: Int32 = 10
  static let priority: Int32 = 12
  static let linger: Int32 = 13
  static let reusePort: Int32 = 15
  static let passCredentials: Int32 = 16
  static let peerCredentials: Int32 = 17
  static let receiveLowWater: Int32 = 18
  static let sendLowWater: Int32 = 19
  static let receiveTimeout: Int32 = 20
  static let sendTimeout: Int32 = 21
  static let acceptsConnections: Int32 = 30
  static let sendBufferForced: Int32 = 32
  static let receiveBufferForced: Int32 = 33
  static let protocolNumber: Int32 = 38
  static let domain: Int32 = 39
}

// MARK: getsockopt

func sysGetsockopt(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (_, socket) = try socketFile(call.first)
  guard int(call.second) == Option.level else { throw .EOPNOTSUPP }
  guard let room = ProgramMemory.load(Int32.self, at: call.fifth) else { throw .EFAULT }
  guard room >= 0 else { throw .EINVAL }
  let value = try optionValue(int(call.third), socket)
  let stored = min(Int(room), value.count)
  try check(ProgramMemory.write(value.span.extracting(0..<stored), to: call.fourth))
  try check(ProgramMemory.store(Int32(stored), at: call.fifth))
  return 0
}

private func encoded(_ values: [UInt32]) -> [UInt8] {
  var bytes: [UInt8] = []
  for value in values { for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift &* 8))) } }
  return bytes
}

/// A `struct timeval`; zero is for ever.
private func encoded(timeout: UInt64?) -> [UInt8] {
  let nanoseconds = timeout ?? 0
  let seconds = nanoseconds / 1_000_000_000
  let microseconds = nanoseconds % 1_000_000_000 / 1000
  return encoded([
    UInt32(truncatingIfNeeded: seconds), UInt32(truncatingIfNeeded: seconds >> 32),
    UInt32(truncatingIfNeeded: microseconds), 0,
  ])
}

private func optionValue(_ option: Int32, _ socket: Socket) throws(Errno) -> [UInt8] {
  let options = socket.options
  func number(_ value: Int32) -> [UInt8] { encoded([UInt32(bitPattern: value)]) }
  func flag(_ value: Bool) -> [UInt8] { number(value ? 1 : 0) }
  switch option {
  case Option.type: return number(socket.kind.rawValue)
  case Option.domain: return number(Int32(socket.family))
  case Option.error: return number(Int32(socket.takeError()?.rawValue ?? 0))
  case Option.acceptsConnections: return flag(socket.isListening)
  case Option.sendBuffer: return number(options.sendBuffer)
  case Option.receiveBuffer: return number(options.receiveBuffer)
  case Option.sendTimeout: return encoded(timeout: options.sendTimeout)
  case Option.receiveTimeout: return encoded(timeout: options.receiveTimeout)
  case Option.receiveLowWater: return number(options.receiveLowWater)
  case Option.sendLowWater: return number(1)
  case Option.passCredentials: return flag(options.passesCredentials)
  case Option.peerCredentials:
    let peer = socket.peerCredentials
    return encoded([UInt32(bitPattern: peer.process), peer.user, peer.group])
  case Option.reuseAddress: return flag(options.reusesAddress)
  case Option.keepAlive: return flag(options.keepsAlive)
  case Option.broadcast: return flag(options.broadcasts)
  case Option.outOfBandInline: return flag(options.outOfBandInline)
  case Option.priority: return number(options.priority)
  case Option.linger: return encoded([UInt32(bitPattern: options.lingers), UInt32(bitPattern: options.lingerSeconds)])
  case Option.debug, Option.doNotRoute, Option.reusePort, Option.protocolNumber: return number(0)
  default: throw .ENOPROTOOPT
  }
}

// MARK: setsockopt

func sysSetsockopt(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (_, socket) = try socketFile(call.first)
  let length = int(call.fifth)
  guard length >= 0 else { throw .EINVAL }
  guard int(call.second) == Option.level else { throw .EOPNOTSUPP }
  guard length >= 4 else { throw .EINVAL }
  guard let value = ProgramMemory.load(Int32.self, at: call.fourth) else { throw .EFAULT }
  try setOption(int(call.third), value, socket, at: call.fourth, length: length)
  return 0
}

private func setOption(
  _ option: Int32, _ value: Int32, _ socket: Socket, at address: UInt64, length: Int32
) throws(Errno) {
  switch option {
  case Option.sendBuffer, Option.sendBufferForced:
    // More than the limit is for nobody: the kernel's memory is small.
    if option == Option.sendBufferForced && !identity.may(.networkAdministration) { throw .EPERM }
    socket.options.sendBuffer = SocketOptions.buffer(value, minimum: SocketOptions.minimumSendBuffer)
    socket.waiters.wake(.output)
  case Option.receiveBuffer, Option.receiveBufferForced:
    if option == Option.receiveBufferForced && !identity.may(.networkAdministration) { throw .EPERM }
    socket.options.receiveBuffer = SocketOptions.buffer(value, minimum: SocketOptions.minimumReceiveBuffer)
  case Option.sendTimeout: socket.options.sendTimeout = try timeout(at: address, length)
  case Option.receiveTimeout: socket.options.receiveTimeout = try timeout(at: address, length)
  case Option.receiveLowWater: socket.options.receiveLowWater = value < 0 ? .max : max(value, 1)
  case Option.passCredentials: socket.options.passesCredentials = value != 0
  case Option.reuseAddress: socket.options.reusesAddress = value != 0
  case Option.keepAlive: socket.options.keepsAlive = value != 0
  case Option.broadcast: socket.options.broadcasts = value != 0
  case Option.outOfBandInline: socket.options.outOfBandInline = value != 0
  case Option.priority:
    guard (0...6).contains(value) || identity.may(.networkAdministration) else { throw .EPERM }
    socket.options.priority = value
  case Option.linger:
    guard length >= 8 else { throw .EINVAL }
    guard let seconds = ProgramMemory.load(Int32.self, at: address &+ 4) else { throw .EFAULT }
    socket.options.lingers = value != 0 ? 1 : 0
    if value != 0 { socket.options.lingerSeconds = seconds }
  case Option.reusePort: throw .EOPNOTSUPP
  default: throw .ENOPROTOOPT
  }
}

/// A `struct timeval` in nanoseconds; nil for zero, which is for ever.
private func timeout(at address: UInt64, _ length: Int32) throws(Errno) -> UInt64? {
  guard length >= 16 else { throw .EINVAL }
  guard let time = ProgramMemory.load(TimeValue.self, at: address) else { throw .EFAULT }
  guard time.microseconds >= 0, time.microseconds < 1_000_000 else { throw .EDOM }
  // Before now is at once.
  if time.seconds < 0 { return 1 }
  let nanoseconds = time.nanosecondsSaturating
  return nanoseconds == 0 ? nil : nanoseconds
}
