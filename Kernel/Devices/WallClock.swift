// SPDX-License-Identifier: Apache-2.0
import Machine

extension Clock {
  /// What is to be added to the monotonic time to get the wall clock's; nil before it was first asked for.
  private(set) static var realtimeOffset: UInt64? = nil

  /// The wall clock: nanoseconds since 1970-01-01 UTC. Asked of KVM or of the tool at the first use, or
  /// read from the battery clock, and then carried on by the monotonic clock.
  static func realtimeNanoseconds() -> UInt64 {
    if let realtimeOffset { return monotonicNanoseconds() &+ realtimeOffset }
    return firstRealtime()
  }

  @inline(never)
  private static func firstRealtime() -> UInt64 {
    let offset: UInt64
    if let realtime = hypervisorRealtimeNanoseconds() {
      offset = realtime &- monotonicNanoseconds()
    } else if let answer = Console.wallClock() {
      offset = answer.realtime &- answer.monotonic
    } else {
      offset = (BatteryClock.secondsSince1970() ?? 0) &* 1_000_000_000 &- monotonicNanoseconds()
    }
    realtimeOffset = offset
    return monotonicNanoseconds() &+ offset
  }
}
