// SPDX-License-Identifier: Apache-2.0
import Channel

/// Takes the tool's byte stream apart into frames (Core/Channel), however it was cut up on the way.
struct FrameReader {
  /// What a piece of the stream is.
  enum Element {
    /// Standard input: so many of the bytes at hand.
    case input(count: Int)
    case endOfInput
    case signal(UInt8)
    case stop
    case closed(UInt8)
    case clock(UInt64)
    /// As in the frame: 16 bits each for rows, columns, width and height.
    case windowSize(UInt64)
    /// Not a frame that the tool sends: the channel cannot be understood any more.
    case invalid
    /// Nothing yet: a part of a frame.
    case incomplete
  }

  private var header: UInt64 = 0
  private var headerCount = 0
  private var payload: UInt64 = 0
  /// Bytes of the present frame's payload that have not come yet.
  private var left = 0

  /// Takes the next element from the start of `bytes`, and says how many bytes it took.
  mutating func next(_ bytes: Span<UInt8>) -> (element: Element, taken: Int) {
    var taken = 0
    if headerCount < FrameHeader.size {
      while headerCount < FrameHeader.size {
        guard taken < bytes.count else { return (.incomplete, taken) }
        header |= UInt64(bytes[taken]) << UInt64(8 * headerCount)
        headerCount += 1
        taken += 1
      }
      left = Int(header >> 32)
      payload = 0
      guard isValid else { return (.invalid, taken) }
    }
    if kind == .input {
      let count = min(left, bytes.count - taken)
      // The payload follows in the bytes that were not taken; the caller takes them.
      if taken > 0 || count == 0 { return (.incomplete, taken) }
      left -= count
      if left == 0 { finish() }
      return (.input(count: count), count)
    }
    while left > 0 {
      guard taken < bytes.count else { return (.incomplete, taken) }
      payload = payload >> 8 | UInt64(bytes[taken]) << 56
      left -= 1
      taken += 1
    }
    let element: Element =
      switch kind {
      case .endOfInput: .endOfInput
      case .signal: .signal(argument)
      case .stop: .stop
      case .closed: .closed(argument)
      case .clock: .clock(payload)
      case .windowSize: .windowSize(payload)
      default: .invalid
      }
    finish()
    return (element, taken)
  }

  private mutating func finish() {
    header = 0
    headerCount = 0
  }

  /// Whether the last frame is complete and the next has not begun.
  var isBetweenFrames: Bool { headerCount == 0 }

  private var kind: FrameKind? { FrameKind(rawValue: UInt8(truncatingIfNeeded: header)) }
  private var argument: UInt8 { UInt8(truncatingIfNeeded: header >> 8) }

  private var isValid: Bool {
    guard header >> 16 & 0xffff == 0 else { return false }
    return switch kind {
    case .input: left > 0 && left <= FrameHeader.maximumPayload
    case .clock, .windowSize: left == 8
    case .endOfInput, .signal, .stop, .closed: left == 0
    default: false
    }
  }
}
