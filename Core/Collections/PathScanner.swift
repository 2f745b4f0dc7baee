// SPDX-License-Identifier: Apache-2.0

/// Where a path stands, readable a word at a time. It ends with a zero byte, and words may be read that
/// begin before or at that byte; what they hold behind it does not matter.
public protocol PathBytes: BitwiseCopyable {
  /// Eight bytes from `offset`, the first in the lowest bits.
  func word(at offset: Int) -> UInt64
  func byte(at offset: Int) -> UInt8
}

/// Goes through the components of a path, eight bytes at a time.
public struct PathScanner<Bytes: PathBytes> {
  public let bytes: Bytes
  /// Where the rest of the path starts: at a component, or at the end.
  public private(set) var position: Int

  /// Starts at the first component.
  @inline(__always)
  public init(_ bytes: Bytes) {
    self.bytes = bytes
    position = 0
    skipSlashes()
  }

  @inline(__always)
  private mutating func skipSlashes() {
    while bytes.byte(at: position) == UInt8(ascii: "/") { position &+= 1 }
  }

  /// Whether no component is left.
  @inline(__always) public var isAtEnd: Bool { bytes.byte(at: position) == 0 }

  /// The next component, with its hash; then `position` is at the one after it.
  @inline(__always)
  public mutating func next(seed: UInt32) -> PathComponent {
    let start = position
    var key = NameKey()
    while true {
      let word = bytes.word(at: position)
      let end = Self.endMarks(word)
      if end != 0 {
        let count = end.trailingZeroBitCount >> 3
        position &+= count
        key.finish(word & (1 &<< UInt64(count &* 8) &- 1), count: position &- start, seed: seed)
        break
      }
      key.add(word)
      position &+= 8
    }
    let end = position
    skipSlashes()
    return PathComponent(start: start, end: end, key: key, isFollowedBySlash: end != position)
  }

  /// The upper bit of each byte that is a slash or zero; only the lowest such bit is to be trusted (Mycroft
  /// 1987: subtracting borrows from the byte above).
  @inline(__always)
  private static func endMarks(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let slashes = word ^ ones &* UInt64(UInt8(ascii: "/"))
    let zeros = (word &- ones) & ~word
    return (zeros | (slashes &- ones) & ~slashes) & ones << 7
  }
}

/// What names are compared by: exactly, up to fifteen bytes, and otherwise by a hash.
public struct NameKey: Equatable {
  /// The bytes behind the last multiple of eight.
  public private(set) var word: UInt64 = 0
  /// All words before that, mixed; the mixing is one to one for the first.
  public private(set) var rest: UInt64 = 0
  public private(set) var count: Int = 0
  public private(set) var hash: UInt32 = 0

  @inline(__always) public init() {}

  /// The key of a whole name.
  public init(_ name: [UInt8], seed: UInt32) {
    var word: UInt64 = 0
    for (index, byte) in name.enumerated() {
      word |= UInt64(byte) << UInt64(8 * (index & 7))
      if index & 7 == 7 {
        add(word)
        word = 0
      }
    }
    finish(word, count: name.count, seed: seed)
  }

  /// Whether equal keys mean equal names.
  @inline(__always) public var isExact: Bool { count < 16 }

  @inline(__always)
  fileprivate mutating func add(_ word: UInt64) { rest = (rest ^ word) &* 0x9e37_79b9_7f4a_7c15 }

  @inline(__always)
  fileprivate mutating func finish(_ word: UInt64, count: Int, seed: UInt32) {
    self.word = word
    self.count = count
    let mixed = (word ^ rest ^ UInt64(seed) << 17 &+ UInt64(truncatingIfNeeded: count)) &* 0xd6e8_feb8_6659_fd93
    hash = UInt32(truncatingIfNeeded: mixed >> 32 ^ mixed >> 47)
  }
}

/// One component of a path.
public struct PathComponent {
  public let start: Int
  public let end: Int
  public let key: NameKey
  /// A slash comes after it, so it must be a directory, even if nothing comes after the slash.
  public let isFollowedBySlash: Bool

  @inline(__always) public var count: Int { key.count }

  /// ".": the directory itself.
  @inline(__always) public var isDot: Bool { key.word == 0x2e && key.count == 1 }

  /// "..": the directory above.
  @inline(__always) public var isDotDot: Bool { key.word == 0x2e2e && key.count == 2 }

  /// Whether it is spelled like `name`, which has the key `other`.
  @inline(__always)
  public func equals(_ name: [UInt8], _ other: NameKey, in bytes: some PathBytes) -> Bool {
    guard key.word == other.word, key.rest == other.rest, key.count == other.count else { return false }
    return key.isExact || hasSameBytes(as: name, in: bytes)
  }

  @inline(never)
  private func hasSameBytes(as name: [UInt8], in bytes: some PathBytes) -> Bool {
    for index in 0..<name.count where name[index] != bytes.byte(at: start &+ index) { return false }
    return true
  }

  /// The component by itself.
  public func name(in bytes: some PathBytes) -> [UInt8] {
    var name: [UInt8] = []
    name.reserveCapacity(count)
    for index in start..<end { name.append(bytes.byte(at: index)) }
    return name
  }
}
