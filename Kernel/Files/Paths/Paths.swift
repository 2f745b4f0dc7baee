// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// How a path is followed.
struct WalkOptions: OptionSet {
  let rawValue: UInt32
  /// A symbolic link at the end is followed.
  static let followsLast = WalkOptions(rawValue: 1)
  /// An empty path is the directory that it starts from (AT_EMPTY_PATH).
  static let allowsEmpty = WalkOptions(rawValue: 2)
  /// The last name is to be created: not finding it is no news for `--missing`.
  static let creates = WalkOptions(rawValue: 4)
  /// The last component is a name to create, move or remove: a symbolic link there is not followed even if
  /// a slash comes after it.
  static let name = WalkOptions(rawValue: 8)
  // The RESOLVE_ flags of openat2.
  static let oneFileSystem = WalkOptions(rawValue: 0x100)
  static let noMagicLinks = WalkOptions(rawValue: 0x200)
  static let noSymbolicLinks = WalkOptions(rawValue: 0x400)
  static let beneath = WalkOptions(rawValue: 0x800)
  static let inRoot = WalkOptions(rawValue: 0x1000)
  static let restricted: WalkOptions = [.oneFileSystem, .noMagicLinks, .noSymbolicLinks, .beneath, .inRoot]

  /// Whether a symbolic link at the end is followed.
  @inline(__always)
  func follows(_ hasTrailingSlash: Bool) -> Bool {
    contains(.followsLast) || hasTrailingSlash && !contains(.name)
  }
}

/// Where a path leads.
struct Walk {
  /// How the path ended.
  enum Ending {
    /// In a name: the location's own.
    case name
    /// In ".", "..", "/" or a link that leads to a place: there is no name to create, move or remove.
    case dot, dotDot, root
  }
  /// The place; its node is nil if only the last component does not exist.
  let location: Location
  let ending: Ending
  /// The path ends in a slash.
  let hasTrailingSlash: Bool

  /// The place of something that exists.
  @inline(__always)
  func existing() throws(Errno) -> Node {
    guard let node = location.node else { throw .ENOENT }
    return node
  }

  /// The directory of a last component that can be created, moved or removed.
  func parent() throws(Errno) -> (location: Location, node: Node) {
    guard ending == .name, let parent = location.parent, let node = parent.node else { throw .EBUSY }
    return (parent, node)
  }
}

enum Paths {
  /// PATH_MAX with the zero, and NAME_MAX.
  static let maximumLength = 4096
  static let maximumNameLength = 255
  /// Symbolic links followed in one path.
  static let maximumLinks = 40
  /// AT_FDCWD.
  static let workingDirectory: Int32 = -100

  // MARK: arguments of system calls

  /// Where paths of the program are read into, again and again. (An array passed on and taken back would do
  /// without the object, but swiftc 6.3 leaks one that is consumed in a `defer`.)
  private final class Buffer {
    var bytes = [UInt8](repeating: 0, count: Paths.maximumLength)
    var isInUse = false
  }
  private static var buffer: Buffer? = nil

  @inline(__always)
  private static func takeBuffer() -> Buffer {
    if let buffer, !buffer.isInUse {
      buffer.isInUse = true
      return buffer
    }
    return makeBuffer()
  }

  /// For the first path, and for whoever comes while another path is being followed.
  @inline(never)
  private static func makeBuffer() -> Buffer {
    let new = Buffer()
    if buffer == nil { buffer = new }
    new.isInUse = true
    return new
  }

  /// A path that the program gave.
  static func string(at address: UInt64, allowsEmpty: Bool = false) throws(Errno) -> [UInt8] {
    try withString(at: address, allowsEmpty: allowsEmpty) { path throws(Errno) in [UInt8](path.rest(from: 0)) }
  }

  /// Calls `body` with a path that the program gave.
  @inline(__always)
  static func withString<Result>(
    at address: UInt64, allowsEmpty: Bool = false, _ body: (borrowing PathText) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    let buffer = takeBuffer()
    defer { buffer.isInUse = false }
    switch ProgramMemory.readString(at: address, into: &buffer.bytes) {
    case .length(let length):
      if length == 0 && !allowsEmpty { throw .ENOENT }
      return try body(PathText(buffer.bytes, count: length))
    case .tooLong: throw .ENAMETOOLONG
    case .fault: throw .EFAULT
    }
  }

  /// Where a path starts: at the root, or relative to a directory's descriptor or AT_FDCWD. Under the rules
  /// of `openat2` an absolute path may be relative, too: then always at the directory.
  @inline(__always)
  static func start(_ descriptor: Int32, _ path: borrowing PathText, _ options: WalkOptions = []) throws(Errno) -> Location {
    if path.isAbsolute && options.isDisjoint(with: .restricted) { return fileTree.root }
    if descriptor == workingDirectory { return fileTree.workingDirectory }
    return try descriptors.anyFile(UInt64(UInt32(bitPattern: descriptor))).location
  }

