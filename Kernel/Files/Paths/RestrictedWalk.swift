// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Following a path under the rules of `openat2` (its `resolve` field). It is apart from the ordinary
/// walk, which is in the way of everything and has no time for them.
enum RestrictedWalk {
  static func walk(_ path: borrowing PathText, from start: Location, _ options: WalkOptions) throws(Errno) -> Walk {
    var linked: PathText?
    defer { withExtendedLifetime(linked) {} }
    let root = options.contains(.inRoot) ? start : fileTree.root
    let device = start.node?.fileSystem.device
    func checkAbsolute() throws(Errno) {
      if options.contains(.beneath) { throw .EXDEV }
    }
    var current = start
    if path.isAbsolute {
      try checkAbsolute()
      current = root
    }
    var scanner = PathScanner(path.frame)
    var ending = Walk.Ending.root
    var hasTrailingSlash = false
    var links = 0
    while true {
      if options.contains(.oneFileSystem), current.node?.fileSystem.device != device { throw .EXDEV }
      if scanner.isAtEnd { break }
      try Paths.checkSearchable(current)
      let component = scanner.next(seed: NameCache.seed)
      guard component.count <= Paths.maximumNameLength else { throw .ENAMETOOLONG }
      hasTrailingSlash = component.isFollowedBySlash
      if component.isDot {
        ending = .dot
        continue
      }
      if component.isDotDot {
        ending = .dotDot
        if current === start {
          if options.contains(.beneath) { throw .EXDEV }
          if options.contains(.inRoot) { continue }
        }
        current = current.above
        continue
      }
      let child = try current.child(component, scanner.bytes)
      let isLast = scanner.isAtEnd
      guard let node = child.node else {
        guard isLast else { throw .ENOENT }
        return Walk(location: child, ending: .name, hasTrailingSlash: hasTrailingSlash)
      }
      if node.attributes.isSymbolicLink && (!isLast || options.follows(hasTrailingSlash)) {
        links += 1
        guard links <= Paths.maximumLinks, !options.contains(.noSymbolicLinks) else { throw .ELOOP }
        if let place = try node.followMagicLink() {
          if options.contains(.noMagicLinks) { throw .ELOOP }
          // Leading anywhere, it leads out.
          if options.contains(.beneath) || options.contains(.inRoot) { throw .EXDEV }
          current = place
          ending = .root
          continue
        }
        let next = try Paths.follow(node, scanner, hasTrailingSlash)
        if next.isAbsolute {
          try checkAbsolute()
          current = root
        }
        scanner = PathScanner(next.frame)
        linked = consume next
        ending = .root
        continue
      }
      current = child
      ending = .name
    }
    let walk = Walk(location: current, ending: ending, hasTrailingSlash: hasTrailingSlash)
    if hasTrailingSlash { try Paths.checkSlash(walk, options) }
    return walk
  }
}
