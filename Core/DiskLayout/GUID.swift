// SPDX-License-Identifier: Apache-2.0
import Storage

/// A globally unique identifier as GPT stores it (UEFI 2.10 appendix A): the first three fields little endian,
/// the rest in order.
public struct GUID: Equatable, Sendable {
  /// The 16 bytes as on disk, as two little-endian numbers.
  let low: UInt64
  let high: UInt64

  static let zero = GUID(low: 0, high: 0)

  init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// The identifier written `first-second-third-fourth-node` in its usual text form.
  public init(_ first: UInt32, _ second: UInt16, _ third: UInt16, _ fourth: UInt16, _ node: UInt64) {
    low = UInt64(first) | UInt64(second) << 32 | UInt64(third) << 48
    high = (UInt64(fourth) << 48 | node & 0xffff_ffff_ffff).byteSwapped
  }

  /// A version 8 identifier (RFC 9562 §5.8) that depends only on `seed` and `number`, so that the same input
  /// gives the same image. It is as unique as the seed is; it is no secret and no digest.
  public init(derivedFrom seed: Span<UInt8>, number: UInt64) {
    var low = 0x9e37_79b9_7f4a_7c15 &+ number
    var high = 0xc2b2_ae3d_27d4_eb4f ^ UInt64(seed.count)
    for index in 0..<seed.count {
      low = Self.mix(low ^ UInt64(seed[index]))
      high = Self.mix(high &+ low)
    }
    low = Self.mix(low ^ high)
    high = Self.mix(high ^ low)
    self.low = low & 0x0fff_ffff_ffff_ffff | 0x8 << 60
    self.high = high & ~0xc0 | 0x80
  }

  /// The finalizer of SplitMix64: every bit of the input changes about half of the output.
  private static func mix(_ input: UInt64) -> UInt64 {
    var value = input
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }

  /// Reads the 16 bytes at `offset`.
  init(_ bytes: Span<UInt8>, at offset: Int) {
    low = bytes.littleEndian64(at: offset)
    high = bytes.littleEndian64(at: offset + 8)
  }

  /// Writes the 16 bytes at `offset`.
  func store(in bytes: inout MutableSpan<UInt8>, at offset: Int) {
    bytes.store64(low, at: offset)
    bytes.store64(high, at: offset + 8)
  }

  /// The 36 characters of the text form, in lower case, as ASCII.
  public var text: [UInt8] {
    // The text form shows the first three fields most significant byte first.
    let order: [Int] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
    let digits: [UInt8] = Array("0123456789abcdef".utf8)
    var result: [UInt8] = []
    for position in 0..<16 {
      if position == 4 || position == 6 || position == 8 || position == 10 { result.append(0x2d) }
      let byte = order[position]
      let value = (byte < 8 ? low : high) >> UInt64(8 * (byte % 8))
      result.append(digits[Int(value >> 4 & 15)])
      result.append(digits[Int(value & 15)])
    }
    return result
  }
}

/// The partition types of Docs/Interfaces.md.
extension GUID {
  /// A stripped kernel ELF, zero padded.
  public static let vorteilKernel = GUID(0x6b1d_2f0c, 0x5a0e, 0x4b3b, 0x9d6e, 0x564f_5254_4b31)
  /// An encoded `MachineConfiguration`.
  public static let vorteilConfiguration = GUID(0x6b1d_2f0c, 0x5a0e, 0x4b3b, 0x9d6e, 0x564f_5254_4b32)
  /// The root file system: "Linux root (x86-64)" of the Discoverable Partitions Specification.
  public static let linuxRoot = GUID(0x4f68_bce3, 0xe8cd, 0x4db1, 0x96e7, 0xfbca_f984_b709)
}
