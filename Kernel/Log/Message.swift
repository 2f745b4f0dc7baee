// SPDX-License-Identifier: Apache-2.0
import Channel
import Machine

/// A line of text being put together, without the heap. What does not fit is left out and marked.
struct Message: ~Copyable {
  static var capacity: Int { 320 }

  private var bytes = InlineArray<320, UInt8>(repeating: 0)
  private(set) var count = 0

  @inline(__always) init() {}

  /// Adds one byte; bytes that would end or garble the line become a question mark.
  mutating func append(byte: UInt8) {
    guard count < Self.capacity else {
      for index in Self.capacity - 3..<Self.capacity { bytes[index] = 46 }
      return
    }
    bytes[count] = byte < 32 || byte == 127 ? 63 : byte
    count += 1
  }

  mutating func append(_ text: StaticString) {
    for index in 0..<text.byteCount { append(byte: text.byte(at: index)) }
  }

  mutating func append(_ text: Span<UInt8>) {
    for index in text.indices { append(byte: text[index]) }
  }

  mutating func append(_ text: [UInt8]) { append(text.span) }

  mutating func append(decimal value: UInt64) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var rest = value
    var length = 0
    repeat {
      digits[length] = UInt8(48 + rest % 10)
      rest /= 10
      length += 1
    } while rest != 0
    for index in (0..<length).reversed() { append(byte: digits[index]) }
  }

  mutating func append(decimal value: Int) {
    if value < 0 { append(byte: 45) }
    append(decimal: UInt64(value.magnitude))
  }

  /// With `0x` in front; at least `width` digits.
  mutating func append(hexadecimal value: UInt64, width: Int = 1) {
    append("0x")
    var digits = 16
    while digits > max(width, 1) && value >> UInt64(digits * 4 - 4) == 0 { digits -= 1 }
    while digits > 0 {
      digits -= 1
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(digits * 4) & 15)
      append(byte: digit < 10 ? 48 + digit : 87 + digit)
    }
  }

  /// Sends the line on the channel, or, before that works, to the serial port.
  func send(_ level: MessageLevel) {
    let span = bytes.span.extracting(first: count)
    guard !Console.message(level, span) else { return }
    Serial.write("vorteil: ")
    Serial.write(span)
    Serial.write("\n")
  }
}

/// The kernel's messages. Those below the level that the tool asked for are not even put together.
enum Log {
  /// Whether messages of `level` go anywhere.
  @inline(__always) static func isEnabled(_ level: MessageLevel) -> Bool { level >= Options.logLevel }

  /// Sends the message that `build` puts together.
  @inline(never)
  static func write(_ level: MessageLevel, _ build: (inout Message) -> Void) {
    guard isEnabled(level) else { return }
    var message = Message()
    build(&message)
    message.send(level)
  }

  static func write(_ level: MessageLevel, _ text: StaticString) { write(level) { $0.append(text) } }

  static func error(_ text: StaticString) { write(.error, text) }
  static func warning(_ text: StaticString) { write(.warning, text) }
  static func notice(_ text: StaticString) { write(.notice, text) }
  static func info(_ text: StaticString) { write(.info, text) }
  static func debug(_ text: StaticString) { write(.debug, text) }
  static func trace(_ text: StaticString) { write(.trace, text) }

  static func error(_ build: (inout Message) -> Void) { write(.error, build) }
  static func warning(_ build: (inout Message) -> Void) { write(.warning, build) }
  static func notice(_ build: (inout Message) -> Void) { write(.notice, build) }
  static func info(_ build: (inout Message) -> Void) { write(.info, build) }
  static func debug(_ build: (inout Message) -> Void) { write(.debug, build) }
  static func trace(_ build: (inout Message) -> Void) { write(.trace, build) }
}
