// SPDX-License-Identifier: Apache-2.0
import Storage

// Bitmaps of blocks and inodes: bit n is bit n % 8 of byte n / 8, and set if the thing is in use.

/// A run of clear bits.
struct FreeRun: Equatable {
  var start: Int
  var count: Int
}

extension Span where Element == UInt8 {
  func bit(_ index: Int) -> Bool { self[index >> 3] & (1 << UInt8(index & 7)) != 0 }

  /// The first bit in the range with that value; the end of the range if there is none. Looks at 64 bits at a
  /// time where it can.
  func firstBit(_ value: Bool, in range: Range<Int>) -> Int {
    var index = range.lowerBound
    while index < range.upperBound {
      if index & 63 == 0, index &+ 64 <= range.upperBound {
        let word = littleEndian64(at: index >> 3)
        let wanted = value ? word : ~word
        if wanted == 0 {
          index &+= 64
          continue
        }
        return index &+ wanted.trailingZeroBitCount
      }
      if bit(index) == value { return index }
      index &+= 1
    }
    return range.upperBound
  }

  /// The first run of `wanted` clear bits in the range, or else the longest one; nil if all bits are set.
  func freeRun(in range: Range<Int>, wanted: Int) -> FreeRun? {
    var best: FreeRun?
    var start = firstBit(false, in: range)
    while start < range.upperBound {
      let limit = Swift.min(range.upperBound, start &+ wanted)
      let end = firstBit(true, in: start..<limit)
      let run = FreeRun(start: start, count: end &- start)
      if run.count == wanted { return run }
      if run.count > best?.count ?? 0 { best = run }
      start = firstBit(false, in: end..<range.upperBound)
    }
    return best
  }
}

extension MutableSpan where Element == UInt8 {
  /// Gives all bits in the range a value, and says whether all had the other one before.
  mutating func setBits(_ range: Range<Int>, _ value: Bool) -> Bool {
    var allDiffered = true
    var index = range.lowerBound
    while index < range.upperBound {
      let wholeByte = index & 7 == 0 && index &+ 8 <= range.upperBound
      let mask: UInt8 = wholeByte ? 0xff : 1 << UInt8(index & 7)
      let old = self[index >> 3]
      if value ? old & mask != 0 : old & mask != mask { allDiffered = false }
      self[index >> 3] = value ? old | mask : old & ~mask
      index &+= wholeByte ? 8 : 1
    }
    return allDiffered
  }
}
