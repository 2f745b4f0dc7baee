// SPDX-License-Identifier: Apache-2.0
import Machine

/// The socket behind a descriptor, and its open file.
func socketFile(_ argument: UInt64) throws(Errno) -> (file: OpenFile, socket: Socket) {
  let file = try descriptors.file(argument)
  guard let socket = file.content as? Socket else { throw .ENOTSOCK }
  return (file, socket)
}

/// Gives a socket a descriptor. `flags`: those of `open`, which SOCK_CLOEXEC and SOCK_NONBLOCK are.
private func install(_ socket: Socket, _ flags: OpenFlags) throws(Errno) -> UInt64 {
  let kept: OpenFlags = flags.contains(.nonBlocking) ? [.readWrite, .nonBlocking] : .readWrite
  let file = try OpenFile(Location(unnamed: socket.description(), socket), socket, kept)
  return try descriptors.install(file, closeOnExec: flags.contains(.closeOnExec))
}

// MARK: making sockets

/// AF_UNIX and the number after the last family (AF_MAX).
private let localFamily: Int32 = 1
private let endOfFamilies: Int32 = 46

/// What the arguments of `socket` ask for. Other families would be made here.
private func makeSocket(_ call: TrapFrame) throws(Errno) -> (make: () -> Socket, flags: OpenFlags) {
  let type = UInt32(truncatingIfNeeded: call.second)
  let flags = OpenFlags(rawValue: type & ~0xf)
  guard flags.isSubset(of: [.closeOnExec, .nonBlocking]) else { throw .EINVAL }
  let family = int(call.first)
  guard family >= 0, family < endOfFamilies else { throw .EAFNOSUPPORT }
  guard type & 0xf < 11 else { throw .EINVAL }
  guard family == localFamily else { throw .EAFNOSUPPORT }
  // PF_UNIX is taken for the protocol, too.
  guard call.third & 0xffff_ffff <= 1 else { throw .EPROTONOSUPPORT }
  let kind: SocketKind
  switch type & 0xf {
  case 1: kind = .stream
  // SOCK_RAW is the same as SOCK_DGRAM.
  case 2, 3: kind = .datagram
  case 5: kind = .sequencedPacket
  default: throw .ESOCKTNOSUPPORT
  }
  try descriptors.checkRoom()
  try reserveKernelMemory()
  return ({ LocalSocket(kind) }, flags)
}

func sysSocket(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (make, flags) = try makeSocket(call)
  return try install(make(), flags)
}

func sysSocketpair(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (make, flags) = try makeSocket(call)
  guard ProgramMemory.isRange(call.fourth, 8) else { throw .EFAULT }
  let ends = (make(), make())
  try ends.0.pair(with: ends.1)
  // Closing one that has no descriptor yet is not left to chance: they hold each other.
  var first: UInt64?
  do throws(Errno) {
    let number = try install(ends.0, flags)
    first = number
    let second = try install(ends.1, flags)
    guard ProgramMemory.storeWord(number | second << 32, at: call.fourth) else {
      try descriptors.close(second)
      throw .EFAULT
    }
  } catch {
    if let first { try? descriptors.close(first) } else { ends.0.closed(.readWrite) }
    throw error
  }
  return 0
}

// MARK: connections

func sysBind(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (_, socket) = try socketFile(call.first)
  try socket.bind(SocketAddress.load(at: call.second, length: call.third))
  return 0
}

func sysListen(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (_, socket) = try socketFile(call.first)
  try socket.listen(int(call.second))
  return 0
}

func sysConnect(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (file, socket) = try socketFile(call.first)
  try socket.connect(SocketAddress.load(at: call.second, length: call.third), mayWait: file.mayWait)
  return 0
}

private func accept(_ call: TrapFrame, _ flags: OpenFlags) throws(Errno) -> UInt64 {
  guard flags.isSubset(of: [.closeOnExec, .nonBlocking]) else { throw .EINVAL }
  let (file, socket) = try socketFile(call.first)
  try descriptors.checkRoom()
  try reserveKernelMemory()
  let connection = try socket.accept(mayWait: file.mayWait)
  let number: UInt64
  do throws(Errno) {
    // While it waited, the last descriptor may have been taken.
    number = try install(connection, flags)
  } catch {
    connection.closed(.readWrite)
    throw error
  }
  if call.second != 0 {
    do throws(Errno) {
      try SocketAddress.store(connection.peerName(), at: call.second, lengthAt: call.third)
    } catch {
      try descriptors.close(number)
      throw error == .ENOTCONN ? .EINVAL : error
    }
  }
  return number
}

func sysAccept(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try accept(call, []) }

func sysAccept4(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try accept(call, OpenFlags(rawValue: UInt32(truncatingIfNeeded: call.fourth)))
}

func sysShutdown(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (_, socket) = try socketFile(call.first)
  switch int(call.second) {
  case 0: try socket.shutdown(.receiving)
  case 1: try socket.shutdown(.sending)
  case 2: try socket.shutdown(.both)
  default: throw .EINVAL
  }
  return 0
}

func sysGetsockname(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (_, socket) = try socketFile(call.first)
  try SocketAddress.store(socket.localName(), at: call.second, lengthAt: call.third)
  return 0
}

func sysGetpeername(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (_, socket) = try socketFile(call.first)
  try SocketAddress.store(socket.peerName(), at: call.second, lengthAt: call.third)
  return 0
}
