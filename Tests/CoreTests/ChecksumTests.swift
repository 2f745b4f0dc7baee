// SPDX-License-Identifier: Apache-2.0
import Checksums
import Testing

@Suite struct ChecksumTests {
  let digits = Array("123456789".utf8)

  // The compiler (6.3.1) fails on a span inside of #expect.
  private func ieee(_ bytes: [UInt8], continuing previous: UInt32 = 0) -> UInt32 {
    crc32(bytes.span, continuing: previous)
  }

  private func castagnoli(_ seed: UInt32, _ bytes: [UInt8]) -> UInt32 { crc32c(seed, bytes.span) }

  @Test func crc32OfTheStandardVector() {
    #expect(ieee(digits) == 0xcbf4_3926)
    #expect(ieee([]) == 0)
  }

  @Test func crc32cOfTheStandardVectors() {
    #expect(~castagnoli(~0, digits) == 0xe306_9283)
    // RFC 3720 appendix B.4.
    #expect(~castagnoli(~0, [UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    #expect(~castagnoli(~0, [UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
    #expect(~castagnoli(~0, (0..<32).map { UInt8($0) }) == 0x46dd_794e)
    #expect(crc32c(7, UInt32(0x0403_0201)) == castagnoli(7, [1, 2, 3, 4]))
  }

  /// Against the definition, one bit at a time, over lengths that take every path.
  @Test func agreeWithTheDefinition() {
    var random = SeededGenerator(seed: 1)
    for length in 0..<200 {
      var bytes = random.bytes(length)
      // Zeros at the end take a shortcut.
      if length % 3 == 0 { bytes += [UInt8](repeating: 0, count: length * 7 % 61) }
      #expect(ieee(bytes) == ~remainder(bytes, ~0, 0xedb8_8320))
      #expect(castagnoli(0x1234_5678, bytes) == remainder(bytes, 0x1234_5678, 0x82f6_3b78))
    }
  }

  @Test func crc32InPieces() {
    let bytes = digits + [UInt8](repeating: 0, count: 100) + digits
    for cut in 0...bytes.count {
      let first = ieee(Array(bytes[..<cut]))
      #expect(ieee(Array(bytes[cut...]), continuing: first) == ieee(bytes))
    }
  }

  private func remainder(_ bytes: [UInt8], _ seed: UInt32, _ polynomial: UInt32) -> UInt32 {
    var crc = seed
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 != 0 ? (crc >> 1) ^ polynomial : crc >> 1 }
    }
    return crc
  }
}
