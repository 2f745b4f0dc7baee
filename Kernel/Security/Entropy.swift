// SPDX-License-Identifier: Apache-2.0
import Channel
import Cryptography
import Machine

/// Random numbers for the kernel and for the program.
///
/// Sources: the processor (RDSEED, RDRAND), 32 fresh bytes of the tool's, virtio-rng. One is enough; all
/// that there are, are mixed. The clock is not a source. virtio-rng answers in its own time: where there is
/// another source, its bytes are mixed in when they have come.
enum Random {
  private static var generator = RandomGenerator()
  private static var isLateSourceExpected = false

  /// Gathers what there is. Ends the machine if there is nothing and that was not allowed.
  static func start() {
    var sources = 0
    if mixProcessor() { sources += 1 }
    if let seed = Boot.takeSeed() {
      generator.mix(seed.span)
      sources += 1
    }
    if let device = Devices.entropy {
      if sources == 0 { device.wait() }
      if device.take(again: false, { generator.mix($0) }) {
        sources += 1
      } else {
        isLateSourceExpected = sources > 0
      }
    }
    guard sources == 0 else { return }
    if Options.allowsWeakEntropy {
      Log.warning("there is no source of randomness: every random number of this run can be predicted")
      return
    }
    Log.error(
      """
      there is no source of randomness: give the machine a virtio-rng device or a processor with RDRAND, or allow \
      predictable random numbers with allow-weak-entropy
      """)
    if Console.isOpen { Console.exit(.notStarted, UInt32(Errno.ENODEV.rawValue)) }
    Processor.reset()
  }

  /// 256 bits of the processor's. False: it has none, or gives the same again and again, as some have done.
  private static func mixProcessor() -> Bool {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var previous: UInt64? = nil
    for word in 0..<4 {
      guard let random = Processor.randomWord(), random != previous else { return false }
      previous = random
      for index in 0..<8 { bytes[word * 8 + index] = UInt8(truncatingIfNeeded: random >> UInt64(index * 8)) }
    }
    generator.mix(bytes.span)
    return true
  }

  /// Mixes in what virtio-rng has sent since the start, once.
  @inline(never)
  private static func mixLateSource() {
    guard let device = Devices.entropy, device.isReady else { return }
    isLateSourceExpected = false
    _ = device.take(again: false) { generator.mix($0) }
  }

  /// 64 random bits.
  @inline(__always)
  static func next() -> UInt64 {
    if isLateSourceExpected { mixLateSource() }
    return generator.next()
  }

  /// A random number below `bound`, each as likely as any other (Lemire 2019, "Fast random integer
  /// generation in an interval"). `bound` is not 0.
  static func next(below bound: UInt64) -> UInt64 {
    while true {
      let product = next().multipliedFullWidth(by: bound)
      if product.low >= bound || product.low >= (0 &- bound) % bound { return product.high }
    }
  }

  /// Fills `bytes`.
  static func fill(_ bytes: inout MutableSpan<UInt8>) {
    if isLateSourceExpected { mixLateSource() }
    generator.fill(&bytes)
  }

  /// Fills `count` bytes of the program's memory. Returns how many were filled, fewer if the rest cannot be
  /// written; throws EFAULT if none can.
  static func fill(programAddress address: UInt64, count: Int) throws(Errno) -> Int {
    var done = 0
    while count - done >= 8 {
      guard ProgramMemory.storeWord(next(), at: address &+ UInt64(done)) else { return try filled(done) }
      done += 8
    }
    if done < count {
      let rest = count - done
      let word = next()
      var bytes = InlineArray<8, UInt8>(repeating: 0)
      for index in 0..<rest { bytes[index] = UInt8(truncatingIfNeeded: word >> UInt64(index * 8)) }
      guard ProgramMemory.write(bytes.span.extracting(first: rest), to: address &+ UInt64(done)) else {
        return try filled(done)
      }
    }
    return count
  }

  private static func filled(_ count: Int) throws(Errno) -> Int {
    if count == 0 { throw .EFAULT }
    return count
  }
}
