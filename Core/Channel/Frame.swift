// SPDX-License-Identifier: Apache-2.0

/// The channel between the tool and the kernel: a stream of frames in each direction over one
/// virtio-console port. Every frame is a header of eight bytes and a payload.
///
///     offset 0  kind      UInt8
///     offset 1  argument  UInt8   (which stream, which signal, which level …)
///     offset 2  zero      UInt16
///     offset 4  length    UInt32  little endian, of the payload, at most `maximumPayload`
///
/// The program cannot reach the channel: what it writes is always the payload of an `output` frame.
public struct FrameHeader: Equatable, Sendable {
  public static let size = 8
  public static let maximumPayload = 64 * 1024

  public var kind: UInt8
  public var argument: UInt8
  public var length: UInt32

  public init(kind: FrameKind, argument: UInt8 = 0, length: UInt32) {
    self.kind = kind.rawValue
    self.argument = argument
    self.length = length
  }

  /// Reads a header from the first eight bytes; nil if they are not one.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count >= Self.size, bytes[2] == 0, bytes[3] == 0 else { return nil }
    kind = bytes[0]
    argument = bytes[1]
    length =
      UInt32(bytes[4]) | UInt32(bytes[5]) << 8 | UInt32(bytes[6]) << 16 | UInt32(bytes[7]) << 24
    guard length <= UInt32(Self.maximumPayload) else { return nil }
  }

  /// Writes the header into the first eight bytes of `bytes`.
  public func encode(into bytes: inout MutableSpan<UInt8>) {
    bytes[0] = kind
    bytes[1] = argument
    bytes[2] = 0
    bytes[3] = 0
    for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index)) }
  }
}

/// What a frame says. Numbers are the protocol's and never change their meaning.
public enum FrameKind: UInt8, Sendable {
  // From the kernel to the tool.

  /// The program wrote: argument 1 or 2 is the stream, the payload the bytes.
  case output = 1
  /// The program waits for standard input: the payload is the greatest number of bytes wanted, UInt32.
  case wantInput = 2
  /// The program ended: argument is an `ExitKind`, the payload its value as UInt32. The last frame.
  case exited = 3
  /// A message of the kernel: argument is a `MessageLevel`, the payload UTF-8 text without a line end.
  case message = 4
  /// The kernel asks for the wall clock; the tool answers with `clock`.
  case wantClock = 5
  /// On a terminal: the program was stopped, argument is the signal's number. The tool stops itself, too, and sends
  /// SIGCONT when somebody lets it go on.
  case stopped = 6

  // From the tool to the kernel.

  /// Bytes of standard input, at most as many as were wanted.
  case input = 64
  /// Standard input has ended.
  case endOfInput = 65
  /// A signal for the program: argument is its Linux number.
  case signal = 66
  /// End the machine: the kernel stops the program at once and answers with `exited`.
  case stop = 67
  /// Nobody reads stream `argument` (1 or 2) any more: writing to it raises SIGPIPE.
  case closed = 68
  /// The wall clock: nanoseconds since 1970-01-01 UTC, UInt64.
  case clock = 69
  /// The size of the terminal's window: rows, columns, width and height in pixels, UInt16 each.
  case windowSize = 70
}

/// How the program ended; the frame's value is in parentheses.
public enum ExitKind: UInt8, Sendable {
  /// By `exit` (exit code, 0 to 255).
  case exited = 0
  /// By a signal (its number).
  case signaled = 1
  /// The kernel could not start it (its errno), after a message that says why.
  case notStarted = 2
  /// The kernel itself failed (0), after a report.
  case panicked = 3
}

/// How important a kernel message is.
public enum MessageLevel: UInt8, Sendable, Comparable {
  case trace = 0
  case debug = 1
  case info = 2
  case notice = 3
  case warning = 4
  case error = 5

  public static func < (left: MessageLevel, right: MessageLevel) -> Bool { left.rawValue < right.rawValue }
}
