// SPDX-License-Identifier: Apache-2.0
import ProcessorIntrinsics

/// CRC32C (Castagnoli), as ext4 uses it: the caller chooses the seed, and nothing is inverted.
///
/// Uses the processor's instruction; x86-64-v2, which Vorteil requires of a machine, always has it.
public func crc32c(_ seed: UInt32, _ bytes: Span<UInt8>) -> UInt32 {
  var crc = seed
  var index = 0
  let count = bytes.count
  // Blocks of file systems are kilobytes: the loop's own work is shared by four steps.
  while count &- index >= 32 {
    let words = bytes.extracting(index..<(index &+ 32))
    crc = crc32c_of_uint64(crc, word(words, 0))
    crc = crc32c_of_uint64(crc, word(words, 8))
    crc = crc32c_of_uint64(crc, word(words, 16))
    crc = crc32c_of_uint64(crc, word(words, 24))
    index &+= 32
  }
  while count &- index >= 8 {
    crc = crc32c_of_uint64(crc, word(bytes.extracting(index..<(index &+ 8)), 0))
    index &+= 8
  }
  while index < count {
    crc = crc32c_of_uint8(crc, bytes[index])
    index &+= 1
  }
  return crc
}

/// Eight bytes as a little-endian number. After one bounds check for the whole of `bytes` the optimizer makes
/// this one load.
@inline(__always)
private func word(_ bytes: Span<UInt8>, _ offset: Int) -> UInt64 {
  UInt64(bytes[offset]) | UInt64(bytes[offset &+ 1]) << 8 | UInt64(bytes[offset &+ 2]) << 16
    | UInt64(bytes[offset &+ 3]) << 24 | UInt64(bytes[offset &+ 4]) << 32 | UInt64(bytes[offset &+ 5]) << 40
    | UInt64(bytes[offset &+ 6]) << 48 | UInt64(bytes[offset &+ 7]) << 56
}

/// CRC32C of one 32-bit number as four little-endian bytes.
public func crc32c(_ seed: UInt32, _ number: UInt32) -> UInt32 {
  var crc = seed
  for byte in 0..<4 { crc = crc32c_of_uint8(crc, UInt8(truncatingIfNeeded: number >> UInt32(8 &* byte))) }
  return crc
}
