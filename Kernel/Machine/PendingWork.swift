// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// What is to be done before the program goes on. An interrupt notes it; every way back to the program
/// looks (entry.S: `pending_work`) and, if anything is noted, passes through `kernel_return_to_program`.
public enum PendingWork: UInt32 {
  /// A device has something for the kernel.
  case device = 1
  /// The timer has expired.
  case tick = 2
  /// A signal may be deliverable.
  case signal = 4
  /// A system call has set all registers: the program must not go on by the short way.
  case resume = 8

  /// Notes `work`; allowed everywhere, also in interrupt handlers.
  @inline(__always) public static func add(_ work: PendingWork) { add_pending_work(work.rawValue) }
  /// Takes `work` off the list.
  @inline(__always) public static func remove(_ work: PendingWork) { remove_pending_work(work.rawValue) }
  /// Whether `work` is noted.
  @inline(__always) public static func contains(_ work: PendingWork) -> Bool {
    get_pending_work() & work.rawValue != 0
  }
  /// Whether nothing is noted.
  @inline(__always) public static var isEmpty: Bool { get_pending_work() == 0 }
  /// Takes `work` off the list; whether it was on it.
  @inline(__always) public static func take(_ work: PendingWork) -> Bool {
    guard contains(work) else { return false }
    remove(work)
    return true
  }
}
