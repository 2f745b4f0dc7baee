// SPDX-License-Identifier: Apache-2.0
import Machine

/// What `nanosleep` and its like go on with after a stop (restart_syscall(2)).
struct InterruptedSleep: BitwiseCopyable {
  /// The monotonic clock, or one of processor time.
  var clock = ClockKind.monotonic
  var deadline: UInt64
  /// Where to write how much time was left, if a handler ends the sleep; 0 for nowhere.
  var remainderAddress: UInt64
}
