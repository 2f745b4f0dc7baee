// SPDX-License-Identifier: Apache-2.0

/// What one may want to do with a file: the three bits of a permission.
struct AccessMode: OptionSet {
  let rawValue: UInt32
  static let execute = AccessMode(rawValue: 1)
  static let write = AccessMode(rawValue: 2)
  static let read = AccessMode(rawValue: 4)
}

extension Identity {
  /// Whether permissions and owners of files mean nothing to it: CAP_DAC_OVERRIDE, which root has together
  /// with the other capabilities over files.
  @inline(__always) var isRoot: Bool { effectiveCapabilities.rawValue & 1 << 1 != 0 }
}

/// Permissions of files (path_resolution(7)).
enum Access {
  /// Throws EACCES unless the process may do all of `mode` with the file.
  @inline(__always)
  static func check(_ node: Node, _ mode: AccessMode) throws(Errno) {
    if identity.isRoot && (!mode.contains(.execute) || node.isDirectory) { return }
    try check(node, mode, user: identity.fileSystemUserID, group: identity.fileSystemGroupID)
  }

  /// The same for the given user: `access` asks for the real one.
  @inline(never)
  static func check(_ node: Node, _ mode: AccessMode, user: UInt32, group: UInt32) throws(Errno) {
    let attributes = node.attributes
    if user == 0 {
      if !mode.contains(.execute) || attributes.isDirectory || attributes.mode & 0o111 != 0 { return }
      throw .EACCES
    }
    let granted: UInt32
    if attributes.userIdentifier == user {
      granted = attributes.mode >> 6
    } else if attributes.groupIdentifier == group || identity.isMember(of: attributes.groupIdentifier) {
      granted = attributes.mode >> 3
    } else {
      granted = attributes.mode
    }
    if mode.rawValue & ~granted & 7 != 0 { throw .EACCES }
  }

  /// Throws EPERM unless the process owns the file.
  static func checkOwner(_ node: Node) throws(Errno) {
    guard identity.isRoot || identity.fileSystemUserID == node.attributes.userIdentifier else { throw .EPERM }
  }

  /// Whether a name may be taken out of a directory or changed: it is writable, and in one with the sticky
  /// bit the process owns the directory or the file.
  static func checkRemoval(_ directory: Node, _ node: Node) throws(Errno) {
    if identity.isRoot { return }
    try check(directory, [.write, .execute])
    let user = identity.fileSystemUserID
    if directory.attributes.mode & 0o1000 != 0 && directory.attributes.userIdentifier != user
      && node.attributes.userIdentifier != user
    {
      throw .EPERM
    }
  }

  /// How a file that is made in `directory` is to be.
  static func newNode(_ type: FileType, _ permissions: UInt32, in directory: Node, device: UInt64 = 0) -> NewNode {
    var granted = permissions & 0o7777
    if type != .symbolicLink { granted &= ~fileTree.mask }
    var group = identity.fileSystemGroupID
    // A directory with the set-group bit hands its group down, and to directories the bit too.
    if directory.attributes.mode & 0o2000 != 0 {
      group = directory.attributes.groupIdentifier
      if type == .directory { granted |= 0o2000 }
    }
    return NewNode(
      type: type, permissions: granted, userIdentifier: identity.fileSystemUserID, groupIdentifier: group,
      device: device)
  }
}
