// SPDX-License-Identifier: Apache-2.0
public import HostSystem
public import SystemPackage

/// Copies files and directories of the host into a tree.
public struct HostFiles {
  /// Whose the files are in the machine.
  public enum Ownership: Sendable {
    /// As on the host.
    case kept
    /// The superuser's: what a bare program is packed with must not depend on who packs it.
    case root
  }

  private let ownership: Ownership
  /// The first path of each file that has several names.
  private var firstPaths: [FileIdentity: FilePath] = [:]
  /// What could not be copied, or makes no sense in a machine.
  public private(set) var notices: [String] = []

  private struct FileIdentity: Hashable {
    let device: DeviceID
    let inode: Inode
  }

  public init(ownership: Ownership) {
    self.ownership = ownership
  }

  /// Adds the host's `source`, a file or a directory with everything in it, to `tree` as `target`.
  public mutating func add(
    _ source: FilePath, as target: FilePath, to tree: inout FileTree, reason: String
  ) throws(Failure) {
    let kind: FileTree.Kind
    var names: [FilePath.Component] = []
    do throws(Errno) {
      let status = try status(of: source)
      guard let known = try self.kind(of: source, at: target, status) else { return }
      kind = known
      tree.add(try entry(kind, source, status), at: target, reason: reason)
      if case .directory = kind { names = try namesInDirectory(source) }
    } catch {
      throw Failure("read", source, error)
    }
    for name in names { try add(source.appending(name), as: target.appending(name), to: &tree, reason: reason) }
  }

  private mutating func kind(
    of source: FilePath, at target: FilePath, _ status: Stat
  ) throws(Errno) -> FileTree.Kind? {
    if status.type != .directory, status.linkCount > 1 {
      let identity = FileIdentity(device: status.deviceID, inode: status.inode)
      if let first = firstPaths[identity] { return .hardLink(first) }
      firstPaths[identity] = target
    }
    switch status.type {
    case .directory: return .directory
    case .regular: return .regular(.host(source, size: UInt64(status.size)))
    case .symbolicLink: return .symbolicLink(try targetOfSymbolicLink(source))
    case .characterSpecial: return .characterDevice(major: status.major, minor: status.minor)
    case .blockSpecial: return .blockDevice(major: status.major, minor: status.minor)
    case .fifo: return .namedPipe
    default:
      notices.append("\(source) is a socket, which means nothing in another machine: left out")
      return nil
    }
  }

  private func entry(_ kind: FileTree.Kind, _ source: FilePath, _ status: Stat) throws(Errno) -> FileTree.Entry {
    var entry = FileTree.Entry(kind, permissions: UInt16(truncatingIfNeeded: status.permissions.rawValue & 0o7777))
    if case .kept = ownership {
      entry.userID = status.userID.rawValue
      entry.groupID = status.groupID.rawValue
    }
    entry.modificationSeconds = Int64(status.st_mtim.tv_sec)
    entry.modificationNanoseconds = UInt32(status.st_mtim.tv_nsec)
    entry.attributes = try extendedAttributes(of: source)
    return entry
  }
}

extension Stat {
  /// The parts of a device's number, as the C library's `gnu_dev_major` and `gnu_dev_minor` take it apart.
  fileprivate var major: UInt32 {
    let number = UInt64(specialDeviceID.rawValue)
    return UInt32(truncatingIfNeeded: (number >> 8 & 0xfff) | (number >> 32 & 0xffff_f000))
  }

  fileprivate var minor: UInt32 {
    let number = UInt64(specialDeviceID.rawValue)
    return UInt32(truncatingIfNeeded: (number & 0xff) | (number >> 12 & 0xffff_ff00))
  }
}
