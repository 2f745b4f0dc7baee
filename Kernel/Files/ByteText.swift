// SPDX-License-Identifier: Apache-2.0
import Machine

extension Array where Element == UInt8 {
  /// Appends a number in decimal.
  mutating func append(decimal value: UInt64) {
    if value == 0 {
      append(UInt8(ascii: "0"))
      return
    }
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
      divisor /= 10
    }
  }

  /// Appends a number in hexadecimal, with zeros in front up to `width` digits.
  mutating func append(hexadecimal value: UInt64, width: Int = 1) {
    var digits = Swift.min(Swift.max(width, (67 - value.leadingZeroBitCount) / 4), 16)
    while digits > 0 {
      digits -= 1
      let digit = UInt8(value >> UInt64(4 * digits) & 15)
      append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }

  /// Appends a number in octal.
  mutating func append(octal value: UInt64) {
    var shift = 63
    while shift > 0 && value >> UInt64(shift) == 0 { shift -= 3 }
    while shift >= 0 {
      append(UInt8(ascii: "0") + UInt8(value >> UInt64(shift) & 7))
      shift -= 3
    }
  }

  /// The number that the bytes spell in decimal; nil if they spell none.
  func decimalNumber() -> UInt64? {
    guard !isEmpty, count < 20 else { return nil }
    var value: UInt64 = 0
    for byte in self {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      value = value &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
    }
    return value
  }
}
