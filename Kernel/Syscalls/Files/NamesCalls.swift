// SPDX-License-Identifier: Apache-2.0
import Machine

/// Where a new name is to be: in a directory that exists and may be written, and not taken.
private func newName(_ directory: Int32, _ address: UInt64, forDirectory: Bool = false) throws(Errno)
  -> (location: Location, parent: Node)
{
  try newName(Paths.walk(directory, address, [.creates, .name]), forDirectory: forDirectory)
}

/// The same for a path that was followed so.
func newName(_ walk: Walk, forDirectory: Bool = false) throws(Errno) -> (location: Location, parent: Node) {
  if walk.location.node != nil { throw .EEXIST }
  // A name that does not exist and is not to be a directory's cannot end in a slash.
  if walk.hasTrailingSlash && !forDirectory { throw .ENOENT }
  let (place, parent) = try walk.parent()
  if place.isGone { throw .ENOENT }
  try Access.check(parent, [.write, .execute])
  try reserveKernelMemory()
  return (walk.location, parent)
}

/// Where a name is that is to be removed or moved.
private func oldName(_ walk: Walk) throws(Errno) -> (location: Location, node: Node, parent: Node) {
  let node = try walk.existing()
  let (_, parent) = try walk.parent()
  try Access.checkRemoval(parent, node)
  return (walk.location, node, parent)
}

// MARK: directories

private func makeDirectory(_ directory: Int32, _ path: UInt64, _ mode: UInt64) throws(Errno) -> UInt64 {
  let (location, parent) = try newName(directory, path, forDirectory: true)
  // The set-user and set-group bits are not given this way.
  let permissions = UInt32(truncatingIfNeeded: mode) & 0o1777
  location.node = try parent.create(location.name, Access.newNode(.directory, permissions, in: parent))
  FileNotifications.note(.create, location.name, in: parent, isDirectory: true)
  return 0
}

func sysMkdir(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try makeDirectory(Paths.workingDirectory, call.first, call.second)
}

func sysMkdirat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try makeDirectory(int(call.first), call.second, call.third)
}

/// A name that is gone, and where it was. Told when nobody here holds the file any more: on Linux, too, that it is gone
/// for good is told before.
private struct RemovedName {
  let name: [UInt8]
  let directory: Node
  let isDirectory: Bool

  func told() -> UInt64 {
    FileNotifications.note(.delete, name, in: directory, isDirectory: isDirectory)
    return 0
  }
}

private func removeDirectory(_ directory: Int32, _ path: UInt64) throws(Errno) -> RemovedName {
  let walk = try Paths.walk(directory, path, .name)
  if walk.ending == .dot { throw .EINVAL }
  if walk.ending == .dotDot { throw .ENOTEMPTY }
  let (location, node, parent) = try oldName(walk)
  guard node.isDirectory else { throw .ENOTDIR }
  if location.isMountPoint { throw .EBUSY }
  try parent.removeDirectory(location.name, node)
  location.detach()
  return RemovedName(name: location.name, directory: parent, isDirectory: true)
}

func sysRmdir(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try removeDirectory(Paths.workingDirectory, call.first).told()
}

// MARK: removing names

private func unlink(_ directory: Int32, _ path: UInt64) throws(Errno) -> RemovedName {
  let walk = try Paths.walk(directory, path, .name)
  if walk.ending != .name { throw .EISDIR }
  let (location, node, parent) = try oldName(walk)
  if node.isDirectory { throw .EISDIR }
  if location.isMountPoint { throw .EBUSY }
  try parent.unlink(location.name, node)
  FileNotifications.noteSelf(.attributes, node)
  location.detach()
  return RemovedName(name: location.name, directory: parent, isDirectory: false)
}

func sysUnlink(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try unlink(Paths.workingDirectory, call.first).told()
}

func sysUnlinkat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try PathFlags.check(call.third, allowing: PathFlags.removeDirectory)
  if call.third & PathFlags.removeDirectory != 0 { return try removeDirectory(int(call.first), call.second).told() }
  return try unlink(int(call.first), call.second).told()
}

