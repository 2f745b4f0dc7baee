// SPDX-License-Identifier: Apache-2.0
import ProcessorIntrinsics

/// CRC32C (Castagnoli), as ext4 uses it: the caller chooses the seed, and nothing is inverted.
///
/// Uses the processor's instruction; x86-64-v2, which Vorteil requires of a machine, always has it.
public func crc32c(_ seed: UInt32, _ bytes: Span<UInt8>) -> UInt32 {
  var crc = seed
  var index = 0
  let wholeWords = bytes.count & ~7
  while index < wholeWords {
    var word: UInt64 = 0
    for byte in 0..<8 { word |= UInt64(bytes[index &+ byte]) << UInt64(8 &* byte) }
    crc = crc32c_of_uint64(crc, word)
    index &+= 8
  }
  while index < bytes.count {
    crc = crc32c_of_uint8(crc, bytes[index])
    index &+= 1
  }
  return crc
}
