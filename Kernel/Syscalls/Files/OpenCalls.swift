// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Opens a path, and returns its descriptor.
func openPath(
  _ directory: Int32, _ path: borrowing PathText, _ given: OpenFlags, permissions: UInt32,
  _ restrictions: WalkOptions = []
) throws(Errno) -> UInt64 {
  var flags = given
  if flags.contains(.pathOnly) { flags.formIntersection([.pathOnly, .directory, .noFollow, .closeOnExec]) }
  if !flags.contains(.pathOnly) { flags.insert(.largeFile) }
  if flags.contains(.temporary) { return try openUnnamed(directory, path, flags, permissions, restrictions) }
  if flags.contains(.create) && flags.contains(.directory) { throw .EINVAL }
  try descriptors.checkRoom()
  try reserveKernelMemory()

  var options = restrictions
  if flags.contains(.create) { options.insert(.creates) }
  let isExclusive = flags.contains([.create, .exclusive])
  if !flags.contains(.noFollow) && !isExclusive { options.insert(.followsLast) }
  let walk = try Paths.walk(path, from: Paths.start(directory, path, restrictions), options)

  let location = walk.location
  let node: Node
  var truncates = false
  if let existing = location.node {
    if isExclusive { throw .EEXIST }
    try checkOpening(existing, flags)
    node = existing
    truncates = flags.contains(.truncate) && node.attributes.isRegular
    if truncates { try Access.check(node, .write) }
  } else {
    guard flags.contains(.create) else { throw .ENOENT }
    node = try create(walk, permissions)
  }
  let file = try OpenFile(location, node, flags)
  if !flags.contains(.pathOnly) { FileNotifications.note(.open, file) }
  if truncates {
    try node.truncate(to: 0)
    FileNotifications.note(.modify, file)
  }
  return try descriptors.install(file, closeOnExec: flags.contains(.closeOnExec))
}

/// Whether an existing file may be opened so.
@inline(__always)
private func checkOpening(_ node: Node, _ flags: OpenFlags) throws(Errno) {
  if node.isDirectory {
    if flags.isWritable || flags.contains(.create) { throw .EISDIR }
  } else {
    if flags.contains(.directory) { throw .ENOTDIR }
    if node.attributes.isSymbolicLink && !flags.contains(.pathOnly) { throw .ELOOP }
  }
  if flags.contains(.pathOnly) { return }
  if (flags.isWritable || flags.contains(.truncate)) && process.isRunning(node) { throw .ETXTBSY }
  if identity.isRoot { return }
  var wanted: AccessMode = []
  if flags.isReadable { wanted.insert(.read) }
  if flags.isWritable { wanted.insert(.write) }
  try Access.check(node, wanted)
  if flags.contains(.noAccessTime) { try Access.checkOwner(node) }
}

private func create(_ walk: Walk, _ permissions: UInt32) throws(Errno) -> Node {
  if walk.hasTrailingSlash { throw .EISDIR }
  let (place, parent) = try walk.parent()
  if place.isGone { throw .ENOENT }
  try Access.check(parent, [.write, .execute])
  let node = try parent.create(walk.location.name, Access.newNode(.regular, permissions, in: parent))
  walk.location.node = node
  FileNotifications.note(.create, walk.location.name, in: parent, isDirectory: false)
  return node
}

/// O_TMPFILE: a file without a name in a directory's file system.
private func openUnnamed(
  _ directory: Int32, _ path: borrowing PathText, _ flags: OpenFlags, _ permissions: UInt32, _ restrictions: WalkOptions
) throws(Errno) -> UInt64 {
  guard flags.contains(.directory), flags.isWritable, !flags.contains(.create) else { throw .EINVAL }
  try descriptors.checkRoom()
  let start = try Paths.start(directory, path, restrictions)
  let place = try Paths.walk(path, from: start, restrictions.union(.followsLast)).location
  guard let parent = place.node else { throw .ENOENT }
  guard parent.isDirectory else { throw .ENOTDIR }
  try Access.check(parent, [.write, .execute])
  let node = try parent.createUnnamed(Access.newNode(.regular, permissions, in: parent))
  var name = bytes(of: "#")
  name.append(decimal: node.number)
  let location = Location(name, NameKey(), parent: place, node: node)
  location.detach()
  let file = try OpenFile(location, node, flags.subtracting([.directory]))
  return try descriptors.install(file, closeOnExec: flags.contains(.closeOnExec))
}

/// The flags of the older calls: bits that nobody knows are ignored.
@inline(__always)
private func openFlags(_ argument: UInt64) -> OpenFlags {
  OpenFlags(rawValue: UInt32(truncatingIfNeeded: argument)).intersection(.known)
}

func sysOpen(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = openFlags(call.second)
  let permissions = UInt32(truncatingIfNeeded: call.third)
  return try openPath(Paths.workingDirectory, PathText(at: call.first), flags, permissions: permissions)
}

func sysOpenat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let directory = int(call.first)
  let flags = openFlags(call.third)
  let permissions = UInt32(truncatingIfNeeded: call.fourth)
  return try openPath(directory, PathText(at: call.second), flags, permissions: permissions)
}

func sysCreat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let path = try PathText(at: call.first)
  return try openPath(
    Paths.workingDirectory, path, [.create, .writeOnly, .truncate],
    permissions: UInt32(truncatingIfNeeded: call.second))
}

/// `struct open_how`: flags, mode, resolve.
func sysOpenat2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let size = call.fourth
  guard size >= 24 else { throw .EINVAL }
  guard size <= 4096 else { throw .E2BIG }
  guard let flags = ProgramMemory.loadWord(at: call.third), let mode = ProgramMemory.loadWord(at: call.third &+ 8),
    let resolve = ProgramMemory.loadWord(at: call.third &+ 16)
  else { throw .EFAULT }
  // What a newer version of the structure has must not be set.
  if size > 24 {
    guard let rest = ProgramMemory.bytes(at: call.third &+ 24, count: Int(size) - 24) else { throw .EFAULT }
    for byte in rest where byte != 0 { throw .E2BIG }
  }
  guard flags & ~UInt64(OpenFlags.known.rawValue) == 0, resolve & ~0x3f == 0, mode & ~0o7777 == 0 else { throw .EINVAL }
  let openFlags = OpenFlags(rawValue: UInt32(flags))
  if openFlags.isDisjoint(with: [.create, .temporary]) && mode != 0 { throw .EINVAL }
  if resolve & 0x18 == 0x18 { throw .EINVAL }
  // RESOLVE_CACHED: whether a path is all in the cache is not known before it was followed.
  if resolve & 0x20 != 0 { throw .EAGAIN }
  let path = try PathText(at: call.second)
  return try openPath(
    int(call.first), path, openFlags, permissions: UInt32(mode), WalkOptions(rawValue: UInt32(resolve) << 8))
}

func sysClose(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try descriptors.close(call.first)
  return 0
}

func sysCloseRange(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let first = UInt32(truncatingIfNeeded: call.first)
  let last = UInt32(truncatingIfNeeded: call.second)
  let flags = UInt32(truncatingIfNeeded: call.third)
  // CLOSE_RANGE_UNSHARE 2: nobody shares the table; CLOSE_RANGE_CLOEXEC 4.
  guard flags & ~6 == 0, first <= last else { throw .EINVAL }
  var number = descriptors.next(from: Int(first))
  while let open = number, open <= Int(last) {
    if flags & 4 != 0 { descriptors.setCloseOnExec(UInt64(open), true) } else { try descriptors.close(UInt64(open)) }
    number = descriptors.next(from: open &+ 1)
  }
  return 0
}