// MARK: links

private func link(
  _ directory: Int32, _ path: UInt64, _ newDirectory: Int32, _ newPath: UInt64, _ flags: UInt64
) throws(Errno) -> UInt64 {
  try PathFlags.check(flags, allowing: PathFlags.follow | PathFlags.emptyPath)
  var options: WalkOptions = flags & PathFlags.follow != 0 ? .followsLast : []
  if flags & PathFlags.emptyPath != 0 { options.insert(.allowsEmpty) }
  let node = try Paths.walk(directory, path, options).existing()
  let (location, parent) = try newName(newDirectory, newPath)
  if node.fileSystem !== parent.fileSystem { throw .EXDEV }
  if node.isDirectory { throw .EPERM }
  if node.attributes.linkCount == 0 && !node.isLinkable { throw .ENOENT }
  try parent.link(location.name, to: node)
  location.node = node
  FileNotifications.noteSelf(.attributes, node)
  FileNotifications.note(.create, location.name, in: parent, isDirectory: false)
  return 0
}

func sysLink(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try link(Paths.workingDirectory, call.first, Paths.workingDirectory, call.second, 0)
}

func sysLinkat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try link(int(call.first), call.second, int(call.third), call.fourth, call.fifth)
}

private func symbolicLink(_ target: UInt64, _ directory: Int32, _ path: UInt64) throws(Errno) -> UInt64 {
  let target = try Paths.string(at: target)
  let (location, parent) = try newName(directory, path)
  location.node = try parent.createSymbolicLink(
    location.name, to: target, Access.newNode(.symbolicLink, 0o777, in: parent))
  FileNotifications.note(.create, location.name, in: parent, isDirectory: false)
  return 0
}

func sysSymlink(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try symbolicLink(call.first, Paths.workingDirectory, call.second)
}

func sysSymlinkat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try symbolicLink(call.first, int(call.second), call.third)
}

private func readLink(_ directory: Int32, _ path: UInt64, _ buffer: UInt64, _ size: UInt64) throws(Errno) -> UInt64 {
  guard int(size) > 0 else { throw .EINVAL }
  // An empty path is the link that was opened with O_PATH.
  let walk = try Paths.walk(directory, path, .allowsEmpty)
  let node = try walk.existing()
  guard node.attributes.isSymbolicLink else { throw walk.ending == .dot ? .ENOENT : .EINVAL }
  let target = try node.readLink()
  let count = min(target.count, Int(int(size)))
  try check(ProgramMemory.write(target.span.extracting(0..<count), to: buffer))
  return UInt64(count)
}

func sysReadlink(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try readLink(Paths.workingDirectory, call.first, call.second, call.third)
}

func sysReadlinkat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try readLink(int(call.first), call.second, call.third, call.fourth)
}

// MARK: special files

private func makeNode(_ directory: Int32, _ path: UInt64, _ mode: UInt64) throws(Errno) -> UInt64 {
  let mode = UInt32(truncatingIfNeeded: mode)
  let type: FileType
  switch mode & Attributes.typeMask {
  case 0, FileType.regular.rawValue: type = .regular
  case FileType.fifo.rawValue: type = .fifo
  case FileType.directory.rawValue: throw .EPERM
  case FileType.socket.rawValue: type = .socket
  // A device file would open the way to a device that nobody gave to the program.
  case FileType.characterDevice.rawValue, FileType.blockDevice.rawValue: throw .EPERM
  default: throw .EINVAL
  }
  let (location, parent) = try newName(directory, path)
  location.node = try parent.create(location.name, Access.newNode(type, mode, in: parent))
  FileNotifications.note(.create, location.name, in: parent, isDirectory: false)
  return 0
}

func sysMknod(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try makeNode(Paths.workingDirectory, call.first, call.second)
}

func sysMknodat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try makeNode(int(call.first), call.second, call.third)
}
