// SPDX-License-Identifier: Apache-2.0

/// A random number generator that erases its keys (Bernstein 2017, "Fast-key-erasure random-number
/// generators"): each time it makes 512 bytes of ChaCha20's key stream, whose first 32 bytes become the next
/// key at once. The others are handed out, and each is erased as it goes. So nothing in memory tells what
/// was handed out before.
public struct RandomGenerator: ~Copyable {
  /// Words of 64 bits that are made at once; the first four become the key.
  private static let wordCount = 64
  private static let keyWords = 4

  private var key = ChaCha20.Key(repeating: 0)
  private var words = InlineArray<64, UInt64>(repeating: 0)
  /// The next word to hand out.
  private var position = RandomGenerator.wordCount

  /// A generator without any randomness yet: see `mix`.
  public init() {}

  /// Lets `bytes` influence everything from now on. What the generator already holds is not lost, whatever
  /// the bytes are. What was made and not handed out is thrown away.
  public mutating func mix(_ bytes: Span<UInt8>) {
    var done = 0
    while done < bytes.count {
      let count = min(32, bytes.count - done)
      for index in 0..<count {
        key[index / 4] ^= UInt32(bytes[done + index]) << UInt32(index % 4 * 8)
      }
      done += count
      // A one-way step; the counter keeps it apart from the key stream.
      let block = ChaCha20.block(key: key, counter: .max, nonce: (UInt32(count), 0, 0))
      for index in 0..<8 { key[index] = block[index] }
    }
    for index in 0..<Self.wordCount { words[index] = 0 }
    position = Self.wordCount
  }

  @inline(never)
  private mutating func refill() {
    for number in 0..<8 {
      let block = ChaCha20.block(key: key, counter: UInt32(number))
      for index in 0..<8 {
        words[number * 8 + index] = UInt64(block[index * 2]) | UInt64(block[index * 2 + 1]) << 32
      }
    }
    for index in 0..<Self.keyWords {
      key[index * 2] = UInt32(truncatingIfNeeded: words[index])
      key[index * 2 + 1] = UInt32(truncatingIfNeeded: words[index] >> 32)
      words[index] = 0
    }
    position = Self.keyWords
  }

  /// 64 random bits.
  @inline(__always)
  public mutating func next() -> UInt64 {
    if position == Self.wordCount { refill() }
    let word = words[position]
    words[position] = 0
    position &+= 1
    return word
  }

  /// Fills `bytes` with random ones.
  public mutating func fill(_ bytes: inout MutableSpan<UInt8>) {
    var index = 0
    while index < bytes.count {
      var word = next()
      let end = min(index + 8, bytes.count)
      while index < end {
        bytes[index] = UInt8(truncatingIfNeeded: word)
        word >>= 8
        index += 1
      }
    }
  }
}
