// SPDX-License-Identifier: Apache-2.0
import Cryptography
import Testing

struct CryptographyTests {
  /// The bytes of a block in the order of the key stream.
  private func bytes(_ block: ChaCha20.Block) -> [UInt8] {
    (0..<64).map { UInt8(truncatingIfNeeded: block[$0 / 4] >> UInt32($0 % 4 * 8)) }
  }

  private func key(_ bytes: [UInt8]) -> ChaCha20.Key {
    var key = ChaCha20.Key(repeating: 0)
    for index in 0..<32 { key[index / 4] |= UInt32(bytes[index]) << UInt32(index % 4 * 8) }
    return key
  }

  @Test("RFC 8439 §2.3.2: the block function's test vector")
  func blockFunction() {
    let block = ChaCha20.block(
      key: key((0..<32).map { UInt8($0) }), counter: 1, nonce: (0x0900_0000, 0x4a00_0000, 0))
    let expected: [UInt32] = [
      0xe4e7_f110, 0x1559_3bd1, 0x1fdd_0f50, 0xc471_20a3, 0xc7f4_d1c7, 0x0368_c033, 0x9aaa_2204, 0x4e6c_d4c3,
      0x4664_82d2, 0x09aa_9f07, 0x05d7_c214, 0xa202_8bd9, 0xd19c_12b5, 0xb94e_16de, 0xe883_d0cb, 0x4e3c_50a2,
    ]
    #expect((0..<16).map { block[$0] } == expected)
  }

  @Test("RFC 8439 appendix A.1: key stream of the zero key, blocks 0 and 1")
  func zeroKey() {
    let zero = ChaCha20.Key(repeating: 0)
    #expect(
      bytes(ChaCha20.block(key: zero, counter: 0)).prefix(16)
        == [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28])
    #expect(
      bytes(ChaCha20.block(key: zero, counter: 1)).prefix(16)
        == [0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08, 0x0d])
  }

  @Test("RFC 8439 appendix A.1, test vector 5: nonce 2 in the last word")
  func nonce() {
    let block = ChaCha20.block(key: .init(repeating: 0), counter: 0, nonce: (0, 0, 0x0200_0000))
    #expect(
      bytes(block).prefix(16)
        == [0xc2, 0xc6, 0x4d, 0x37, 0x8c, 0xd5, 0x36, 0x37, 0x4a, 0xe2, 0x04, 0xb9, 0xef, 0x93, 0x3f, 0xcd])
  }

  @Test("The generator hands out the key stream behind the key that replaces its own")
  func generator() {
    var generator = RandomGenerator()
    let first = bytes(ChaCha20.block(key: .init(repeating: 0), counter: 0))
    var handedOut: [UInt8] = []
    for _ in 0..<4 {
      let word = generator.next()
      for index in 0..<8 { handedOut.append(UInt8(truncatingIfNeeded: word >> UInt64(index * 8))) }
    }
    #expect(handedOut == Array(first[32...]))
    // 60 words come from one key; the 61st from the key that the first 32 bytes were.
    for _ in 4..<60 { _ = generator.next() }
    let second = bytes(ChaCha20.block(key: key(Array(first[..<32])), counter: 0))
    var expected: UInt64 = 0
    for byte in second[32..<40].reversed() { expected = expected << 8 | UInt64(byte) }
    let word = generator.next()
    #expect(word == expected)
  }

  @Test("What is mixed in changes what comes out, wherever it stands; lengths count")
  func mixing() {
    func output(_ inputs: [[UInt8]]) -> UInt64 {
      var generator = RandomGenerator()
      for input in inputs { generator.mix(input.span) }
      return generator.next()
    }
    let seed = [UInt8](repeating: 7, count: 64)
    var other = seed
    other[63] ^= 1
    let results = [
      output([]), output([seed]), output([other]), output([seed, other]), output([other, seed]), output([[0]]),
      output([[0, 0]]),
    ]
    #expect(Set(results).count == results.count)
    #expect(output([seed]) == output([seed]))
  }

  @Test("Filling takes whole words and cuts the last")
  func filling() {
    var one = RandomGenerator()
    var two = RandomGenerator()
    var storage = [UInt8](repeating: 0, count: 13)
    var span = storage.mutableSpan
    one.fill(&span)
    let words = [two.next(), two.next()]
    var expected: [UInt8] = []
    for index in 0..<13 { expected.append(UInt8(truncatingIfNeeded: words[index / 8] >> UInt64(index % 8 * 8))) }
    #expect(storage == expected)
    let next = (one.next(), two.next())
    #expect(next.0 == next.1)
  }
}
