// SPDX-License-Identifier: Apache-2.0

// Little-endian numbers in bytes. Each accessor checks its range once and then touches bytes that are known to
// be there, which the optimizer turns into one load or store. An offset outside of the span is a
// programmer's error (a trap): whoever takes an offset from a disk checks it first.

extension Span where Element == UInt8 {
  /// The 16-bit little-endian number at `offset`.
  @inlinable @inline(__always)
  public func littleEndian16(at offset: Int) -> UInt16 {
    let bytes = extracting(offset..<(offset &+ 2))
    return UInt16(bytes[0]) | UInt16(bytes[1]) << 8
  }

  /// The 32-bit little-endian number at `offset`.
  @inlinable @inline(__always)
  public func littleEndian32(at offset: Int) -> UInt32 {
    let bytes = extracting(offset..<(offset &+ 4))
    return UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16 | UInt32(bytes[3]) << 24
  }

  /// The 64-bit little-endian number at `offset`.
  @inlinable @inline(__always)
  public func littleEndian64(at offset: Int) -> UInt64 {
    let bytes = extracting(offset..<(offset &+ 8))
    return UInt64(bytes[0]) | UInt64(bytes[1]) << 8 | UInt64(bytes[2]) << 16 | UInt64(bytes[3]) << 24
      | UInt64(bytes[4]) << 32 | UInt64(bytes[5]) << 40 | UInt64(bytes[6]) << 48 | UInt64(bytes[7]) << 56
  }
}

extension MutableSpan where Element == UInt8 {
  /// The 16-bit little-endian number at `offset`.
  @inlinable @inline(__always)
  public func littleEndian16(at offset: Int) -> UInt16 { span.littleEndian16(at: offset) }

  /// The 32-bit little-endian number at `offset`.
  @inlinable @inline(__always)
  public func littleEndian32(at offset: Int) -> UInt32 { span.littleEndian32(at: offset) }

  /// Stores a 16-bit number at `offset`, least significant byte first.
  @inlinable @inline(__always)
  public mutating func store16(_ number: UInt16, at offset: Int) {
    var bytes = part(offset..<(offset &+ 2))
    bytes[0] = UInt8(truncatingIfNeeded: number)
    bytes[1] = UInt8(truncatingIfNeeded: number >> 8)
  }

  /// Stores a 32-bit number at `offset`, least significant byte first.
  @inlinable @inline(__always)
  public mutating func store32(_ number: UInt32, at offset: Int) {
    var bytes = part(offset..<(offset &+ 4))
    bytes[0] = UInt8(truncatingIfNeeded: number)
    bytes[1] = UInt8(truncatingIfNeeded: number >> 8)
    bytes[2] = UInt8(truncatingIfNeeded: number >> 16)
    bytes[3] = UInt8(truncatingIfNeeded: number >> 24)
  }

  /// Stores a 64-bit number at `offset`, least significant byte first.
  @inlinable @inline(__always)
  public mutating func store64(_ number: UInt64, at offset: Int) {
    var bytes = part(offset..<(offset &+ 8))
    bytes[0] = UInt8(truncatingIfNeeded: number)
    bytes[1] = UInt8(truncatingIfNeeded: number >> 8)
    bytes[2] = UInt8(truncatingIfNeeded: number >> 16)
    bytes[3] = UInt8(truncatingIfNeeded: number >> 24)
    bytes[4] = UInt8(truncatingIfNeeded: number >> 32)
    bytes[5] = UInt8(truncatingIfNeeded: number >> 40)
    bytes[6] = UInt8(truncatingIfNeeded: number >> 48)
    bytes[7] = UInt8(truncatingIfNeeded: number >> 56)
  }

  /// A part of the span.
  @inlinable @inline(__always)
  @_lifetime(&self)
  public mutating func part(_ range: Range<Int>) -> MutableSpan<UInt8> {
    // Swift 6.3 has no other name for this safe operation yet.
    _mutatingExtracting(range)
  }

  /// Stores all of `source` from `offset` on.
  @inlinable
  public mutating func copy(_ source: Span<UInt8>, to offset: Int = 0) {
    var bytes = part(offset..<(offset &+ source.count))
    var index = 0
    while source.count &- index >= 8 {
      bytes.store64(source.littleEndian64(at: index), at: index)
      index &+= 8
    }
    while index < source.count {
      bytes[index] = source[index]
      index &+= 1
    }
  }

  /// Makes the bytes in `range` zero.
  @inlinable
  public mutating func zero(_ range: Range<Int>) {
    var bytes = part(range)
    bytes.update(repeating: 0)
  }
}
