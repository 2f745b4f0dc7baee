// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// An exception of the program becomes the signal that Linux makes of it (arch/x86/kernel/traps.c,
/// arch/x86/mm/fault.c).
@_silgen_name("kernel_program_exception")
public func kernelProgramException(_ frame: inout TrapFrame, _ faultAddress: UInt64) {
  let vector = frame.vector
  // In the last jump back from a system call: the program is where RCX says.
  if isKernelAddress(frame.rip) && !isKernelAddress(frame.rsp) && vector != Vector.pageFault { frame.rip = frame.rcx }
  let rip = frame.rip
  var errorCode = frame.errorCode
  // Linux's programs run in ring 3, and the error code of a page fault says so in bit 2.
  if vector == Vector.pageFault { errorCode |= 4 }
  let address = vector == Vector.pageFault ? faultAddress : Thread.current.lastException.faultAddress
  Thread.current.lastException = (vector, errorCode, address)
  Thread.current.hasRefusedFrame = false
  guard let information = signalOfException(vector, rip, faultAddress) else { return }
  Signals.force(information)
}

/// nil: nothing happened that the program should know of.
private func signalOfException(_ vector: UInt64, _ rip: UInt64, _ faultAddress: UInt64) -> SignalInformation? {
  switch vector {
  case Vector.divideError:
    return SignalInformation(Signal.floatingPoint, code: FloatingPointCode.integerDivision, address: rip)
  case Vector.debug:
    return debugSignal(rip)
  case Vector.breakpoint:
    return SignalInformation(Signal.trap, code: SignalInformation.kernel)
  case Vector.overflow, Vector.boundRange, Vector.generalProtection:
    return SignalInformation(Signal.segmentation, code: SignalInformation.kernel)
  case Vector.invalidOpcode:
    return SignalInformation(Signal.illegal, code: 2, address: rip)  // ILL_ILLOPN
  case Vector.pageFault:
    if isKernelAddress(faultAddress) {
      return SignalInformation(Signal.segmentation, code: SegmentationCode.notMapped, address: faultAddress)
    }
    return pageFaultSignal(lastPageFault.cause, faultAddress)
  case Vector.alignmentCheck:
    return SignalInformation(Signal.bus, code: 1)  // BUS_ADRALN
  case Vector.floatingPoint:
    return floatingPointSignal(VectorState.raisedExceptions().x87, rip)
  case Vector.simdFloatingPoint:
    return floatingPointSignal(VectorState.raisedExceptions().sse, rip)
  case Vector.deviceNotAvailable:
    // CR0.TS is never set by the kernel.
    return SignalInformation(Signal.illegal, code: 2, address: rip)
  case 11, Vector.stackFault:  // segment not present: SIGBUS as well
    return SignalInformation(Signal.bus, code: SignalInformation.kernel)
  default:
    return SignalInformation(Signal.segmentation, code: SignalInformation.kernel)
  }
}

private func pageFaultSignal(_ cause: PageFaultFailure.Cause, _ address: UInt64) -> SignalInformation {
  switch cause {
  case .notMapped:
    return SignalInformation(Signal.segmentation, code: SegmentationCode.notMapped, address: address)
  case .notAllowed, .stackGuard:
    return SignalInformation(Signal.segmentation, code: SegmentationCode.notAllowed, address: address)
  case .beyondEnd, .inputOutput, .notInMemory:
    return SignalInformation(Signal.bus, code: 2, address: address)  // BUS_ADRERR
  case .outOfMemory:
    return SignalInformation(Signal.kill, code: SignalInformation.kernel)
  }
}

/// `si_code` of SIGFPE (include/uapi/asm-generic/siginfo.h).
enum FloatingPointCode {
  static var integerDivision: Int32 { 1 }
  static var division: Int32 { 3 }
  static var overflow: Int32 { 4 }
  static var underflow: Int32 { 5 }
  static var inexact: Int32 { 6 }
  static var invalid: Int32 { 7 }
}

private func debugSignal(_ rip: UInt64) -> SignalInformation? {
  let status = Processor.takeDebugStatus()
  if HaltDetection.isAboutToHalt(rip, debugStatus: status) {
    HaltDetection.raise()
    return nil
  }
  // DR6 (Intel SDM volume 3, 17.2.3): bit 14 single step, bits 0 to 3 breakpoints; neither: `int1`.
  let code: Int32 = status & 1 << 14 != 0 ? 2 : status & 0xf != 0 ? 4 : 1
  return SignalInformation(Signal.trap, code: code, address: rip)
}

/// The code for unmasked exceptions, in Linux's order of importance (fpu__exception_code).
private func floatingPointSignal(_ raised: UInt64, _ rip: UInt64) -> SignalInformation? {
  let code: Int32
  if raised & 0x01 != 0 {
    code = FloatingPointCode.invalid
  } else if raised & 0x04 != 0 {
    code = FloatingPointCode.division
  } else if raised & 0x08 != 0 {
    code = FloatingPointCode.overflow
  } else if raised & 0x12 != 0 {
    code = FloatingPointCode.underflow
  } else if raised & 0x20 != 0 {
    code = FloatingPointCode.inexact
  } else {
    return nil
  }
  return SignalInformation(Signal.floatingPoint, code: code, address: rip)
}
