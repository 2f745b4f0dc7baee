// SPDX-License-Identifier: Apache-2.0
import Machine

/// What `preadv2` and `pwritev2` may be asked for (RWF_*).
private struct VectorFlags: OptionSet {
  let rawValue: UInt32
  static let highPriority = VectorFlags(rawValue: 1)
  static let dataSynchronous = VectorFlags(rawValue: 2)
  static let synchronous = VectorFlags(rawValue: 4)
  static let noWait = VectorFlags(rawValue: 8)
  static let append = VectorFlags(rawValue: 16)
  static let known: VectorFlags = [.highPriority, .dataSynchronous, .synchronous, .noWait, .append]
}

/// Moves one part after the other with `move`, which is given the position in the file and how much was moved before,
/// until it moves less than all of a part. Returns the sum; an error only if nothing was moved.
@inline(__always)
private func transfer(
  _ parts: MemoryParts, at start: UInt64, _ move: (MemoryPart, UInt64, Int) throws(Errno) -> Int
) throws(Errno) -> Int {
  var done = 0
  for part in parts.parts {
    do throws(Errno) {
      let count = try move(part, start &+ UInt64(done), done)
      done &+= count
      if count < part.count { break }
    } catch {
      if done == 0 || error == .ELOOKAGAIN { throw error }
      break
    }
  }
  return done
}

/// Reads into the parts, from `offset` or, if that is nil, from the file's position.
private func read(_ file: OpenFile, _ parts: MemoryParts, at offset: UInt64?, mayWait: Bool) throws(Errno) -> UInt64 {
  let node = try file.readable()
  if offset != nil && !node.isSeekable { throw .ESPIPE }
  // A message is not read in pieces.
  if let socket = node as? Socket {
    if parts.count == 0 { return 0 }
    return UInt64(try socket.receive(parts, [], mayWait: mayWait).count)
  }
  var start: UInt64 = 0
  let done = try lookingAgain { () throws(Errno) in
    start = offset ?? file.position
    return try transfer(parts, at: start) { part, position, done throws(Errno) in
      // A stream that gave something must not be waited for to give more.
      if done > 0 && !node.isSeekable && node.readiness().isDisjoint(with: .readable) { return 0 }
      return try node.read(at: position, to: part.address, count: part.count, mayWait: mayWait)
    }
  }
  if offset == nil && node.isSeekable { file.position = start &+ UInt64(done) }
  if done > 0 { FileNotifications.note(.access, file) }
  return UInt64(done)
}

/// Writes the parts, to `offset` or, if that is nil, to the file's position.
private func write(
  _ file: OpenFile, _ parts: MemoryParts, at offset: UInt64?, _ flags: VectorFlags, mayWait: Bool
) throws(Errno) -> UInt64 {
  let node = try file.writable()
  if offset != nil && !node.isSeekable { throw .ESPIPE }
  if let socket = node as? Socket {
    return UInt64(try socket.send(parts, OutgoingExtras(), [], mayWait: mayWait))
  }
  var start = offset ?? file.position
  if node.isSeekable && (file.flags.contains(.append) || flags.contains(.append)) { start = node.attributes.size }
  let done = try transfer(parts, at: start) { part, position, _ throws(Errno) in
    try node.write(at: position, from: part.address, count: part.count, mayWait: mayWait)
  }
  if offset == nil && node.isSeekable { file.position = start &+ UInt64(done) }
  if done > 0 { FileNotifications.note(.modify, file) }
  if !flags.isDisjoint(with: [.dataSynchronous, .synchronous]) && node.attributes.isRegular {
    try node.synchronize(dataOnly: !flags.contains(.synchronous))
  } else {
    try file.finishWriting(node)
  }
  return UInt64(done)
}

func sysReadv(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  return try read(file, MemoryParts(at: call.second, count: call.third), at: nil, mayWait: file.mayWait)
}

func sysWritev(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  return try write(file, MemoryParts(at: call.second, count: call.third), at: nil, [], mayWait: file.mayWait)
}

func sysPreadv(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let offset = try checkedOffset(call.fourth)
  let file = try descriptors.file(call.first)
  return try read(file, MemoryParts(at: call.second, count: call.third), at: offset, mayWait: true)
}

func sysPwritev(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let offset = try checkedOffset(call.fourth)
  let file = try descriptors.file(call.first)
  return try write(file, MemoryParts(at: call.second, count: call.third), at: offset, [], mayWait: true)
}

/// The offset and flags of `preadv2` and `pwritev2`; offset -1 is the file's position. The upper half of the
/// offset is an argument of its own, which means nothing on a 64-bit machine.
private func second(_ call: TrapFrame) throws(Errno) -> (offset: UInt64?, flags: VectorFlags) {
  let flags = VectorFlags(rawValue: UInt32(truncatingIfNeeded: call.sixth))
  guard flags.isSubset(of: .known) else { throw .EOPNOTSUPP }
  if call.fourth == .max { return (nil, flags) }
  return (try checkedOffset(call.fourth), flags)
}

func sysPreadv2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (offset, flags) = try second(call)
  let file = try descriptors.file(call.first)
  return try read(
    file, MemoryParts(at: call.second, count: call.third), at: offset, mayWait: file.mayWait && !flags.contains(.noWait)
  )
}

func sysPwritev2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (offset, flags) = try second(call)
  let file = try descriptors.file(call.first)
  return try write(
    file, MemoryParts(at: call.second, count: call.third), at: offset, flags,
    mayWait: file.mayWait && !flags.contains(.noWait))
}
