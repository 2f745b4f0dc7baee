// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// Finds programs that execute `hlt`.
///
/// On Linux that is a privileged instruction and ends the program, and C libraries rely on it as the last
/// resort of `abort`. In ring 0 it just waits for an interrupt, the timer's at the latest. A timer that hits
/// the program behind a `hlt` proves nothing: the program may have jumped there, over the `hlt`, as musl's
/// allocator does all the time. So a debug register is set on the byte before: if it is an instruction and
/// executed again, the processor stops exactly before it, and the program gets the signal; if the byte is only
/// the end of another instruction, or jumped over, nothing ever happens there. A `hlt` that is executed once
/// costs the program the time to the next tick.
enum HaltDetection {
  private static var breakpoint: UInt64? = nil
  private static var ticksElsewhere = 0
  private static let halt: UInt8 = 0xf4

  /// The timer interrupted the program.
  static func look(_ frame: inout TrapFrame) {
    let address = frame.rip &- 1
    if isHalt(address) {
      ticksElsewhere = 0
      if breakpoint != address { set(address) }
    } else if breakpoint != nil {
      ticksElsewhere += 1
      if ticksElsewhere > 8 { reset() }
    }
  }

  /// Whether a debug exception at `rip` means that the program is about to execute `hlt`.
  static func isAboutToHalt(_ rip: UInt64, debugStatus: UInt64) -> Bool {
    debugStatus & 1 != 0 && breakpoint == rip && isHalt(rip)
  }

  /// The signal of a privileged instruction: a general protection fault on Linux.
  static func raise() {
    Signals.lastException = (Vector.generalProtection, 0, Signals.lastException.faultAddress)
    Signals.hasRefusedFrame = false
    Signals.force(SignalInformation(Signal.segmentation, code: SignalInformation.kernel))
  }

  /// Takes the breakpoint away.
  static func reset() {
    ticksElsewhere = 0
    if breakpoint != nil { set(nil) }
  }

  private static func set(_ address: UInt64?) {
    breakpoint = address
    Processor.breakBeforeExecuting(address)
  }

  private static func isHalt(_ address: UInt64) -> Bool {
    ProgramMemory.load(UInt8.self, at: address) == halt
  }
}
