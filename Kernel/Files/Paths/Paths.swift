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
    hasTrailingSlash ? isDisjoint(with: [.name, .creates]) : contains(.followsLast)
  }
}

/// Where a path leads.
struct Walk {
  /// How the path ended.
  enum Ending: UInt8 {
    /// In a name: the location's own.
    case name
    /// In ".", "..", "/" or a link that leads to a place: there is no name to create, move or remove.
    case dot
    case dotDot
    case root
  }
  /// The place; its node is nil if only the last component does not exist.
  let location: Location
  let ending: Ending
  /// The path ends in a slash.
  let hasTrailingSlash: Bool
  /// A link on the way led to a place rather than to a path; it may lead elsewhere next time.
  var isMagic = false

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

  /// A path that the program gave.
  static func string(at address: UInt64, allowsEmpty: Bool = false) throws(Errno) -> [UInt8] {
    try PathText(at: address, allowsEmpty: allowsEmpty).bytes()
  }

  /// Where a path starts: at the root, or relative to a directory's descriptor or AT_FDCWD. Under the rules
  /// of `openat2` an absolute path may be relative, too: then always at the directory.
  @inline(__always)
  static func start(
    _ descriptor: Int32, _ path: borrowing PathText, _ options: WalkOptions = []
  ) throws(Errno) -> Location {
    if path.isAbsolute && options.isDisjoint(with: .restricted) { return fileTree.root }
    if descriptor == workingDirectory { return fileTree.workingDirectory }
    return try descriptors.anyFile(UInt64(UInt32(bitPattern: descriptor))).location
  }

  /// Follows a path argument of a system call.
  static func walk(_ descriptor: Int32, _ address: UInt64, _ options: WalkOptions) throws(Errno) -> Walk {
    let path = try PathText(at: address, allowsEmpty: options.contains(.allowsEmpty))
    return try find(descriptor, path, options)
  }

  /// Follows a path, or remembers where it led.
  @inline(__always)
  static func find(
    _ descriptor: Int32, _ path: borrowing PathText, _ options: WalkOptions
  ) throws(Errno) -> Walk {
    guard let key = PathCache.Key(path, options) else {
      return try walk(path, from: start(descriptor, path, options), options)
    }
    if let walk = PathCache.find(key, path) { return walk }
    return try findSlowly(key, path, options)
  }

  @inline(never)
  private static func findSlowly(
    _ key: PathCache.Key, _ path: borrowing PathText, _ options: WalkOptions
  ) throws(Errno) -> Walk {
    let walk = try walk(path, from: fileTree.root, options)
    if walk.location.node != nil && !walk.isMagic { PathCache.add(key, path, walk) }
    return walk
  }

  /// The place of a path, relative to the working directory.
  static func locate(_ path: [UInt8]) throws(Errno) -> Location {
    let path = try PathText(path)
    let found = try walk(path, from: start(workingDirectory, path), .followsLast)
    _ = try found.existing()
    return found.location
  }

  // MARK: for the kernel

  /// The file at a path, relative to the working directory.
  static func resolve(_ path: [UInt8]) throws(Errno) -> Node {
    let path = try PathText(path)
    return try walk(path, from: start(workingDirectory, path), .followsLast).existing()
  }

  /// The file at a path relative to a directory's descriptor; `flags`: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW.
  static func locate(_ path: [UInt8], at directory: Int32, flags: UInt64) throws(Errno) -> Location {
    guard flags & ~0x1100 == 0 else { throw .EINVAL }
    var options: WalkOptions = flags & 0x100 == 0 ? .followsLast : []
    if flags & 0x1000 != 0 { options.insert(.allowsEmpty) }
    let path = try PathText(path)
    let location = try walk(path, from: start(directory, path), options).location
    // execveat of a symbolic link that is not to be followed.
    if location.node?.attributes.isSymbolicLink == true { throw .ELOOP }
    return location
  }

  /// Follows `path` from `start`, which is the root if the path begins with a slash.
  static func walk(_ path: borrowing PathText, from start: Location, _ options: WalkOptions) throws(Errno) -> Walk {
    if path.isEmpty {
      guard options.contains(.allowsEmpty) else { throw .ENOENT }
      return Walk(location: start, ending: .dot, hasTrailingSlash: false)
    }
    if !options.isDisjoint(with: .restricted) { return try RestrictedWalk.walk(path, from: start, options) }

    // The path itself, or what a symbolic link made of it.
    var linked: PathText?
    defer { withExtendedLifetime(linked) {} }
    var current = start
    var scanner = PathScanner(path.frame)
    var ending = Walk.Ending.root
    var hasTrailingSlash = false
    var links = 0
    var isMagic = false
    while !scanner.isAtEnd {
      guard current.kind == .directory else { throw .ENOTDIR }
      if !identity.isRoot { try checkSearchable(current) }
      let component = scanner.next(seed: NameCache.seed)
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
      let child = try current.child(component, scanner.bytes)
      switch child.kind {
      case .directory, .other: break
      case .absent:
        let isLast = scanner.isAtEnd
        if !isLast || !options.contains(.creates) { MissingFiles.note(child, scanner) }
        guard isLast else { throw .ENOENT }
        return Walk(location: child, ending: .name, hasTrailingSlash: hasTrailingSlash)
      case .symbolicLink:
        guard let node = child.node, !scanner.isAtEnd || options.follows(hasTrailingSlash) else { break }
        links += 1
        guard links <= maximumLinks else { throw .ELOOP }
        ending = .root
        if let place = try node.followMagicLink() {
          current = place
          isMagic = true
          continue
        }
        let next = try follow(node, scanner, hasTrailingSlash)
        if next.isAbsolute { current = fileTree.root }
        scanner = PathScanner(next.frame)
        linked = consume next
        continue
      }
      current = child
      ending = .name
    }
    let walk = Walk(location: current, ending: ending, hasTrailingSlash: hasTrailingSlash, isMagic: isMagic)
    if hasTrailingSlash { try checkSlash(walk, options) }
    return walk
  }

  /// What exists and has a slash after its name must be a directory. Where a name is given to something new, a slash
  /// is the caller's business; and no file can be opened to be created under such a name, whatever is there.
  @inline(never)
  static func checkSlash(_ walk: Walk, _ options: WalkOptions) throws(Errno) {
    if options.contains(.creates) {
      if !options.contains(.name) && walk.ending == .name { throw .EISDIR }
    } else if !walk.location.isDirectory {
      throw .ENOTDIR
    }
  }

  /// The path that is still to be followed after a symbolic link: its target, then the rest.
  @inline(never)
  static func follow(_ link: Node, _ scanner: PathScanner<Frame>, _ hasTrailingSlash: Bool) throws(Errno) -> PathText {
    var target = try link.readLink()
    guard !target.isEmpty else { throw .ENOENT }
    if hasTrailingSlash { target.append(UInt8(ascii: "/")) }
    target.append(contentsOf: rest(of: scanner))
    return try PathText(target)
  }

  /// What is left of the path.
  static func rest(of scanner: PathScanner<Frame>) -> [UInt8] {
    var result: [UInt8] = []
    var position = scanner.position
    while position < Frame.size {
      let byte = scanner.bytes.byte(at: position)
      if byte == 0 { break }
      result.append(byte)
      position &+= 1
    }
    return result
  }

  /// A directory in which names may be looked up.
  static func checkSearchable(_ place: Location) throws(Errno) {
    guard let node = place.node, node.isDirectory else { throw .ENOTDIR }
    if !identity.isRoot { try Access.check(node, .execute) }
  }
}
