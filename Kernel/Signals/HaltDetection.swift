// SPDX-License-Identifier: Apache-2.0
import Machine

/// Finds programs that execute `hlt`.
///
/// On Linux that is a privileged instruction and ends the program; C libraries use it as the last way
/// out of `abort`. In ring 0 it just waits for an interrupt, the timer's at the latest. So when the timer
/// hits the program behind a byte that could be `hlt`, a debug register is set on that byte: if it is an
/// instruction and executed again (all such places are loops), the processor stops exactly before it.
/// If the byte was only the end of another instruction, nothing ever happens there.
enum HaltDetection {
  private static var breakpoint: UInt64? = nil
  private static var ticksElsewhere = 0
  private static let halt: UInt8 = 0xf4

  /// The timer interrupted the program at `rip`.
  static func look(_ rip: UInt64) {
    let address = rip &- 1
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
