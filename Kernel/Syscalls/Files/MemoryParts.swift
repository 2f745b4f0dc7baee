// SPDX-License-Identifier: Apache-2.0
import Machine

/// One element of an I/O vector, checked.
struct MemoryPart {
  let address: UInt64
  let count: Int
}

/// Several pieces of the program's memory that stand for one row of bytes.
struct MemoryParts {
  private(set) var parts: [MemoryPart] = []
  /// All bytes.
  private(set) var count = 0

  init(_ address: UInt64, _ count: Int) {
    if count > 0 { parts = [MemoryPart(address: address, count: count)] }
    self.count = count
  }

  /// Fetches and checks an array of `struct iovec`; the sum of the lengths is cut to what one call may move.
  init(at address: UInt64, count: UInt64) throws(Errno) {
    guard count <= 1024 else { throw .EINVAL }
    parts.reserveCapacity(Int(count))
    var total: UInt64 = 0
    var isOutOfRange = false
    for index in 0..<count {
      guard let base = ProgramMemory.loadWord(at: address &+ index &* 16),
        let length = ProgramMemory.loadWord(at: address &+ index &* 16 &+ 8)
      else { throw .EFAULT }
      guard length >> 63 == 0 else { throw .EINVAL }
      let used = min(length, 0x7fff_f000 &- total)
      // All of each part must be the program's to name, also what is not moved; a single part is cut first.
      if !ProgramMemory.isRange(base, count == 1 ? used : length) { isOutOfRange = true }
      total &+= used
      if used > 0 { parts.append(MemoryPart(address: base, count: Int(used))) }
    }
    // Any negative length is noticed before.
    if isOutOfRange { throw .EFAULT }
    self.count = Int(total)
  }

  /// Calls `body` with the pieces of `start ..< start + count` and where each begins in it, until it returns false.
  private func forEach(_ start: Int, _ count: Int, _ body: (UInt64, Int, Int) -> Bool) -> Bool {
    var position = 0
    var done = 0
    for part in parts {
      if done == count { break }
      let from = max(start &+ done, position)
      let end = position &+ part.count
      if from < end {
        let length = min(end &- from, count &- done)
        guard body(part.address &+ UInt64(from &- position), length, done) else { return false }
        done &+= length
      }
      position = end
    }
    return true
  }

  /// The bytes `start ..< start + count`; nil if some are not there.
  func bytes(_ start: Int, _ count: Int) -> [UInt8]? {
    if parts.count == 1 { return ProgramMemory.bytes(at: parts[0].address &+ UInt64(start), count: count) }
    var result: [UInt8] = []
    result.reserveCapacity(count)
    let isThere = forEach(start, count) { address, length, _ in
      guard let piece = ProgramMemory.bytes(at: address, count: length) else { return false }
      result.append(contentsOf: piece)
      return true
    }
    return isThere ? result : nil
  }

  /// Copies `source[offset ..< offset + count]` to the bytes from `start` on.
  func store(_ source: [UInt8], _ offset: Int, _ count: Int, at start: Int) -> Bool {
    forEach(start, count) { address, length, done in
      ProgramMemory.write(source.span.extracting(offset &+ done..<offset &+ done &+ length), to: address)
    }
  }
}
