// SPDX-License-Identifier: Apache-2.0
import Machine

private func makeInotify(_ flags: OpenFlags) throws(Errno) -> UInt64 {
  guard flags.isSubset(of: [.closeOnExec, .nonBlocking]) else { throw .EINVAL }
  try UnnamedNode.checkRoom()
  try Inotify.checkInstances()
  return try UnnamedNode.install(
    Inotify(), "anon_inode:inotify", [], isNonBlocking: flags.contains(.nonBlocking),
    closeOnExec: flags.contains(.closeOnExec))
}

func sysInotifyInit(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try makeInotify([]) }

func sysInotifyInit1(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try makeInotify(OpenFlags(rawValue: UInt32(truncatingIfNeeded: call.first)))
}

func sysInotifyAddWatch(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let wanted = FileEvents(rawValue: UInt32(truncatingIfNeeded: call.third))
  if wanted.isDisjoint(with: .known) { throw .EINVAL }
  let file = try descriptors.file(call.first)
  if wanted.contains(.maskAdd) && wanted.contains(.maskCreate) { throw .EINVAL }
  guard let inotify = file.content as? Inotify else { throw .EINVAL }
  let walk = try Paths.walk(
    Paths.workingDirectory, call.second, wanted.contains(.doNotFollow) ? [] : .followsLast)
  let node = try walk.existing()
  if wanted.contains(.onlyDirectory) && !node.isDirectory { throw .ENOTDIR }
  try Access.check(node, .read)
  return UInt64(UInt32(bitPattern: try inotify.watch(node, wanted)))
}

func sysInotifyRmWatch(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let inotify = try descriptors.file(call.first).content as? Inotify, let mark = inotify.find(int(call.second))
  else { throw .EINVAL }
  inotify.remove(mark)
  return 0
}
