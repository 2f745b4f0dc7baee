// SPDX-License-Identifier: Apache-2.0

/// Goes through the components of a path, without copying them.
public struct PathScanner {
  /// Where the rest of the path starts: at a component, or at the end.
  public private(set) var position: Int

  /// Starts at the first component of `path[start...]`.
  @inline(__always)
  public init(_ path: [UInt8], from start: Int = 0) {
    position = start
    skipSlashes(path)
  }

  @inline(__always)
  private mutating func skipSlashes(_ path: [UInt8]) {
    while position < path.count && path[position] == UInt8(ascii: "/") { position &+= 1 }
  }

  /// Whether no component is left.
  @inline(__always)
  public func isAtEnd(_ path: [UInt8]) -> Bool { position >= path.count }

  /// The next component, with its hash; then `position` is at the one after it.
  @inline(__always)
  public mutating func next(_ path: [UInt8], seed: UInt32) -> PathComponent {
    let start = position
    var hash = NameHash(seed: seed)
    while position < path.count {
      let byte = path[position]
      if byte == UInt8(ascii: "/") { break }
      hash.add(byte)
      position &+= 1
    }
    let end = position
    skipSlashes(path)
    return PathComponent(start: start, end: end, hash: hash.value, isFollowedBySlash: end < path.count)
  }
}

/// One component of a path.
public struct PathComponent {
  public let start: Int
  public let end: Int
  public let hash: UInt32
  /// A slash comes after it, so it must be a directory, even if nothing comes after the slash.
  public let isFollowedBySlash: Bool

  @inline(__always) public var count: Int { end &- start }

  /// ".": the directory itself.
  @inline(__always)
  public func isDot(in path: [UInt8]) -> Bool { count == 1 && path[start] == UInt8(ascii: ".") }

  /// "..": the directory above.
  @inline(__always)
  public func isDotDot(in path: [UInt8]) -> Bool {
    count == 2 && path[start] == UInt8(ascii: ".") && path[start &+ 1] == UInt8(ascii: ".")
  }

  /// Whether it is spelled like `name`.
  @inline(__always)
  public func equals(_ name: [UInt8], in path: [UInt8]) -> Bool {
    guard name.count == count else { return false }
    var index = 0
    while index < name.count {
      if name[index] != path[start &+ index] { return false }
      index &+= 1
    }
    return true
  }

  /// The component by itself.
  public func name(in path: [UInt8]) -> [UInt8] { [UInt8](path[start..<end]) }
}
