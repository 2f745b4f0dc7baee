// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// A name in a directory and what it stands for: one place in the tree of files.
///
/// Places that were visited stay in the tree, below their parent, as the name cache; also the names that
/// were looked for and not found. Who holds a place holds all places above it, so that its path and ".."
/// need no search.
final class Location {
  enum Kind: UInt8 {
    case absent, directory, symbolicLink, other

    init(_ node: Node?) {
      guard let node else {
        self = .absent
        return
      }
      self = node.isDirectory ? .directory : node.attributes.isSymbolicLink ? .symbolicLink : .other
    }
  }

  private(set) var name: [UInt8]
  private(set) var key: NameKey
  /// The directory; nil for the root, and for what has no place in the tree (pipes and the like).
  private(set) var parent: Location?
  /// The file; nil if there is none of this name.
  var node: Node? {
    didSet { kind = Kind(node) }
  }
  /// What the walk over a path must know of the node, without touching its reference count.
  private(set) var kind: Kind
  /// The places below that are known.
  private var children = HashTable<Location>()
  /// The root of a mounted file system: it cannot be moved or removed.
  private(set) var isMountPoint = false
  /// Unlinked: it is no longer in its directory.
  private(set) var isDetached = false
  /// Visited since the name cache was last trimmed.
  private var wasVisited = true

  /// A place below `parent`, not yet known to it.
  init(_ name: [UInt8], _ key: NameKey, parent: Location?, node: Node?) {
    self.name = name
    self.key = key
    self.parent = parent
    self.node = node
    kind = Kind(node)
    NameCache.count &+= 1
  }

  /// A place outside of the tree, like "pipe:[7]".
  convenience init(unnamed description: [UInt8], _ node: Node) {
    self.init(description, NameKey(), parent: nil, node: node)
  }

  deinit {
    NameCache.count &-= 1
    if isDetached && FileNotifications.areUsed, let node, node.attributes.linkCount == 0 {
      FileNotifications.isGone(node)
    }
    // Not left to the compiler: a long chain of directories that only their children held would be
    // released recursively, and the kernel's stack is short.
    // No other variable may refer to `next`, or it would never look unique.
    var next = parent
    parent = nil
    while isKnownUniquelyReferenced(&next) {
      // Taking its parent first makes its own deinit end at once.
      let above = next?.parent
      next?.parent = nil
      next = above
    }
  }

  /// Whether the next lookup of its name finds it again; true for the root.
  var isKnownToParent: Bool { !isDetached && parent?.node?.hasStableNames ?? true }

  /// Whether it is a directory.
  @inline(__always) var isDirectory: Bool { kind == .directory }

  // MARK: walking

  /// What has the name `component` of `path` in this directory; its node may be nil.
  @inline(__always)
  func child(_ component: PathComponent, _ path: Frame) throws(Errno) -> Location {
    if let index = children.index(
      hash: component.key.hash, where: { component.equals($0.name, $0.key, in: path) })
    {
      let found = children[index]
      found.wasVisited = true
      return found
    }
    return try load(component.name(in: path), component.key)
  }

  /// What has this name here.
  func child(named name: [UInt8]) throws(Errno) -> Location {
    let key = NameKey(name, seed: NameCache.seed)
    if let index = children.index(hash: key.hash, where: { $0.name == name }) { return children[index] }
    return try load(name, key)
  }

  @inline(never)
  private func load(_ name: [UInt8], _ key: NameKey) throws(Errno) -> Location {
    guard let node else { throw .ENOENT }
    let found = try node.lookup(name)
    let place = Location(name, key, parent: self, node: found)
    if node.hasStableNames && !isDetached {
      try reserveKernelMemory()
      children.insert(place, hash: key.hash)
      NameCache.trimIfNeeded()
    }
    return place
  }

  /// The directory above; the root is above itself.
  @inline(__always) var above: Location { parent ?? self }

  /// Whether `other` is this place or lies above it.
  func isInside(_ other: Location) -> Bool {
    var place: Location? = self
    while let current = place {
      if current === other { return true }
      place = current.parent
    }
    return false
  }

  // MARK: changes

  private func forget(_ child: Location) {
    if let index = children.index(hash: child.key.hash, where: { $0 === child }) { children.remove(at: index) }
  }

  /// The file lost this name.
  func detach() {
    PathCache.clear()
    parent?.forget(self)
    isDetached = true
  }

