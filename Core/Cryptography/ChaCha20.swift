// SPDX-License-Identifier: Apache-2.0

/// The ChaCha20 block function (RFC 8439 §2.3).
public enum ChaCha20 {
  /// 256 bits, as eight little-endian words.
  public typealias Key = InlineArray<8, UInt32>
  /// 64 bytes of key stream, as sixteen little-endian words.
  public typealias Block = InlineArray<16, UInt32>

  @inline(__always)
  private static func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 {
    value &<< count | value &>> (32 &- count)
  }

  @inline(__always)
  private static func quarterRound(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32, _ d: inout UInt32) {
    a = a &+ b
    d = rotated(d ^ a, 16)
    c = c &+ d
    b = rotated(b ^ c, 12)
    a = a &+ b
    d = rotated(d ^ a, 8)
    c = c &+ d
    b = rotated(b ^ c, 7)
  }

  /// The block number `counter` of the key stream that belongs to `key` and `nonce`.
  public static func block(
    key: borrowing Key, counter: UInt32, nonce: (UInt32, UInt32, UInt32) = (0, 0, 0)
  ) -> Block {
    // "expand 32-byte k"
    var x0: UInt32 = 0x6170_7865
    var x1: UInt32 = 0x3320_646e
    var x2: UInt32 = 0x7962_2d32
    var x3: UInt32 = 0x6b20_6574
    var x4 = key[0]
    var x5 = key[1]
    var x6 = key[2]
    var x7 = key[3]
    var x8 = key[4]
    var x9 = key[5]
    var x10 = key[6]
    var x11 = key[7]
    var x12 = counter
    var x13 = nonce.0
    var x14 = nonce.1
    var x15 = nonce.2
    for _ in 0..<10 {
      quarterRound(&x0, &x4, &x8, &x12)
      quarterRound(&x1, &x5, &x9, &x13)
      quarterRound(&x2, &x6, &x10, &x14)
      quarterRound(&x3, &x7, &x11, &x15)
      quarterRound(&x0, &x5, &x10, &x15)
      quarterRound(&x1, &x6, &x11, &x12)
      quarterRound(&x2, &x7, &x8, &x13)
      quarterRound(&x3, &x4, &x9, &x14)
    }
    return [
      x0 &+ 0x6170_7865, x1 &+ 0x3320_646e, x2 &+ 0x7962_2d32, x3 &+ 0x6b20_6574,
      x4 &+ key[0], x5 &+ key[1], x6 &+ key[2], x7 &+ key[3],
      x8 &+ key[4], x9 &+ key[5], x10 &+ key[6], x11 &+ key[7],
      x12 &+ counter, x13 &+ nonce.0, x14 &+ nonce.1, x15 &+ nonce.2,
    ]
  }
}
