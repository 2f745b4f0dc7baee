// SPDX-License-Identifier: Apache-2.0
import Instructions
import Machine
import Signals

/// Finds programs that execute `hlt`.
///
/// On Linux that is a privileged instruction and ends the program, and C libraries rely on it: musl's way to
/// stop at a smashed stack or a corrupt heap is a single `hlt`. In ring 0 it just waits for an interrupt, the
/// timer's at the latest. So when the timer hits the program behind a byte that could be `hlt`, the code
/// before it is looked at (`InstructionBoundary`): if an instruction begins at that byte, the program stands
/// in a `hlt`, and gets the signal. If that is not certain, a debug register is set on the byte: if it is an
/// instruction after all and executed again, the processor stops exactly before it; if it is only the end of
/// another one, nothing ever happens there.
enum HaltDetection {
  private static var breakpoint: UInt64? = nil
  private static var ticksElsewhere = 0
  private static let halt: UInt8 = 0xf4

  /// The timer interrupted the program.
  static func look(_ frame: inout TrapFrame) {
    let address = frame.rip &- 1
    if isHalt(address) {
      if isInstruction(address) {
        frame.rip = address
        raise()
        return
      }
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

  private static func isInstruction(_ address: UInt64) -> Bool {
    let window = UInt64(InstructionBoundary.window)
    let start = address &- window
    // Where the page before is not mapped, what there is of this one.
    let code =
      ProgramMemory.bytes(at: start, count: Int(window) + 1)
      ?? ProgramMemory.bytes(at: pageStart(address), count: Int(address - pageStart(address)) + 1)
    guard let code else { return false }
    return InstructionBoundary.isAtLastByte(of: code.span)
  }
}
