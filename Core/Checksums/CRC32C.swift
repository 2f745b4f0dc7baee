// SPDX-License-Identifier: Apache-2.0
import ProcessorIntrinsics

/// CRC32C (Castagnoli), as ext4 uses it: the caller chooses the seed, and nothing is inverted.
///
/// Uses the processor's instruction; x86-64-v2, which Vorteil requires of a machine, always has it.
public func crc32c(_ seed: UInt32, _ bytes: Span<UInt8>) -> UInt32 {
  var crc = seed
  var index = 0
  let count = bytes.count
  while count &- index >= 8 {
    // One bounds check for all eight bytes, so that the optimizer sees one eight-byte load.
    let word = bytes.extracting(index..<(index &+ 8))
    crc = crc32c_of_uint64(
      crc,
      UInt64(word[0]) | UInt64(word[1]) << 8 | UInt64(word[2]) << 16 | UInt64(word[3]) << 24
        | UInt64(word[4]) << 32 | UInt64(word[5]) << 40 | UInt64(word[6]) << 48 | UInt64(word[7]) << 56)
    index &+= 8
  }
  while index < count {
    crc = crc32c_of_uint8(crc, bytes[index])
    index &+= 1
  }
  return crc
}

/// CRC32C of one 32-bit number as four little-endian bytes.
public func crc32c(_ seed: UInt32, _ number: UInt32) -> UInt32 {
  var crc = seed
  for byte in 0..<4 { crc = crc32c_of_uint8(crc, UInt8(truncatingIfNeeded: number >> UInt32(8 &* byte))) }
  return crc
}
