// SPDX-License-Identifier: Apache-2.0
import Machine

/// Text that is made when a file is read. It is kept in pieces, since one array must fit into a block of
/// the kernel's heap and `/proc/self/maps` may be longer.
struct GeneratedText {
  private var pieces: [[UInt8]] = []
  private var last: [UInt8] = []
  /// With the array's header, 16 KiB.
  private static let pieceSize = 16352
  /// Memory ran short, and the end is missing.
  private(set) var isCut = false

  var count: Int { pieces.count * Self.pieceSize + last.count }

  mutating func add(_ bytes: [UInt8]) {
    for byte in bytes { add(byte) }
  }

  mutating func add(_ byte: UInt8) {
    if isCut { return }
    last.append(byte)
    if last.count == 2048 {
      guard (try? reserveKernelMemory(bytes: Self.pieceSize)) != nil else {
        isCut = true
        return
      }
      last.reserveCapacity(Self.pieceSize)
    }
    if last.count == Self.pieceSize {
      pieces.append(last)
      last = []
    }
  }

  mutating func add(_ text: StaticString) {
    for index in 0..<text.byteCount { add(text.byte(at: index)) }
  }

  mutating func add(decimal value: UInt64) {
    var digits: [UInt8] = []
    digits.append(decimal: value)
    add(digits)
  }

  mutating func add(hexadecimal value: UInt64, width: Int = 1) {
    var digits: [UInt8] = []
    digits.append(hexadecimal: value, width: width)
    add(digits)
  }

  mutating func add(octal value: UInt64) {
    var digits: [UInt8] = []
    digits.append(octal: value)
    add(digits)
  }

  /// A line "name value".
  mutating func line(_ name: StaticString, _ value: UInt64, _ unit: StaticString = "") {
    add(name)
    add(decimal: value)
    add(unit)
    add(UInt8(ascii: "\n"))
  }

  /// The bytes from `offset` in one piece, at most `limit`.
  func bytes(at offset: UInt64, limit: Int) -> [UInt8] {
    guard offset < UInt64(count) else { return [] }
    let index = Int(offset) / Self.pieceSize
    let start = Int(offset) % Self.pieceSize
    let piece = index < pieces.count ? pieces[index] : last
    return [UInt8](piece[start..<min(piece.count, start + min(limit, piece.count))])
  }
}
