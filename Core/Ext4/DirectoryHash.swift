// SPDX-License-Identifier: Apache-2.0
import Storage

/// The hashes of names in hashed directories (the layout, "Hash Tree Directories"): of 32 bits, the lowest of
/// which is always clear.
struct DirectoryHash {
  private let version: UInt8
  private let isSigned: Bool
  private let seed: [4 of UInt32]

  private static let legacy: UInt8 = 0
  private static let tea: UInt8 = 2

  /// Versions 3 to 5 are 0 to 2 with unsigned characters. Nil for a version that is not known.
  init?(version: UInt8, _ superblock: Superblock) {
    guard version <= 5 else { return nil }
    self.version = version % 3
    isSigned = version < 3 && !superblock.hashesUnsignedCharacters
    seed = superblock.hashSeed
  }

  func hash(_ name: Span<UInt8>) -> UInt32 {
    var hash = version == Self.legacy ? legacyHash(name) : mixedHash(name)
    hash &= ~1
    // The highest value marks the end of a directory.
    return hash == 0xffff_fffe ? 0xffff_fffc : hash
  }

  @inline(__always)
  private func character(_ byte: UInt8) -> UInt32 {
    isSigned ? UInt32(bitPattern: Int32(Int8(bitPattern: byte))) : UInt32(byte)
  }

  private func legacyHash(_ name: Span<UInt8>) -> UInt32 {
    var (current, previous): (UInt32, UInt32) = (0x12a3_fe2d, 0x37ab_e8f9)
    for index in name.indices {
      var next = previous &+ (current ^ (character(name[index]) &* 7_152_373))
      if next & 0x8000_0000 != 0 { next &-= 0x7fff_ffff }
      (previous, current) = (current, next)
    }
    return current << 1
  }

  private func mixedHash(_ name: Span<UInt8>) -> UInt32 {
    // The start values of MD4 (RFC 1320 §3.3), unless the file system has its own.
    var state: [4 of UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
    if seed[0] | seed[1] | seed[2] | seed[3] != 0 { state = seed }
    let words = version == Self.tea ? 4 : 8
    var start = 0
    while start < name.count {
      let input = block(name.extracting(start..<name.count), words)
      if version == Self.tea { Self.mixTEA(&state, input) } else { Self.mixHalfMD4(&state, input) }
      start &+= 4 &* words
    }
    return version == Self.tea ? state[0] : state[1]
  }

  /// The next characters, four to a word, the rest filled up with what is left of the name's length.
  private func block(_ rest: Span<UInt8>, _ words: Int) -> [8 of UInt32] {
    let length = UInt32(truncatingIfNeeded: rest.count)
    let padding = (length | length << 8) &* 0x1_0001
    var result: [8 of UInt32] = .init(repeating: padding)
    let count = min(rest.count, 4 &* words)
    var word = padding
    for index in 0..<count {
      word = character(rest[index]) &+ word << 8
      if index & 3 == 3 {
        result[index >> 2] = word
        word = padding
      }
    }
    if count & 3 != 0 { result[count >> 2] = word }
    return result
  }

  /// The Tiny Encryption Algorithm of Wheeler and Needham, 16 rounds.
  private static func mixTEA(_ state: inout [4 of UInt32], _ key: [8 of UInt32]) {
    var sum: UInt32 = 0
    var (left, right) = (state[0], state[1])
    for _ in 0..<16 {
      sum &+= 0x9e37_79b9
      left &+= (right << 4 &+ key[0]) ^ (right &+ sum) ^ (right >> 5 &+ key[1])
      right &+= (left << 4 &+ key[2]) ^ (left &+ sum) ^ (left >> 5 &+ key[3])
    }
    state[0] &+= left
    state[1] &+= right
  }

  /// MD4 (RFC 1320) with half of the steps of each round.
  private static func mixHalfMD4(_ state: inout [4 of UInt32], _ input: [8 of UInt32]) {
    // Of each step the word of the input that it takes, and how far it rotates.
    let words: [24 of UInt8] = [0, 1, 2, 3, 4, 5, 6, 7, 1, 3, 5, 7, 0, 2, 4, 6, 3, 7, 2, 6, 1, 5, 0, 4]
    let rotations: [12 of UInt32] = [3, 7, 11, 19, 3, 5, 9, 13, 3, 9, 11, 15]
    let constants: [3 of UInt32] = [0, 0x5a82_7999, 0x6ed9_eba1]
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    for step in 0..<24 {
      let round = step >> 3
      let mixed =
        round == 0 ? d ^ (b & (c ^ d)) : round == 1 ? (b & c) &+ ((b ^ c) & d) : b ^ c ^ d
      let sum = a &+ mixed &+ input[Int(words[step])] &+ constants[round]
      let rotation = rotations[round &* 4 &+ step & 3]
      (a, d, c, b) = (d, c, b, sum << rotation | sum >> (32 &- rotation))
    }
    state[0] &+= a
    state[1] &+= b
    state[2] &+= c
    state[3] &+= d
  }
}
