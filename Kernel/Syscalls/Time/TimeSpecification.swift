// SPDX-License-Identifier: Apache-2.0
import Machine

/// `struct timespec`.
struct TimeSpecification: BitwiseCopyable {
  var seconds: Int64
  var nanoseconds: Int64

  init(seconds: Int64, nanoseconds: Int64) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  @inline(__always) init(nanoseconds total: UInt64) {
    let (seconds, rest) = total.quotientAndRemainder(dividingBy: 1_000_000_000)
    self.seconds = Int64(truncatingIfNeeded: seconds)
    nanoseconds = Int64(truncatingIfNeeded: rest)
  }

  static func load(at address: UInt64) throws(Errno) -> TimeSpecification {
    guard let time = ProgramMemory.load(TimeSpecification.self, at: address) else { throw .EFAULT }
    return time
  }

  @inline(__always) func store(at address: UInt64) throws(Errno) {
    try check(ProgramMemory.storePair(UInt64(bitPattern: seconds), UInt64(bitPattern: nanoseconds), at: address))
  }

  /// Whether it is a time at or after 0.
  var isValid: Bool { seconds >= 0 && nanoseconds >= 0 && nanoseconds < 1_000_000_000 }
  /// The whole as nanoseconds; times beyond 584 years are those. For valid ones only.
  var nanosecondsSaturating: UInt64 {
    UInt64(bitPattern: seconds).multiplyingSaturating(1_000_000_000).addingSaturating(UInt64(bitPattern: nanoseconds))
  }
}

/// `struct timeval`.
struct TimeValue: BitwiseCopyable {
  var seconds: Int64
  var microseconds: Int64

  /// Rounded up, so that a timer that still runs never shows as 0.
  init(nanosecondsRoundedUp total: UInt64) {
    self.init(nanoseconds: total.addingSaturating(999))
  }

  init(nanoseconds total: UInt64) {
    seconds = Int64(truncatingIfNeeded: total / 1_000_000_000)
    microseconds = Int64(truncatingIfNeeded: total % 1_000_000_000 / 1000)
  }

  var isValid: Bool { seconds >= 0 && microseconds >= 0 && microseconds < 1_000_000 }
  var nanosecondsSaturating: UInt64 {
    UInt64(bitPattern: seconds).multiplyingSaturating(1_000_000_000)
      .addingSaturating(UInt64(bitPattern: microseconds) * 1000)
  }
}
