// SPDX-License-Identifier: Apache-2.0
import Machine

func sysDup(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try descriptors.install(descriptors.anyFile(call.first), closeOnExec: false)
}

private func duplicate(_ old: UInt64, _ new: UInt64, closeOnExec: Bool) throws(Errno) -> UInt64 {
  let file = try descriptors.anyFile(old)
  let number = Int(UInt32(truncatingIfNeeded: new))
  try descriptors.replace(number, with: file, closeOnExec: closeOnExec)
  return UInt64(number)
}

func sysDup2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if UInt32(truncatingIfNeeded: call.first) == UInt32(truncatingIfNeeded: call.second) {
    _ = try descriptors.anyFile(call.first)
    return call.first & 0xffff_ffff
  }
  return try duplicate(call.first, call.second, closeOnExec: false)
}

func sysDup3(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = OpenFlags(rawValue: UInt32(truncatingIfNeeded: call.third))
  guard flags.isSubset(of: .closeOnExec),
    UInt32(truncatingIfNeeded: call.first) != UInt32(truncatingIfNeeded: call.second)
  else { throw .EINVAL }
  return try duplicate(call.first, call.second, closeOnExec: !flags.isEmpty)
}

/// The commands of `fcntl` (include/uapi/asm-generic/fcntl.h, include/uapi/linux/fcntl.h).
private enum Command {
  static let duplicate: Int32 = 0
  static let getDescriptorFlags: Int32 = 1
  static let setDescriptorFlags: Int32 = 2
  static let getFlags: Int32 = 3
  static let setFlags: Int32 = 4
  static let getLock: Int32 = 5
  static let setLock: Int32 = 6
  static let setLockWaiting: Int32 = 7
  static let getFileLock: Int32 = 36
  static let setFileLock: Int32 = 37
  static let setFileLockWaiting: Int32 = 38
  static let duplicateClosedOnExec: Int32 = 1030
  static let setPipeSize: Int32 = 1031
  static let getPipeSize: Int32 = 1032
  static let addSeals: Int32 = 1033
  static let getSeals: Int32 = 1034
}

func sysFcntl(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let command = int(call.second)
  let argument = call.third
  let file = try descriptors.anyFile(call.first)
  switch command {
  case Command.duplicate, Command.duplicateClosedOnExec:
    let minimum = UInt64(UInt32(truncatingIfNeeded: argument))
    guard minimum < UInt64(descriptors.limit) else { throw .EINVAL }
    return try descriptors.install(
      file, closeOnExec: command == Command.duplicateClosedOnExec, from: Int(minimum))
  case Command.getDescriptorFlags: return descriptors.isCloseOnExec(call.first) ? 1 : 0
  case Command.setDescriptorFlags:
    descriptors.setCloseOnExec(call.first, argument & 1 != 0)
    return 0
  case Command.getFlags: return UInt64(file.flags.rawValue)
  default: break
  }
  // With O_PATH nothing else goes.
  if file.flags.contains(.pathOnly) { throw .EBADF }
  switch command {
  case Command.setFlags:
    file.setChangeable(OpenFlags(rawValue: UInt32(truncatingIfNeeded: argument)))
    return 0
  case Command.getLock: return try getLock(file, argument, owner: FileLocks.process)
  case Command.setLock: return try setLock(file, argument, owner: FileLocks.process, mayWait: false)
  case Command.setLockWaiting: return try setLock(file, argument, owner: FileLocks.process, mayWait: true)
  case Command.getFileLock: return try getLock(file, argument, owner: file.identity)
  case Command.setFileLock: return try setLock(file, argument, owner: file.identity, mayWait: false)
  case Command.setFileLockWaiting: return try setLock(file, argument, owner: file.identity, mayWait: true)
  case Command.getPipeSize:
    guard let pipe = file.content as? Pipe else { throw .EBADF }
    return UInt64(pipe.capacity)
  case Command.setPipeSize:
    guard let pipe = file.content as? Pipe else { throw .EBADF }
    guard argument & 0xffff_ffff <= 0x7fff_ffff else { throw .EINVAL }
    return UInt64(try pipe.setCapacity(Int(argument & 0xffff_ffff)))
  case Command.addSeals:
    try addSeals(file, argument)
    return 0
  case Command.getSeals: return try getSeals(file)
  // Nobody is sent SIGIO: that is said, and not stored and forgotten.
  default: throw .EINVAL
  }
}

func sysIoctl(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  let request = UInt32(truncatingIfNeeded: call.second)
  switch request {
  case ControlRequest.closeOnExec: descriptors.setCloseOnExec(call.first, true)
  case ControlRequest.doNotCloseOnExec: descriptors.setCloseOnExec(call.first, false)
  case ControlRequest.nonBlocking:
    guard let value = ProgramMemory.load(Int32.self, at: call.third) else { throw .EFAULT }
    file.setChangeable(value != 0 ? file.flags.union(.nonBlocking) : file.flags.subtracting(.nonBlocking))
  case ControlRequest.bytesReadable where file.content.attributes.isRegular:
    let size = file.content.attributes.size
    let left = Int64(bitPattern: size &- min(size, file.position))
    try check(ProgramMemory.store(Int32(truncatingIfNeeded: left), at: call.third))
  default: return try file.content.control(request, call.third)
  }
  return 0
}
