// SPDX-License-Identifier: Apache-2.0
import Machine

private func makePipe(_ address: UInt64, _ flags: OpenFlags) throws(Errno) -> UInt64 {
  // O_DIRECT would make a pipe of packets.
  guard flags.isSubset(of: [.closeOnExec, .nonBlocking]) else { throw .EINVAL }
  guard ProgramMemory.isRange(address, 8) else { throw .EFAULT }
  try reserveKernelMemory()
  let pipe = Pipe()
  let location = Location(unnamed: pipe.description(), pipe)
  let kept = flags.intersection(.nonBlocking)
  let isClosed = flags.contains(.closeOnExec)
  let output = try descriptors.install(OpenFile(location, pipe, kept), closeOnExec: isClosed)
  do throws(Errno) {
    let input = try descriptors.install(OpenFile(location, pipe, kept.union(.writeOnly)), closeOnExec: isClosed)
    guard ProgramMemory.storeWord(output | input << 32, at: address) else {
      try descriptors.close(input)
      throw .EFAULT
    }
  } catch {
    try? descriptors.close(output)
    throw error
  }
  return 0
}

func sysPipe(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try makePipe(call.first, []) }

func sysPipe2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try makePipe(call.first, OpenFlags(rawValue: UInt32(truncatingIfNeeded: call.second)))
}

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

/// MFD_CLOEXEC 1; MFD_ALLOW_SEALING 2 is not supported yet, MFD_HUGETLB 4 never. MFD_NOEXEC_SEAL 8 and
/// MFD_EXEC 16 say whether the file may be run.
func sysMemfdCreate(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = UInt32(truncatingIfNeeded: call.second)
  guard flags & ~0x11 == 0 else { throw .EINVAL }
  var name = bytes(of: "/memfd:")
  switch ProgramMemory.string(at: call.first, limit: 250) {
  case .string(let given): name.append(contentsOf: given)
  case .tooLong: throw .EINVAL
  case .fault: throw .EFAULT
  }
  try descriptors.checkRoom()
  let node = try UnnamedFiles.make()
  name.append(" (deleted)")
  let file = try OpenFile(Location(unnamed: name, node), node, [.readWrite, .largeFile])
  return try descriptors.install(file, closeOnExec: flags & 1 != 0)
}

/// File handles would have to outlive names, and nothing here does.
func sysNameToHandleAt(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw .EOPNOTSUPP }
