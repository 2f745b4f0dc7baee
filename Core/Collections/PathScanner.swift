// SPDX-License-Identifier: Apache-2.0

/// A path: the first `count` bytes of an array, which may be longer so that it can be used again.
public struct PathText {
  public let bytes: [UInt8]
  public let count: Int

  @inline(__always) public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    count = bytes.count
  }

  /// The first `count` bytes of `bytes`.
  @inline(__always) public init(_ bytes: [UInt8], count: Int) {
    self.bytes = bytes
    self.count = count
  }

  @inline(__always) public var isEmpty: Bool { count == 0 }
  /// Whether it starts at the root.
  @inline(__always) public var isAbsolute: Bool { count > 0 && bytes[0] == UInt8(ascii: "/") }

  /// The bytes from `start` on.
  public func rest(from start: Int) -> ArraySlice<UInt8> { bytes[start..<count] }
}

/// Goes through the components of a path, without copying them.
public struct PathScanner {
  /// Where the rest of the path starts: at a component, or at the end.
  public private(set) var position = 0

  /// Starts at the first component.
  @inline(__always)
  public init(_ path: borrowing PathText) { skipSlashes(path) }

  @inline(__always)
  private mutating func skipSlashes(_ path: borrowing PathText) {
    while position < path.count && path.bytes[position] == UInt8(ascii: "/") { position &+= 1 }
  }

  /// Whether no component is left.
  @inline(__always)
  public func isAtEnd(_ path: borrowing PathText) -> Bool { position >= path.count }

  /// The next component, with its hash; then `position` is at the one after it.
  @inline(__always)
  public mutating func next(_ path: borrowing PathText, seed: UInt32) -> PathComponent {
    let start = position
    var name = NameKey()
    while position < path.count {
      let byte = path.bytes[position]
      if byte == UInt8(ascii: "/") { break }
      name.add(byte)
      position &+= 1
    }
    let end = position
    skipSlashes(path)
    name.finish(count: end &- start, seed: seed)
    return PathComponent(start: start, end: end, key: name, isFollowedBySlash: end < path.count)
  }
}

/// What names are compared by: all of a name of at most eight bytes, and a hash of it.
public struct NameKey: Equatable {
  /// The last eight bytes; with the count, all of a short name.
  public private(set) var word: UInt64 = 0
  /// All that was pushed out of `word`, mixed.
  private var rest: UInt64 = 0
  public private(set) var hash: UInt32 = 0

  @inline(__always) public init() {}

  /// The key of a whole name.
  public init(_ name: [UInt8], seed: UInt32) {
    for byte in name { add(byte) }
    finish(count: name.count, seed: seed)
  }

  @inline(__always)
  fileprivate mutating func add(_ byte: UInt8) {
    // Nothing is pushed out of a short name, and `rest` stays 0.
    rest = (rest ^ word >> 56) &* 0x9e37_79b9_7f4a_7c15
    word = word << 8 | UInt64(byte)
  }

  @inline(__always)
  fileprivate mutating func finish(count: Int, seed: UInt32) {
    var mixed = (word ^ rest ^ UInt64(seed) << 17) &* 0xd6e8_feb8_6659_fd93
    mixed = (mixed ^ mixed >> 32 ^ UInt64(count)) &* 0xd6e8_feb8_6659_fd93
    hash = UInt32(truncatingIfNeeded: mixed >> 32)
  }
}

/// One component of a path.
public struct PathComponent {
  public let start: Int
  public let end: Int
  public let key: NameKey
  /// A slash comes after it, so it must be a directory, even if nothing comes after the slash.
  public let isFollowedBySlash: Bool

  @inline(__always) public var count: Int { end &- start }
  @inline(__always) public var hash: UInt32 { key.hash }

  /// ".": the directory itself.
  @inline(__always) public var isDot: Bool { key.word == 0x2e && count == 1 }

  /// "..": the directory above.
  @inline(__always) public var isDotDot: Bool { key.word == 0x2e2e && count == 2 }

  /// Whether it is spelled like `name`, whose key has this word.
  @inline(__always)
  public func equals(_ name: [UInt8], word: UInt64, in path: borrowing PathText) -> Bool {
    guard key.word == word, name.count == count else { return false }
    return count <= 8 || hasSameBytes(as: name, in: path)
  }

  @inline(never)
  private func hasSameBytes(as name: [UInt8], in path: borrowing PathText) -> Bool {
    var index = 0
    while index < name.count {
      if name[index] != path.bytes[start &+ index] { return false }
      index &+= 1
    }
    return true
  }

  /// The component by itself.
  public func name(in path: borrowing PathText) -> [UInt8] { [UInt8](path.bytes[start..<end]) }
}
