// SPDX-License-Identifier: Apache-2.0

/// What a terminal makes of the bytes that are written to it (OPOST), and where that leaves the cursor. The rules are
/// those of Linux (drivers/tty/n_tty.c, do_output_char).
struct OutputProcessor {
  /// The cursor's column, as far as it can be told without knowing escape sequences.
  private(set) var column = 0
  /// The column in which the line that is being typed began.
  var lineColumn = 0

  /// Appends to `result` what `byte` becomes.
  mutating func process(_ byte: UInt8, _ attributes: TerminalAttributes, into result: inout [UInt8]) {
    let flags = attributes.output
    var byte = byte
    switch byte {
    case UInt8(ascii: "\n"):
      if flags.contains(.newlineReturns) { column = 0 }
      if flags.contains(.newlineToReturnNewline) {
        column = 0
        result.append(UInt8(ascii: "\r"))
      }
      lineColumn = column
    case UInt8(ascii: "\r"):
      if flags.contains(.noReturnAtStart), column == 0 { return }
      if flags.contains(.returnToNewline) {
        byte = UInt8(ascii: "\n")
        if flags.contains(.newlineReturns) { column = 0 }
      } else {
        column = 0
      }
      lineColumn = column
    case UInt8(ascii: "\t"):
      let spaces = 8 - column & 7
      column += spaces
      if flags.contains(.expandTabs) {
        for _ in 0..<spaces { result.append(UInt8(ascii: " ")) }
        return
      }
    case 8: column = max(0, column - 1)
    default:
      guard !byte.isControl else { break }
      if flags.contains(.toUpperCase), (0x61...0x7a).contains(byte) { byte -= 0x20 }
      if !byte.isContinuation(attributes) { column += 1 }
    }
    result.append(byte)
  }

  /// Notes characters that were put on the screen, or taken off it, without `process`.
  mutating func moved(by columns: Int) { column = max(0, column + columns) }
}

extension UInt8 {
  /// As Linux's `iscntrl`: bytes above 127 are none.
  var isControl: Bool { self < 32 || self == 127 }

  /// As Linux's `isalnum`, which takes bytes above 127 for Latin 1, with the underscore.
  var isPartOfWord: Bool {
    switch self {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: true
    case 0xd7, 0xf7: false
    default: self >= 0xc0
    }
  }

  /// Whether it belongs to the character before it.
  func isContinuation(_ attributes: TerminalAttributes) -> Bool {
    attributes.input.contains(.utf8) && self & 0xc0 == 0x80
  }
}
