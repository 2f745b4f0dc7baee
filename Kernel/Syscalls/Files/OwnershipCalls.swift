// SPDX-License-Identifier: Apache-2.0
import Machine

// MARK: permissions

private func changeMode(_ place: FoundFile, _ mode: UInt64) throws(Errno) -> UInt64 {
  let node = place.node
  try Access.checkOwner(node)
  if node.attributes.isSymbolicLink { throw .EOPNOTSUPP }
  var permissions = UInt32(truncatingIfNeeded: mode) & 0o7777
  // Only members of a file's group may let others run it in that group's name.
  if !identity.isRoot && node.attributes.groupIdentifier != identity.fileSystemGroupID
    && !identity.isMember(of: node.attributes.groupIdentifier)
  {
    permissions &= ~0o2000
  }
  try node.setAttributes(AttributeChange(permissions: permissions))
  FileNotifications.note(.attributes, place)
  return 0
}

func sysChmod(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try changeMode(Paths.walk(Paths.workingDirectory, call.first, .followsLast).found(), call.second)
}

func sysFchmod(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try changeMode(descriptors.file(call.first).found, call.second)
}

func sysFchmodat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try changeMode(Paths.walk(int(call.first), call.second, .followsLast).found(), call.third)
}

func sysFchmodat2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try PathFlags.check(call.fourth, allowing: PathFlags.noFollow | PathFlags.emptyPath)
  return try changeMode(
    Paths.walk(int(call.first), call.second, PathFlags.options(call.fourth)).found(), call.third)
}

// MARK: owners

private func changeOwner(_ place: FoundFile, _ user: UInt64, _ group: UInt64) throws(Errno) -> UInt64 {
  let node = place.node
  var change = AttributeChange()
  let newUser = UInt32(truncatingIfNeeded: user)
  let newGroup = UInt32(truncatingIfNeeded: group)
  if newUser != .max { change.userIdentifier = newUser }
  if newGroup != .max { change.groupIdentifier = newGroup }
  if !identity.isRoot {
    try Access.checkOwner(node)
    if let wanted = change.userIdentifier, wanted != node.attributes.userIdentifier { throw .EPERM }
    if let wanted = change.groupIdentifier, wanted != identity.fileSystemGroupID, !identity.isMember(of: wanted) {
      throw .EPERM
    }
  }
  // A file that runs in its owner's name does so no longer.
  if !node.isDirectory && node.attributes.mode & 0o6000 != 0 && !node.attributes.isSymbolicLink {
    var kept = node.attributes.permissions & ~0o4000
    if kept & 0o010 != 0 { kept &= ~0o2000 }
    change.permissions = kept
  }
  try node.setAttributes(change)
  FileNotifications.note(.attributes, place)
  return 0
}

func sysChown(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try changeOwner(
    Paths.walk(Paths.workingDirectory, call.first, .followsLast).found(), call.second, call.third)
}

func sysLchown(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try changeOwner(Paths.walk(Paths.workingDirectory, call.first, []).found(), call.second, call.third)
}

func sysFchown(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try changeOwner(descriptors.file(call.first).found, call.second, call.third)
}

func sysFchownat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try PathFlags.check(call.fifth, allowing: PathFlags.noFollow | PathFlags.emptyPath)
  return try changeOwner(
    Paths.walk(int(call.first), call.second, PathFlags.options(call.fifth)).found(), call.third, call.fourth)
}

// MARK: times

/// Sets access and modification time; `times` nil is now for both, and within them nil is "leave it".
private func setTimes(_ place: FoundFile, _ times: (Timestamp?, Timestamp?)?) throws(Errno) -> UInt64 {
  let node = place.node
  var change = AttributeChange()
  if let times {
    if times.0 == nil && times.1 == nil { return 0 }
    try Access.checkOwner(node)
    change.accessed = times.0
    change.modified = times.1
  } else {
    if !identity.isRoot && identity.fileSystemUserID != node.attributes.userIdentifier {
      try Access.check(node, .write)
    }
    let now = Timestamp.now
    change.accessed = now
    change.modified = now
  }
  try node.setAttributes(change)
  // One time alone is as if the file had been read or written.
  let event: FileEvents = change.modified == nil ? .access : change.accessed == nil ? .modify : .attributes
  FileNotifications.note(event, place)
  return 0
}

/// One `struct timespec` of `utimensat`; nil for UTIME_OMIT.
private func timeSpecification(at address: UInt64) throws(Errno) -> Timestamp? {
  guard let seconds = ProgramMemory.loadWord(at: address), let nanoseconds = ProgramMemory.loadWord(at: address &+ 8)
  else { throw .EFAULT }
  switch nanoseconds {
  case 0x3fff_ffff: return Timestamp.now
  case 0x3fff_fffe: return nil
  case 0..<1_000_000_000: return Timestamp(seconds: Int64(bitPattern: seconds), nanoseconds: UInt32(nanoseconds))
  default: throw .EINVAL
  }
}

/// One `struct timeval`.
private func timeValue(at address: UInt64) throws(Errno) -> Timestamp {
  guard let seconds = ProgramMemory.loadWord(at: address), let microseconds = ProgramMemory.loadWord(at: address &+ 8)
  else { throw .EFAULT }
  guard microseconds < 1_000_000 else { throw .EINVAL }
  return Timestamp(seconds: Int64(bitPattern: seconds), nanoseconds: UInt32(microseconds) * 1000)
}

func sysUtimensat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try PathFlags.check(call.fourth, allowing: PathFlags.noFollow | PathFlags.emptyPath)
  var times: (Timestamp?, Timestamp?)?
  if call.third != 0 {
    times = (try timeSpecification(at: call.third), try timeSpecification(at: call.third &+ 16))
  }
  // Without a path the descriptor's own file: what futimens makes of it.
  if call.second == 0 {
    guard int(call.first) != Paths.workingDirectory else { throw .EFAULT }
    return try setTimes(descriptors.file(call.first).found, times)
  }
  return try setTimes(Paths.walk(int(call.first), call.second, PathFlags.options(call.fourth)).found(), times)
}

private func setTimeValues(_ directory: Int32, _ path: UInt64, _ times: UInt64) throws(Errno) -> UInt64 {
  var values: (Timestamp?, Timestamp?)?
  if times != 0 { values = (try timeValue(at: times), try timeValue(at: times &+ 16)) }
  return try setTimes(Paths.walk(directory, path, .followsLast).found(), values)
}

func sysUtimes(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try setTimeValues(Paths.workingDirectory, call.first, call.second)
}

func sysFutimesat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if call.second == 0 {
    var values: (Timestamp?, Timestamp?)?
    if call.third != 0 { values = (try timeValue(at: call.third), try timeValue(at: call.third &+ 16)) }
    return try setTimes(descriptors.file(call.first).found, values)
  }
  return try setTimeValues(int(call.first), call.second, call.third)
}

func sysUtime(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  var values: (Timestamp?, Timestamp?)?
  if call.second != 0 {
    guard let accessed = ProgramMemory.loadWord(at: call.second),
      let modified = ProgramMemory.loadWord(at: call.second &+ 8)
    else { throw .EFAULT }
    values = (
      Timestamp(seconds: Int64(bitPattern: accessed), nanoseconds: 0),
      Timestamp(seconds: Int64(bitPattern: modified), nanoseconds: 0)
    )
  }
  return try setTimes(Paths.walk(Paths.workingDirectory, call.first, .followsLast).found(), values)
}