  /// The file was moved to `target`'s name; what `target` stood for is gone.
  func move(to target: Location) {
    PathCache.clear()
    parent?.forget(self)
    target.detach()
    parent = target.parent
    name = target.name
    key = target.key
    if let parent, parent.node?.hasStableNames ?? false { parent.children.insert(self, hash: key.hash) }
  }

  /// Two names change places; each file keeps its own `Location`.
  func exchange(with other: Location) {
    PathCache.clear()
    parent?.forget(self)
    other.parent?.forget(other)
    (name, other.name) = (other.name, name)
    (key, other.key) = (other.key, key)
    (parent, other.parent) = (other.parent, parent)
    parent?.children.insert(self, hash: key.hash)
    other.parent?.children.insert(other, hash: other.key.hash)
  }

  /// Mounts a file system: the place stands for its root from now on.
  func mount(_ node: Node) {
    PathCache.clear()
    self.node = node
    isMountPoint = true
    children = HashTable()
  }

  /// Calls `body` for the mount points directly below.
  func forEachMountBelow(_ body: (Location) throws(Errno) -> Void) throws(Errno) {
    var slot = children.nextIndex(from: 0)
    while let index = slot {
      if children[index].isMountPoint { try body(children[index]) }
      slot = children.nextIndex(from: index &+ 1)
    }
  }

  // MARK: path

  /// Whether it, or a directory above it, was removed.
  var isGone: Bool {
    var place: Location? = self
    while let current = place {
      if current.isDetached { return true }
      place = current.parent
    }
    return false
  }

  /// The absolute path; of something outside of the tree its description.
  func path() -> [UInt8] {
    guard parent != nil else { return name.isEmpty ? [UInt8(ascii: "/")] : name }
    var names: [[UInt8]] = []
    var length = 0
    var place = self
    // There are directories deeper than any path that a program can be told; of theirs the end will do.
    while length <= Paths.maximumLength, let parent = place.parent {
      names.append(place.name)
      length += place.name.count + 1
      place = parent
    }
    var result: [UInt8] = []
    for name in names.reversed() {
      result.append(UInt8(ascii: "/"))
      result.append(contentsOf: name)
    }
    return result
  }

  /// The path as `/proc/self/fd` and `/proc/self/maps` show it: with " (deleted)" if it is gone.
  func shownPath() -> [UInt8] {
    isGone ? path() + bytes(of: " (deleted)") : path()
  }

  // MARK: trimming

  /// Drops children that nobody holds, that have no children of their own and that were not visited since
  /// the last time. Returns the children that have children.
  fileprivate func trimChildren() -> [Location] {
    var inner: [Location] = []
    var slot = children.nextIndex(from: 0)
    while let index = slot {
      if children[index].children.count > 0 {
        inner.append(children[index])
      } else if children[index].wasVisited {
        children[index].wasVisited = false
      } else if !children[index].isMountPoint && children.isUnique(at: index) {
        children.remove(at: index)
      }
      // Removing the last one empties the table; then this ends.
      slot = children.nextIndex(from: index &+ 1)
    }
    return inner
  }
}

/// How much the name cache may hold.
enum NameCache {
  /// Places that exist, also those outside of the tree.
  fileprivate(set) static var count = 0
  /// Trimming starts here; twice the count after a trimming that could not drop much.
  private static var limit = 1024
  private static var maximum = 1024
  /// Names hash differently at each boot.
  private(set) static var seed: UInt32 = 0

  /// Chooses the limit for a machine with so many frames of memory.
  static func initialize(frames: Int) {
    seed = UInt32(truncatingIfNeeded: Random.next())
    maximum = min(max(frames / 4, 512), 65536)
    limit = maximum
  }

  @inline(__always)
  static func trimIfNeeded() {
    if count > limit { trim() }
  }

  @inline(never)
  static func trim() {
    guard let root = fileTree.rootIfMounted else { return }
    PathCache.clear()
    // Twice, since the first time only forgets who was visited.
    for _ in 0..<2 {
      var level = [root]
      var depth = 0
      // Level by level and not recursively; and the list of one level stays within what the heap can give.
      while !level.isEmpty && depth < 4096 {
        var next: [Location] = []
        for place in level {
          let inner = place.trimChildren()
          if next.count + inner.count < 100_000 { next.append(contentsOf: inner) }
        }
        level = next
        depth += 1
      }
      if count <= maximum * 3 / 4 { break }
    }
    limit = max(maximum, count + count / 4)
  }
}
