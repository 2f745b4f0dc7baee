// SPDX-License-Identifier: Apache-2.0
public import HostSystem
public import SystemPackage

/// Follows symbolic links on the host one by one, because the machine needs the links as well as what they lead to:
/// a loader that asks for `/lib/x/libc.so.6` must find `/lib -> usr/lib` in the image too.
public final class PathResolver {
  /// A symbolic link, under the real path of its directory.
  public struct Link: Equatable, Sendable {
    public let path: FilePath
    public let target: [UInt8]
  }

  /// Where a path leads, and over which links.
  public struct Resolution {
    public let realPath: FilePath
    public let links: [Link]
  }

  /// What is known of a path whose directory is real: the target, for a link.
  private var known: [FilePath: [UInt8]?] = [:]

  private let root: FilePath

  public init(root: FilePath = "/") {
    self.root = root
  }

  /// Where the real path `path` lies on the host.
  public func hostPath(_ path: FilePath) -> FilePath { root.pushing(FilePath(root: nil, path.components)) }

  /// Opens the file to which `path` leads, for reading.
  public func open(_ path: FilePath) throws(Errno) -> OpenFile {
    // On the host Linux itself can follow the links, faster.
    if root == "/" { return try OpenFile.open(path) }
    return try OpenFile.open(hostPath(try resolve(path).realPath))
  }

  /// Resolves `path`, which must be absolute, and must exist.
  public func resolve(_ path: FilePath) throws(Errno) -> Resolution {
    var links: [Link] = []
    var real: FilePath = "/"
    var rest = Array(path.components)
    rest.reverse()
    while let component = rest.popLast() {
      switch component.kind {
      case .currentDirectory: continue
      case .parentDirectory:
        real.removeLastComponent()
        continue
      case .regular: break
      }
      let next = real.appending(component)
      guard let target = try target(of: next) else {
        real = next
        continue
      }
      // Linux gives up after as many (MAXSYMLINKS).
      guard links.count < 40 else { throw .tooManySymbolicLinkLevels }
      links.append(Link(path: next, target: target))
      let path = FilePath(decodingBytes: target)
      if path.isAbsolute { real = "/" }
      rest.append(contentsOf: path.components.reversed())
    }
    return Resolution(realPath: real, links: links)
  }

  private func target(of path: FilePath) throws(Errno) -> [UInt8]? {
    if let target = known[path] { return target }
    var target: [UInt8]?
    do throws(Errno) {
      target = try targetOfSymbolicLink(hostPath(path))
    } catch .invalidArgument {
      // It exists and is no link.
      target = nil
    }
    known[path] = .some(target)
    return target
  }

  /// Whether `path` leads to a file or directory.
  public func exists(_ path: FilePath) -> Bool { (try? resolve(path)) != nil }
}
