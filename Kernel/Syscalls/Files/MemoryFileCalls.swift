// SPDX-License-Identifier: Apache-2.0
import Machine

/// Files that only descriptors and mappings hold.
enum UnnamedFiles {
  private static let fileSystem = TemporaryFileSystem(source: "tmpfs")

  /// A new one, empty.
  static func make() throws(Errno) -> TemporaryNode {
    let node = try fileSystem.makeNode(
      NewNode(
        type: .regular, permissions: 0o777, userIdentifier: identity.fileSystemUserID,
        groupIdentifier: identity.fileSystemGroupID))
    node.attributes.linkCount = 0
    return node
  }
}

/// The flags of `memfd_create` (include/uapi/linux/memfd.h); there are no huge pages (MFD_HUGETLB 4).
private enum MemoryFileFlag {
  static let closeOnExec: UInt32 = 1
  static let allowSealing: UInt32 = 2
  static let neverExecuted: UInt32 = 8
  static let mayBeExecuted: UInt32 = 16
  static let known = closeOnExec | allowSealing | neverExecuted | mayBeExecuted
}

func sysMemfdCreate(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = UInt32(truncatingIfNeeded: call.second)
  let both = MemoryFileFlag.neverExecuted | MemoryFileFlag.mayBeExecuted
  guard flags & ~MemoryFileFlag.known == 0, flags & both != both else { throw .EINVAL }
  var name = bytes(of: "/memfd:")
  switch ProgramMemory.string(at: call.first, limit: 250) {
  case .string(let given): name.append(contentsOf: given)
  case .tooLong: throw .EINVAL
  case .fault: throw .EFAULT
  }
  try descriptors.checkRoom()
  let node = try UnnamedFiles.make()
  if flags & MemoryFileFlag.neverExecuted != 0 {
    node.attributes.mode &= ~0o111
    node.seals = .execute
  } else if flags & MemoryFileFlag.allowSealing != 0 {
    node.seals = []
  }
  name.append(" (deleted)")
  let file = try OpenFile(Location(unnamed: name, node), node, [.readWrite, .largeFile])
  return try descriptors.install(file, closeOnExec: flags & MemoryFileFlag.closeOnExec != 0)
}

/// F_ADD_SEALS.
func addSeals(_ file: OpenFile, _ argument: UInt64) throws(Errno) {
  guard file.isWritable else { throw .EPERM }
  let seals = FileSeals(rawValue: UInt32(truncatingIfNeeded: argument))
  guard seals.isSubset(of: .all) else { throw .EINVAL }
  try sealable(file).addSeals(seals)
}

/// F_GET_SEALS.
func getSeals(_ file: OpenFile) throws(Errno) -> UInt64 { UInt64(try sealable(file).seals.rawValue) }

private func sealable(_ file: OpenFile) throws(Errno) -> TemporaryNode {
  guard let node = file.node as? TemporaryNode, node.isRegularFile else { throw .EINVAL }
  return node
}
