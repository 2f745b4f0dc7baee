// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

private func segment(_ argument: UInt64) throws(Errno) -> SharedSegment {
  guard let segment = try SharedSegment.all.find(int(argument)) as? SharedSegment else { throw .EINVAL }
  return segment
}

/// shmget(2): key, size, flags.
func sysShmget(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let size = call.second
  let flags = int(call.third)
  let key = int(call.first)
  return try SharedSegment.all.get(key, flags) {
    (($0 as? SharedSegment)?.size ?? 0) >= size
  } make: { () throws(Errno) in
    guard size > 0 else { throw .EINVAL }
    // SHM_HUGETLB: there is no pool of huge pages. What cannot all be used is refused as by mmap.
    guard flags & 0o4000 == 0, size / pageSize < UInt64(PhysicalMemory.total) else { throw .ENOMEM }
    return try SharedSegment(key: key, flags: flags, size: size)
  }
}

/// The flags of `shmat`.
private enum AttachFlag {
  static var readOnly: UInt64 { 0o10000 }
  static var round: UInt64 { 0o20000 }
  static var remap: UInt64 { 0o40000 }
  static var execute: UInt64 { 0o100000 }
}

/// "/SYSV" and the key, in /proc/self/maps.
private func name(_ key: Int32) -> [UInt8] {
  var text = GeneratedText()
  text.add("/SYSV")
  text.add(hexadecimal: UInt64(UInt32(bitPattern: key)), width: 8)
  text.add(" (deleted)")
  return text.bytes(at: 0, limit: 64)
}

/// shmat(2): identifier, address, flags.
func sysShmat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = call.third
  let isFixed = call.second != 0
  var start = call.second
  if start & (pageSize - 1) != 0 {
    guard flags & AttachFlag.round != 0 else { throw .EINVAL }
    start = pageStart(start)
  }
  guard flags & AttachFlag.remap == 0 || start != 0 else { throw .EINVAL }
  let segment = try segment(call.first)
  var protection: Protection = .read
  if flags & AttachFlag.readOnly == 0 { protection.insert(.write) }
  if flags & AttachFlag.execute != 0 { protection.insert(.execute) }
  try segment.check(
    4 | (protection.contains(.write) ? 2 : 0) | (protection.contains(.execute) ? 1 : 0))
  guard addressSpace.permits(protection, wasWritable: false) else { throw .EACCES }
  var mapping = Mapping(protection: protection)
  mapping.isShared = true
  mapping.mayWrite = protection.isWritable
  mapping.node = segment.node
  mapping.location = Location(unnamed: name(segment.permissions.key), segment.node)
  try addressSpace.checkAliases(mapping)
  let length = segment.node.attributes.size
  try addressSpace.checkLimit(length)
  if isFixed {
    guard start >= AddressSpace.lowest, AddressSpace.isUsable(start, length) else { throw .EINVAL }
    guard flags & AttachFlag.remap != 0 || addressSpace.map.isFree(start, start + length) else { throw .EINVAL }
  } else {
    guard let room = addressSpace.findRoom(length) else { throw .ENOMEM }
    start = room
  }
  mapping.isLocked = addressSpace.locksFuture
  try addressSpace.install(start, length, mapping)
  segment.attached = SystemVObject.now
  segment.lastProcess = ProcessGroup.process
  SharedSegment.sweep()
  return start
}

func sysShmdt(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.first & (pageSize - 1) == 0 else { throw .EINVAL }
  try SharedSegment.detach(call.first)
  return 0
}

/// shmctl(2): identifier, command, buffer.
func sysShmctl(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let command = int(call.second)
  guard int(call.first) >= 0 else { throw .EINVAL }
  switch command {
  case SystemVCommand.status:
    let segment = try segment(call.first)
    try segment.check(4)
    try check(ProgramMemory.store(segment.status, at: call.third))
  case SystemVCommand.set:
    try segment(call.first).setPermissions(at: call.third)
  case SystemVCommand.remove:
    let segment = try segment(call.first)
    try segment.checkOwner()
    segment.remove()
  case 11, 12:  // SHM_LOCK, SHM_UNLOCK: nothing is ever written elsewhere
    let segment = try segment(call.first)
    try segment.checkOwner()
    if command == 11 {
      segment.permissions.mode |= SharedSegment.lockedMode
    } else {
      segment.permissions.mode &= ~SharedSegment.lockedMode
    }
  default: throw .EINVAL
  }
  return 0
}
