// SPDX-License-Identifier: Apache-2.0

/// What two calls of futex(2) must have in common to mean the same word.
public struct FutexKey: Equatable, BitwiseCopyable, Sendable {
  /// What is mapped there; 0: the program's own memory.
  @usableFromInline let object: UInt64
  /// Bytes from the beginning of the object; for the program's own memory, the address.
  @usableFromInline let offset: UInt64

  /// A word in memory that nobody else maps: it is known by its address.
  @inlinable public init(privateAddress: UInt64) {
    object = 0
    offset = privateAddress
  }

  /// A word in a shared mapping, which may have several addresses: `offset` bytes into what is mapped there.
  /// `object` is any number but 0 that is that file's, or that shared memory's, alone.
  @inlinable public init(object: UInt64, offset: UInt64) {
    self.object = object
    self.offset = offset
  }

  /// All 64 bits depend on both numbers; the highest are the best.
  @inlinable var hash: UInt64 {
    // Two odd multipliers: 2⁶⁴ divided by the golden ratio (Knuth, volume 3, 6.4), and Murmur3's first.
    let mixed = object &* 0xff51_afd7_ed55_8ccd ^ offset
    return (mixed ^ mixed &>> 32) &* 0x9e37_79b9_7f4a_7c15
  }
}
