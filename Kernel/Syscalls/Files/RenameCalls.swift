// SPDX-License-Identifier: Apache-2.0
import Machine

/// RENAME_NOREPLACE, RENAME_EXCHANGE; RENAME_WHITEOUT 4 is not supported.
private let noReplace: UInt32 = 1
private let exchange: UInt32 = 2

private func rename(
  _ directory: Int32, _ path: UInt64, _ newDirectory: Int32, _ newPath: UInt64, _ flags: UInt32
) throws(Errno) -> UInt64 {
  guard flags & ~(noReplace | exchange) == 0, flags != noReplace | exchange else { throw .EINVAL }
  let source = try Paths.walk(directory, path, .name)
  let target = try Paths.walk(newDirectory, newPath, [.creates, .name])
  let (_, parent) = try source.parent()
  if flags & noReplace != 0 && target.ending != .name { throw .EEXIST }
  let (newPlace, newParent) = try target.parent()
  let node = try source.existing()
  if flags & noReplace != 0 && target.location.node != nil { throw .EEXIST }
  if node.fileSystem !== newParent.fileSystem || parent.fileSystem !== newParent.fileSystem { throw .EXDEV }
  if source.location.isMountPoint || target.location.isMountPoint { throw .EBUSY }
  if newPlace.isGone { throw .ENOENT }
  // What is to be called so afterwards must be a directory, and so must what is called so now.
  if target.hasTrailingSlash {
    let isExchange = flags & exchange != 0
    guard isExchange ? try target.existing().isDirectory : node.isDirectory else { throw .ENOTDIR }
  }
  try Access.checkRemoval(parent, node)
  try Access.check(newParent, [.write, .execute])
  // A directory cannot go below itself, and nothing can take the place of a directory that it is in.
  if node.isDirectory && newPlace.isInside(source.location) { throw .EINVAL }

  if flags & exchange != 0 {
    let other = try target.existing()
    if other === node { return 0 }
    if source.location.isInside(target.location) { throw .EINVAL }
    try Access.checkRemoval(newParent, other)
    try parent.exchange(source.location.name, node, with: newParent, target.location.name, other)
    FileNotifications.noteMove(
      source.location.name, in: parent, to: target.location.name, in: newParent, node, over: nil)
    FileNotifications.noteMove(
      target.location.name, in: newParent, to: source.location.name, in: parent, other, over: nil)
    source.location.exchange(with: target.location)
    return 0
  }
  if let replaced = target.location.node {
    if replaced === node { return 0 }
    if source.location.isInside(target.location) { throw .ENOTEMPTY }
    try Access.checkRemoval(newParent, replaced)
    if node.isDirectory && !replaced.isDirectory { throw .ENOTDIR }
    if !node.isDirectory && replaced.isDirectory { throw .EISDIR }
  }
  try reserveKernelMemory()
  try parent.rename(
    source.location.name, node, to: newParent, target.location.name, replacing: target.location.node)
  FileNotifications.noteMove(
    source.location.name, in: parent, to: target.location.name, in: newParent, node, over: target.location.node)
  source.location.move(to: target.location)
  return 0
}

func sysRename(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try rename(Paths.workingDirectory, call.first, Paths.workingDirectory, call.second, 0)
}

func sysRenameat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try rename(int(call.first), call.second, int(call.third), call.fourth, 0)
}

func sysRenameat2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try rename(int(call.first), call.second, int(call.third), call.fourth, UInt32(truncatingIfNeeded: call.fifth))
}
