// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// A clock of known frequency, to measure the time stamp counter against where nobody tells its frequency:
/// channel 0 of the PC's interval timer (Intel 8254 datasheet), which every hypervisor that lacks a better
/// answer has. Its interrupt stays masked.
///
/// It counts 65536 down to 1 again and again, in 55 milliseconds. How often it has been round is known from
/// the time stamps and what is known of their frequency so far, so a measurement may be as long as one likes.
enum ReferenceClock {
  private struct Sample: BitwiseCopyable {
    var timestamp: UInt64 = 0
    /// 1 ... 65536, going down.
    var count: UInt64 = 0
  }

  private static let frequency: UInt64 = 1_193_182
  private static let period: UInt64 = 65536
  /// The shortest measurement in counts: 300 microseconds, for which the machine waits if it must. The
  /// samples' own error is one or two counts.
  private static let shortest: UInt64 = 358
  /// In four seconds that error is below one part in a million.
  private static let longest: UInt64 = 4 * frequency
  /// So many time stamps pass in less than one round, on any processor from 600 MHz up.
  private static let surelyOneRound: UInt64 = 32_000_000

  private static var first = Sample()
  /// Counts between `first` and the sample that the scale in use comes from.
  private static var used: UInt64 = 0
  /// Time stamps between the two.
  private static var usedTimestamps: UInt64 = 0

  /// Starts the timer and takes the first sample.
  static func start() {
    out8(0x43, 0b0011_0100)  // channel 0, low byte then high byte, mode 2: round and round
    out8(0x40, 0)
    out8(0x40, 0)
    first = sample()
  }

  /// Both clocks at nearly one moment: of three tries the one that took the shortest.
  private static func sample() -> Sample {
    var best = Sample()
    var shortest = UInt64.max
    for _ in 0..<3 {
      let before = read_tsc()
      out8(0x43, 0)  // latch channel 0
      let after = read_tsc()
      let count = UInt64(in8(0x40)) | UInt64(in8(0x40)) << 8
      if after &- before < shortest {
        shortest = after &- before
        best = Sample(timestamp: before &+ shortest / 2, count: count == 0 ? period : count)
      }
    }
    return best
  }

  /// Counts from `first` to `last` if it was less than one round.
  @inline(__always)
  private static func counts(_ first: Sample, _ last: Sample) -> UInt64 {
    (first.count &- last.count) & (period - 1)
  }

  /// `value * numerator / denominator`; the result is below 2^64 for all lengths that occur here.
  private static func scaled(_ value: UInt64, _ numerator: UInt64, _ denominator: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: numerator)
    guard product.high < denominator else { return .max }
    return divide_wide(product.high, product.low, denominator)
  }

  /// Nanoseconds a time stamp, 32 binary places, for `used` and `usedTimestamps`.
  private static var multiplier: UInt64 {
    scaled(used * 1_000_000_000, 1 << 32, usedTimestamps * frequency)
  }

  /// The first measurement: since the boot. If that is too short, waits; if the timer may have been round
  /// meanwhile, it measures for a moment, which tells how often.
  static func firstMultiplier() -> UInt64 {
    if first.count == 0 { start() }
    var now = sample()
    let sinceStart = now.timestamp - first.timestamp
    let isOneRound = sinceStart < surelyOneRound
    let from = isOneRound ? first : now
    // Bounded, so that a timer that stands still cannot hold up the machine.
    var rounds = 0
    while counts(from, now) < shortest {
      cpu_pause()
      now = sample()
      rounds += 1
      if rounds > 50_000 { Panic.stop("the interval timer does not count: the time cannot be told") }
    }
    used = counts(from, now)
    usedTimestamps = now.timestamp - from.timestamp
    // The moment's error of two counts is less than half a round for so long:
    if isOneRound || sinceStart / usedTimestamps < 4000 { extend(to: now) } else { first = from }
    return multiplier
  }

  /// Makes the measurement reach from `first` to `now`.
  private static func extend(to now: Sample) {
    let elapsed = now.timestamp - first.timestamp
    let expected = scaled(elapsed, used, usedTimestamps)
    let part = counts(first, now)
    let roundsDone = expected > part ? (expected - part + period / 2) / period : 0
    used = roundsDone * period + part
    usedTimestamps = elapsed
  }

  /// A multiplier from a measurement at least twice as long as that in use; nil if there is none.
  static func betterMultiplier() -> UInt64? {
    guard used < longest, read_tsc() &- first.timestamp >= usedTimestamps &* 2 else { return nil }
    let now = sample()
    // Beyond this, the present scale is not good enough to tell the rounds: start again.
    guard (now.timestamp - first.timestamp) / usedTimestamps < 4000 else {
      first = now
      return nil
    }
    extend(to: now)
    if used >= longest { out8(0x43, 0b0011_0000) }  // mode 0 without a count: it stands still
    return multiplier
  }
}