  /// Follows a path argument of a system call.
  static func walk(_ descriptor: Int32, _ address: UInt64, _ options: WalkOptions) throws(Errno) -> Walk {
    try withString(at: address, allowsEmpty: options.contains(.allowsEmpty)) { path throws(Errno) in
      try walk(path, from: start(descriptor, path), options)
    }
  }

  /// The place of a path, relative to the working directory.
  static func locate(_ path: [UInt8]) throws(Errno) -> Location {
    let path = PathText(path)
    let found = try walk(path, from: start(workingDirectory, path), .followsLast)
    _ = try found.existing()
    return found.location
  }

  // MARK: for the kernel

  /// The file at a path, relative to the working directory.
  static func resolve(_ path: [UInt8]) throws(Errno) -> Node {
    let path = PathText(path)
    return try walk(path, from: start(workingDirectory, path), .followsLast).existing()
  }

  /// The file at a path relative to a directory's descriptor; `flags`: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW.
  static func locate(_ path: [UInt8], at directory: Int32, flags: UInt64) throws(Errno) -> Location {
    guard flags & ~0x1100 == 0 else { throw .EINVAL }
    var options: WalkOptions = flags & 0x100 == 0 ? .followsLast : []
    if flags & 0x1000 != 0 { options.insert(.allowsEmpty) }
    let path = PathText(path)
    let location = try walk(path, from: start(directory, path), options).location
    // execveat of a symbolic link that is not to be followed.
    if location.node?.attributes.isSymbolicLink == true { throw .ELOOP }
    return location
  }

  /// Follows `path` from `start`, which is the root if the path begins with a slash.
  static func walk(_ path: PathText, from start: Location, _ options: WalkOptions) throws(Errno) -> Walk {
    if path.isEmpty {
      guard options.contains(.allowsEmpty) else { throw .ENOENT }
      return Walk(location: start, ending: .dot, hasTrailingSlash: false)
    }
    if !options.isDisjoint(with: .restricted) { return try RestrictedWalk.walk(path, from: start, options) }

    var path = path
    var current = start
    var scanner = PathScanner(path)
    var ending = Walk.Ending.root
    var hasTrailingSlash = false
    var links = 0
    while !scanner.isAtEnd(path) {
      guard current.kind == .directory else { throw .ENOTDIR }
      if !identity.isRoot { try checkSearchable(current) }
      let component = scanner.next(path, seed: NameCache.seed)
      guard component.count <= maximumNameLength else { throw .ENAMETOOLONG }
      hasTrailingSlash = component.isFollowedBySlash
      if component.isDot {
        ending = .dot
        continue
      }
      if component.isDotDot {
        current = current.above
        ending = .dotDot
        continue
      }
      let child = try current.child(component, path)
      switch child.kind {
      case .directory, .other: break
      case .absent:
        let isLast = scanner.isAtEnd(path)
        if !isLast || !options.contains(.creates) { MissingFiles.note(child, path, scanner.position) }
        guard isLast else { throw .ENOENT }
        return Walk(location: child, ending: .name, hasTrailingSlash: hasTrailingSlash)
      case .symbolicLink:
        guard let node = child.node, !scanner.isAtEnd(path) || options.follows(hasTrailingSlash) else { break }
        links += 1
        guard links <= maximumLinks else { throw .ELOOP }
        ending = .root
        if let place = try node.followMagicLink() {
          current = place
          continue
        }
        path = try follow(node, path, scanner.position, hasTrailingSlash)
        if path.isAbsolute { current = fileTree.root }
        scanner = PathScanner(path)
        continue
      }
      current = child
      ending = .name
    }
    if hasTrailingSlash && !current.isDirectory { throw options.contains([.creates, .name]) ? .EEXIST : .ENOTDIR }
    return Walk(location: current, ending: ending, hasTrailingSlash: hasTrailingSlash)
  }

  /// The path that is still to be followed after a symbolic link: its target, then the rest.
  @inline(never)
  static func follow(
    _ link: Node, _ path: PathText, _ position: Int, _ hasTrailingSlash: Bool
  ) throws(Errno) -> PathText {
    var target = try link.readLink()
    guard !target.isEmpty else { throw .ENOENT }
    if position < path.count || hasTrailingSlash { target.append(UInt8(ascii: "/")) }
    target.append(contentsOf: path.rest(from: position))
    return PathText(target)
  }

  /// A directory in which names may be looked up.
  static func checkSearchable(_ place: Location) throws(Errno) {
    guard let node = place.node, node.isDirectory else { throw .ENOTDIR }
    if !identity.isRoot { try Access.check(node, .execute) }
  }
}
