// SPDX-License-Identifier: Apache-2.0
import Machine

/// A text being put together, as long as it gets: for reports and decoded system calls, which may use the
/// heap. (`Message` is for one line without it.)
struct Text {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ text: StaticString) {
    for index in 0..<text.byteCount { bytes.append(text.byte(at: index)) }
  }

  mutating func append(_ text: [UInt8]) { bytes += text }

  mutating func append(decimal value: UInt64) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(48 + value / divisor % 10))
      divisor /= 10
    }
  }

  mutating func append(decimal value: Int64) {
    if value < 0 { bytes.append(45) }
    append(decimal: value.magnitude)
  }

  /// With `0x` in front; at least `width` digits.
  mutating func append(hexadecimal value: UInt64, width: Int = 1) {
    append("0x")
    append(digits: value, width: width)
  }

  /// Hexadecimal digits alone.
  mutating func append(digits value: UInt64, width: Int = 1) {
    var digits = 16
    while digits > max(width, 1) && value >> UInt64(digits * 4 - 4) == 0 { digits -= 1 }
    while digits > 0 {
      digits -= 1
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(digits * 4) & 15)
      bytes.append(digit < 10 ? 48 + digit : 87 + digit)
    }
  }

  /// With a zero in front.
  mutating func append(octal value: UInt64) {
    bytes.append(48)
    guard value != 0 else { return }
    var shift: UInt64 = 63
    while value >> shift == 0 { shift -= 3 }
    while true {
      bytes.append(UInt8(48 + value >> shift & 7))
      if shift == 0 { return }
      shift -= 3
    }
  }

  /// In quotation marks, with the escapes of C: so it is one line, whatever the bytes are.
  mutating func append(quoted text: Span<UInt8>) {
    bytes.append(34)
    for index in text.indices {
      let byte = text[index]
      switch byte {
      case 34, 92:
        bytes.append(92)
        bytes.append(byte)
      case 9: append("\\t")
      case 10: append("\\n")
      case 11: append("\\v")
      case 12: append("\\f")
      case 13: append("\\r")
      case 32...126: bytes.append(byte)
      default:
        bytes.append(92)
        // A digit that follows would be taken for a part of the number.
        let isFollowed = index + 1 < text.count && text[index + 1] >= 48 && text[index + 1] <= 55
        if isFollowed || byte >= 64 { bytes.append(48 + byte >> 6) }
        if isFollowed || byte >= 8 { bytes.append(48 + byte >> 3 & 7) }
        bytes.append(48 + byte & 7)
      }
    }
    bytes.append(34)
  }
}
