// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// A path that is being followed, in a frame of its own and with a zero byte at its end: PATH_MAX is the
/// size of a frame. Copying and reading it costs no reference count, and few frames go round and round.
struct PathText: ~Copyable {
  let frame: Frame
  let count: Int

  // The frames of paths that are done with; 0 is none. Frame 0 is never memory for this.
  private static var firstSpare: UInt32 = 0
  private static var secondSpare: UInt32 = 0

  @inline(__always)
  private static func takeFrame() throws(Errno) -> Frame {
    if firstSpare != 0 {
      let frame = Frame(number: firstSpare)
      firstSpare = secondSpare
      secondSpare = 0
      return frame
    }
    guard let frame = PageCache.allocate() else { throw .ENOMEM }
    return frame
  }

  private static func giveFrame(_ frame: Frame) {
    if firstSpare == 0 {
      firstSpare = frame.number
    } else if secondSpare == 0 {
      secondSpare = frame.number
    } else {
      PhysicalMemory.release(frame)
    }
  }

  deinit { Self.giveFrame(frame) }

  /// A path that the program gave.
  @inline(__always)
  init(at address: UInt64, allowsEmpty: Bool = false) throws(Errno) {
    let frame = try Self.takeFrame()
    let outcome = ProgramMemory.readString(at: address, into: frame)
    guard case .length(let length) = outcome, length > 0 || allowsEmpty else {
      Self.giveFrame(frame)
      throw Self.error(outcome)
    }
    self.frame = frame
    count = length
  }

  private static func error(_ outcome: ProgramMemory.StringOutcome) -> Errno {
    switch outcome {
    case .length: .ENOENT
    case .tooLong: .ENAMETOOLONG
    case .fault: .EFAULT
    }
  }

  /// A path of the kernel's own.
  init(_ bytes: [UInt8]) throws(Errno) {
    guard bytes.count < Frame.size else { throw .ENAMETOOLONG }
    let frame = try Self.takeFrame()
    self.frame = frame
    count = bytes.count
    frame.store(bytes.span, at: 0)
    frame.clear(from: bytes.count, count: 1)
  }

  @inline(__always) var isEmpty: Bool { count == 0 }
  /// Whether it starts at the root.
  @inline(__always) var isAbsolute: Bool { frame.byte(at: 0) == UInt8(ascii: "/") }

  /// The bytes from `start` on.
  func bytes(from start: Int = 0) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count &- start)
    for index in start..<max(start, count) { result.append(frame.byte(at: index)) }
    return result
  }
}

extension Frame: PathBytes {
  @inline(__always) public func word(at offset: Int) -> UInt64 { wrappedWord(at: offset) }
  @inline(__always) public func byte(at offset: Int) -> UInt8 { wrappedByte(at: offset) }
}
