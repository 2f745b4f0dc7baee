// SPDX-License-Identifier: Apache-2.0
import Machine

/// A file system in memory: `/tmp`, `/dev/shm`, and what `memfd_create` makes.
final class TemporaryFileSystem: FileSystem {
  private var lastNumber: UInt64 = 1
  /// As many pages and nodes as may be in use: half of the memory that there is, as on Linux.
  let maximumPages: Int
  let maximumNodes: Int
  var usedPages = 0
  var usedNodes = 0

  init(source: StaticString = "tmpfs") {
    maximumPages = PhysicalMemory.total / 2
    maximumNodes = min(PhysicalMemory.total / 2, 400_000)
    super.init(typeName: "tmpfs", magic: 0x0102_1994, source: source)
  }

  /// A root directory with these permissions.
  func makeRoot(permissions: UInt32) -> TemporaryNode {
    TemporaryNode(self, nextNumber(), Attributes(type: .directory, permissions: permissions), parent: nil)
  }

  func nextNumber() -> UInt64 {
    lastNumber &+= 1
    usedNodes &+= 1
    return lastNumber
  }

  /// A new node without a name.
  func makeNode(_ new: NewNode) throws(Errno) -> TemporaryNode {
    guard usedNodes < maximumNodes else { throw .ENOSPC }
    try reserveKernelMemory()
    let attributes = Attributes(
      type: new.type, permissions: new.permissions, user: new.userIdentifier, group: new.groupIdentifier,
      device: new.device)
    return TemporaryNode(self, nextNumber(), attributes, parent: nil)
  }

  override func statistics() -> FileSystemStatistics {
    var result = FileSystemStatistics()
    result.totalBlocks = UInt64(maximumPages)
    result.freeBlocks = UInt64(max(0, min(maximumPages - usedPages, PhysicalMemory.available)))
    result.totalNodes = UInt64(maximumNodes)
    result.freeNodes = UInt64(max(0, maximumNodes - usedNodes))
    return result
  }
}
