// TEMPORARY: stands in for Files, Devices, Signals until their branches are merged; whoever brings the real thing deletes the piece here.
import Channel
import Machine
extension Signals { static let minimumStackSize: UInt64 = 2048; static func resetForExec() {} }
enum VDSO { static let dataFrame = PhysicalMemory.allocateZeroed()!; static let codeFrame = PhysicalMemory.allocateZeroed()! }
struct Identity { var userID: UInt32 = 0, effectiveUserID: UInt32 = 0, groupID: UInt32 = 0, effectiveGroupID: UInt32 = 0 }
var identity = Identity()
struct Limits { var stack: UInt64 = 8 << 20, data: UInt64 = .max }
var limits = Limits()
@_silgen_name("kernel_program_exception") public func kernelProgramException(_ frame: inout TrapFrame, _ faultAddress: UInt64) {
  Serial.write("exception "); Serial.writeHexadecimal(frame.vector); Serial.write(" rip "); Serial.writeHexadecimal(frame.rip); Serial.write(" rel "); Serial.writeHexadecimal(frame.rip &- process.programBase);
  Serial.write(" addr "); Serial.writeHexadecimal(faultAddress);Serial.write(" rsp "); Serial.writeHexadecimal(frame.rsp); Serial.write(" err "); Serial.writeHexadecimal(frame.errorCode); Serial.put(10)
  Process.kill(bySignal: 11)
}
@_silgen_name("kernel_return_to_program") public func kernelReturnToProgram(_ frame: inout TrapFrame) { PendingWork.remove(.resume); PendingWork.remove(.tick); frame.rflags |= 0x200 }
