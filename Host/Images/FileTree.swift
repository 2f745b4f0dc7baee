// SPDX-License-Identifier: Apache-2.0
public import HostSystem
public import SystemPackage

/// What a file system is to contain: every file under its path in the machine, with where its content comes from.
/// Nothing is read before the image is written.
public struct FileTree: Sendable {
  /// Where the bytes of a regular file come from.
  public enum Source: Equatable, Sendable {
    case bytes([UInt8])
    /// A file of the host with this many bytes.
    case host(FilePath, size: UInt64)

    public var size: UInt64 {
      switch self {
      case .bytes(let bytes): UInt64(bytes.count)
      case .host(_, let size): size
      }
    }
  }

  public enum Kind: Equatable, Sendable {
    case directory
    case regular(Source)
    case symbolicLink([UInt8])
    /// Another name of the file at this path.
    case hardLink(FilePath)
    case characterDevice(major: UInt32, minor: UInt32)
    case blockDevice(major: UInt32, minor: UInt32)
    case namedPipe
  }

  /// A file with everything that a file system keeps about it.
  public struct Entry: Equatable, Sendable {
    public var kind: Kind
    /// The twelve permission bits.
    public var permissions: UInt16
    public var userID: UInt32 = 0
    public var groupID: UInt32 = 0
    /// Seconds and nanoseconds since 1970; the epoch itself where there is nothing better, so that the same input
    /// gives the same image.
    public var modificationSeconds: Int64 = 0
    public var modificationNanoseconds: UInt32 = 0
    public var attributes: [ExtendedAttribute] = []

    public init(_ kind: Kind, permissions: UInt16) {
      self.kind = kind
      self.permissions = permissions
    }
  }

  private var entries: [FilePath: Entry] = ["/": Entry(.directory, permissions: 0o755)]
  /// Why each file is there, for `--verbose`; the first reason counts.
  private var reasons: [FilePath: String] = [:]

  public init() {}

  public subscript(path: FilePath) -> Entry? { entries[path] }

  public var count: Int { entries.count }

  /// Puts `entry` at `path`, with the directories above it; replaces what was there, except that a directory stays one.
  /// Links on the way are followed: with `/bin -> usr/bin` in the tree, `/bin/x` becomes `/usr/bin/x`.
  public mutating func add(_ entry: Entry, at path: FilePath, reason: String) {
    let path = realPath(path.removingLastComponent()).appending(path.lastComponent.map { [$0] } ?? [])
    if case .directory = entries[path]?.kind {
      guard case .directory = entry.kind, path == "/" else { return }
    }
    addParents(of: path)
    entries[path] = entry
    if reasons[path] == nil { reasons[path] = reason }
  }

  /// Where `path` leads when the links in the tree are followed, whether or not something is there.
  public func realPath(_ path: FilePath) -> FilePath {
    var real: FilePath = "/"
    var rest = Array(path.components.reversed())
    var linksLeft = 40
    while let component = rest.popLast() {
      if component.kind == .currentDirectory { continue }
      if component.kind == .parentDirectory {
        real.removeLastComponent()
        continue
      }
      let next = real.appending(component)
      if linksLeft > 0, case .symbolicLink(let bytes) = entries[next]?.kind {
        let target = FilePath(decodingBytes: bytes)
        if target.isAbsolute { real = "/" }
        rest.append(contentsOf: target.components.reversed())
        linksLeft -= 1
      } else {
        real = next
      }
    }
    return real
  }

  private mutating func addParents(of path: FilePath) {
    let parent = path.removingLastComponent()
    guard parent != path, entries[parent] == nil else { return }
    addParents(of: parent)
    entries[parent] = Entry(.directory, permissions: 0o755)
  }

  /// Adds an empty directory unless something is at `path` already.
  public mutating func addDirectory(_ path: FilePath, permissions: UInt16 = 0o755) {
    if entries[realPath(path)] == nil {
      add(Entry(.directory, permissions: permissions), at: path, reason: "every machine has it")
    }
  }

  /// Adds a small file of the tool's own unless something is at `path` already.
  public mutating func addFile(_ path: FilePath, _ text: String, permissions: UInt16 = 0o644) {
    guard entries[realPath(path)] == nil else { return }
    add(Entry(.regular(.bytes(Array(text.utf8))), permissions: permissions), at: path, reason: "every machine has it")
  }

  /// All files, each directory before what is in it.
  public func sorted() -> [(path: FilePath, entry: Entry)] {
    // Compared by components, not by bytes: `/a/b` comes before `/a.b` so that a directory's files stay together.
    entries.map { (key: $0.key.bytes.map { $0 == 0x2f ? 0 : $0 }, path: $0.key, entry: $0.value) }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { ($0.path, $0.entry) }
  }

  /// One line a file: path, size or target, reason.
  public func listing() -> [String] {
    sorted().compactMap { path, entry in
      guard let reason = reasons[path] else { return nil }
      switch entry.kind {
      case .directory: return "\(path)/ (\(reason))"
      case .regular(let source): return "\(path), \(source.size) bytes (\(reason))"
      case .symbolicLink(let target): return "\(path) -> \(String(decoding: target, as: UTF8.self)) (\(reason))"
      case .hardLink(let first): return "\(path) = \(first) (\(reason))"
      case .characterDevice, .blockDevice: return "\(path), a device (\(reason))"
      case .namedPipe: return "\(path), a pipe (\(reason))"
      }
    }
  }
}
