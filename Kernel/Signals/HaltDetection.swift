// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// Finds programs that execute `hlt`.
///
/// On Linux that is a privileged instruction and ends the program, and C libraries rely on it: musl's way to stop at a
/// smashed stack or a corrupt heap is a single `hlt`. In ring 0 it just waits for an interrupt, the timer's at the
/// latest. But an interrupt that finds the program behind a `hlt` proves nothing: the program may have jumped there,
/// over the `hlt`, as musl's allocator does all the time, or the byte may be the end of another instruction. So the
/// signal is only raised if there is no other way: if the byte certainly is an instruction, and nothing in the code
/// around leads behind it with the flags as they are.
///
/// In doubt a debug register is set on the byte: if it is an instruction after all and executed again, the processor
/// stops exactly before it; if it is not, nothing ever happens there.
enum HaltDetection {
  /// Of each processor; 0: none.
  private static var breakpoints = InlineArray<64, UInt64>(repeating: 0)
  private static var breakpoint: UInt64 {
    get { breakpoints[Processors.current] }
    set { breakpoints[Processors.current] = newValue }
  }
  private static var ticksElsewhere = 0
  private static let halt: UInt8 = 0xf4

  /// A device or the timer interrupted the program.
  static func look(_ frame: inout TrapFrame) {
    let address = frame.rip &- 1
    if isHalt(address) {
      ticksElsewhere = 0
      // Where there is a breakpoint, the program did not execute the `hlt`.
      if breakpoint == address { return }
      if HaltProof.holds(at: address, flags: frame.rflags) {
        frame.rip = address
        raise()
      } else {
        set(address)
      }
    } else if breakpoint != 0 {
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
    Thread.current.lastException = (Vector.generalProtection, 0, Thread.current.lastException.faultAddress)
    Thread.current.hasRefusedFrame = false
    Signals.force(SignalInformation(Signal.segmentation, code: SignalInformation.kernel))
  }

  /// Takes the breakpoint away.
  static func reset() {
    ticksElsewhere = 0
    if breakpoint != 0 { set(nil) }
  }

  private static func set(_ address: UInt64?) {
    breakpoint = address ?? 0
    Processor.breakBeforeExecuting(address)
  }

  private static func isHalt(_ address: UInt64) -> Bool {
    isPresent(address) && ProgramMemory.load(UInt8.self, at: address) == halt
  }

  /// Whether there is memory, and reading it neither waits nor changes anything.
  private static func isPresent(_ address: UInt64) -> Bool {
    AddressSpace.isUsable(address, 1) && PageTables.entry(at: address).isPresent
  }
}
