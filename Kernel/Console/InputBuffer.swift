// SPDX-License-Identifier: Apache-2.0
import Machine

/// Bytes of standard input that have arrived and that the program has not read: a ring of frames, taken
/// when the program first reads.
struct InputBuffer: ~Copyable {
  private static let greatest = 8

  private var frames = InlineArray<8, Frame>(repeating: Frame(number: 0))
  private var frameCount = 0
  private var start = 0
  /// Bytes in the buffer.
  private(set) var count = 0

  /// Bytes that it can hold.
  var capacity: Int { frameCount * Frame.size }

  /// Takes memory, if that was not done before. False: there is none at all.
  mutating func prepare() -> Bool {
    while frameCount == 0 || frameCount < Self.greatest {
      guard frameCount == 0 || PhysicalMemory.available > 64, let frame = PhysicalMemory.allocateUninitialized() else {
        break
      }
      // The ring must be empty while it grows.
      guard count == 0 else { break }
      frames[frameCount] = frame
      frameCount += 1
      start = 0
    }
    return frameCount > 0
  }

  /// Appends `bytes`; false if they do not fit.
  mutating func append(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.count <= capacity - count else { return false }
    var done = 0
    while done < bytes.count {
      let place = (start + count) % capacity
      let offset = place % Frame.size
      let piece = min(bytes.count - done, Frame.size - offset)
      frames[place / Frame.size].store(bytes.extracting(done..<done + piece), at: offset)
      done += piece
      count += piece
    }
    return true
  }

  /// Moves at most `limit` bytes to the program's memory. Nil: none could be stored there.
  mutating func move(to address: UInt64, limit: Int) -> Int? {
    var done = 0
    while done < limit && count > 0 {
      let offset = start % Frame.size
      let piece = min(limit - done, count, Frame.size - offset)
      let isStored = ProgramMemory.copy(
        from: frames[start / Frame.size], offset: offset, count: piece, to: address &+ UInt64(done))
      guard isStored else { return done > 0 ? done : nil }
      start = (start + piece) % capacity
      count -= piece
      done += piece
    }
    return done
  }
}
