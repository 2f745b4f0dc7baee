// SPDX-License-Identifier: Apache-2.0
import Machine

/// What interrupted and has not been looked at yet. A handler does no more than note that: all of a
/// device's work is done by whoever waits for it.
enum Interrupts {
  /// One bit a vector. Written with interrupts off.
  private static var noted: UInt64 = 0
  /// The vectors of devices that somebody attends to without having waited for them.
  private static var attendedVectors: UInt64 = 0

  /// A vector for a device; nil when there is none left.
  static func allocateVector() -> UInt8? { InterruptVectors.allocate() }

  /// From now on, an interrupt at `vector` is also noted as `PendingWork.device`.
  static func attend(_ vector: UInt8) { attendedVectors |= 1 &<< UInt64(vector) }

  @inline(__always)
  fileprivate static func note(_ vector: UInt64) {
    let bit: UInt64 = 1 &<< vector
    Processors.atomicOr(&noted, bit)
    if attendedVectors & bit != 0 { PendingWork.add(.device) }
  }

  /// Stands still until something interrupts, and returns with interrupts off, as they were. The kernel's lock is
  /// kept: nobody else runs in the kernel meanwhile. Devices interrupt the first processor; others just look again.
  static func halt() {
    if Processors.current == 0 { ProcessorTime.halt() } else { Processor.pause() }
  }

  /// Whether `take` has something to say.
  @inline(__always)
  static func isNoted(_ vector: UInt8) -> Bool { noted & 1 &<< UInt64(vector) != 0 }

  /// Whether `vector` has interrupted since this was last asked. Interrupts are off.
  @inline(__always)
  static func take(_ vector: UInt8) -> Bool {
    let bit: UInt64 = 1 &<< UInt64(vector)
    guard noted & bit != 0 else { return false }
    Processors.atomicAnd(&noted, ~bit)
    return true
  }
}

/// A device or the timer interrupted, with interrupts off from here to the end.
@_silgen_name("kernel_interrupt")
public func kernelInterrupt(_ vector: UInt64, _ frame: inout TrapFrame, _ fromProgram: Bool) {
  if vector == Vector.spurious { return }
  LocalAPIC.endOfInterrupt()
  if vector == Vector.timer {
    PendingWork.add(.tick)
  } else if vector == Vector.attention {
    PendingWork.add(.signal)
  } else {
    Interrupts.note(vector)
  }
}
