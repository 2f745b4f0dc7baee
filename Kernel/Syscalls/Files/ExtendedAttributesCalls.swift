// SPDX-License-Identifier: Apache-2.0
import Machine

/// The bounds of names, values and lists (include/uapi/linux/limits.h).
private let maximumName = 255
private let maximumValue: UInt64 = 65536

/// A name, with the class that stands before its first dot.
private func attributeName(at address: UInt64) throws(Errno) -> [UInt8] {
  switch ProgramMemory.string(at: address, limit: maximumName + 1) {
  case .string(let name):
    guard !name.isEmpty else { throw .ERANGE }
    return name
  case .tooLong: throw .ERANGE
  case .fault: throw .EFAULT
  }
}

private func hasClass(_ name: [UInt8], _ prefix: StaticString) -> Bool { name.starts(with: bytes(of: prefix)) }

/// Who may use which class (xattr(7)).
private func checkClass(_ node: Node, _ name: [UInt8], writing: Bool) throws(Errno) {
  if hasClass(name, "user.") {
    guard node.attributes.isRegular || node.isDirectory else {
      if writing { throw .EPERM }
      throw .ENODATA
    }
    try Access.check(node, writing ? .write : .read)
  } else if hasClass(name, "trusted.") {
    guard identity.isRoot else {
      if writing { throw .EPERM }
      throw .ENODATA
    }
  } else if hasClass(name, "security.") {
    guard !writing || identity.isRoot else { throw .EPERM }
  } else {
    // "system." is access control lists, which are not there.
    throw .EOPNOTSUPP
  }
}

/// Hands a value or a list over: a size of 0 only asks how long it is.
private func deliver(_ value: [UInt8], _ address: UInt64, _ size: UInt64) throws(Errno) -> UInt64 {
  if size == 0 { return UInt64(value.count) }
  guard UInt64(value.count) <= size else { throw .ERANGE }
  try check(ProgramMemory.write(value.span, to: address))
  return UInt64(value.count)
}

private func place(_ path: UInt64, follow: Bool) throws(Errno) -> FoundFile {
  try Paths.walk(Paths.workingDirectory, path, follow ? .followsLast : []).found()
}

private func get(_ place: FoundFile, _ call: TrapFrame) throws(Errno) -> UInt64 {
  let node = place.node
  let name = try attributeName(at: call.second)
  try checkClass(node, name, writing: false)
  return try deliver(node.extendedAttribute(name), call.third, call.fourth)
}

private func set(_ place: FoundFile, _ call: TrapFrame) throws(Errno) -> UInt64 {
  let node = place.node
  let flags = UInt32(truncatingIfNeeded: call.fifth)
  guard flags & ~3 == 0 else { throw .EINVAL }
  let name = try attributeName(at: call.second)
  guard call.fourth <= maximumValue else { throw .E2BIG }
  try reserveKernelMemory(bytes: Int(call.fourth))
  guard let value = ProgramMemory.bytes(at: call.third, count: Int(call.fourth)) else { throw .EFAULT }
  try checkClass(node, name, writing: true)
  try node.setExtendedAttribute(name, value, flags: flags)
  FileNotifications.note(.attributes, place)
  return 0
}

private func list(_ place: FoundFile, _ call: TrapFrame) throws(Errno) -> UInt64 {
  let node = place.node
  var names: [UInt8] = []
  for name in try node.extendedAttributeNames() where identity.isRoot || !hasClass(name, "trusted.") {
    names.append(contentsOf: name)
    names.append(0)
  }
  return try deliver(names, call.second, call.third)
}

private func remove(_ place: FoundFile, _ call: TrapFrame) throws(Errno) -> UInt64 {
  let node = place.node
  let name = try attributeName(at: call.second)
  try checkClass(node, name, writing: true)
  try node.removeExtendedAttribute(name)
  FileNotifications.note(.attributes, place)
  return 0
}

func sysGetxattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try get(place(call.first, follow: true), call) }
func sysLgetxattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try get(place(call.first, follow: false), call) }
func sysFgetxattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try get(descriptors.file(call.first).found, call) }
func sysSetxattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try set(place(call.first, follow: true), call) }
func sysLsetxattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try set(place(call.first, follow: false), call) }
func sysFsetxattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try set(descriptors.file(call.first).found, call)
}
func sysListxattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try list(place(call.first, follow: true), call) }
func sysLlistxattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try list(place(call.first, follow: false), call) }
func sysFlistxattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try list(descriptors.file(call.first).found, call)
}
func sysRemovexattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try remove(place(call.first, follow: true), call)
}
func sysLremovexattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try remove(place(call.first, follow: false), call)
}
func sysFremovexattr(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try remove(descriptors.file(call.first).found, call)
}
