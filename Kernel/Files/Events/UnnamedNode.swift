// SPDX-License-Identifier: Apache-2.0
import Machine

/// What stands behind a descriptor that never had a path, nor a type of file: eventfd, epoll and the like
/// (fs/anon_inodes.c of Linux).
class UnnamedNode: Node {
  private static let fileSystem = FileSystem(typeName: "anon_inodefs", magic: 0x0904_1934, source: "anon_inodefs")
  private static var lastNumber: UInt64 = 0

  init() {
    Self.lastNumber &+= 1
    var attributes = Attributes(type: .regular, permissions: 0o600)
    attributes.mode = 0o600
    super.init(fileSystem: Self.fileSystem, number: Self.lastNumber, attributes: attributes)
    opensItself = true
    isSeekable = false
  }

  override var isPollable: Bool { true }

  /// Opens `node` for reading and writing, or as `flags` say, and gives it a descriptor. `name` is what
  /// `/proc/self/fd` shows.
  static func install(
    _ node: UnnamedNode, _ name: StaticString, _ flags: OpenFlags = .readWrite, isNonBlocking: Bool, closeOnExec: Bool
  ) throws(Errno) -> UInt64 {
    let kept = isNonBlocking ? flags.union(.nonBlocking) : flags
    let file = try OpenFile(Location(unnamed: bytes(of: name), node), node, kept)
    return try descriptors.install(file, closeOnExec: closeOnExec)
  }

  /// What is to be asked before one is made.
  static func checkRoom() throws(Errno) {
    try descriptors.checkRoom()
    try reserveKernelMemory()
  }
}
