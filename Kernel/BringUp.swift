// TEMPORARY: stands in for Files, Devices, Signals until their branches are merged; whoever brings the real thing deletes the piece here.
import Channel
import Machine
enum Signals { static let minimumStackSize: UInt64 = 2048; static func resetForExec() {} }
enum VDSO { static let dataFrame = PhysicalMemory.allocateZeroed()!; static let codeFrame = PhysicalMemory.allocateZeroed()! }
struct Identity { var userID: UInt32 = 0, effectiveUserID: UInt32 = 0, groupID: UInt32 = 0, effectiveGroupID: UInt32 = 0 }
var identity = Identity()
struct Limits { var stack: UInt64 = 8 << 20, data: UInt64 = .max }
var limits = Limits()
enum Random { static func next() -> UInt64 { Processor.randomWord() ?? 1 } }
struct Message { func append(_ s: StaticString) { Serial.write(s) }
 func append(bytes: Span<UInt8>) { Serial.write(bytes) }
 func append(decimal: UInt64) { Serial.writeHexadecimal(decimal) } }
enum Log { static func warning(_ b: (Message) -> Void) { b(Message()); Serial.put(10) }
 static func error(_ b: (Message) -> Void) { b(Message()); Serial.put(10) } }
enum Console { static func exit(_ k: ExitKind, _ v: UInt32) -> Never { Serial.write("exit "); Serial.writeHexadecimal(UInt64(k.rawValue)); Serial.put(32); Serial.writeHexadecimal(UInt64(v)); Serial.put(10); Processor.reset() } }
@_silgen_name("kernel_main")
public func kernelMain() -> Never {
  addressSpace.initialize()
  bringUpFiles()
  let path: [UInt8] = [47, 97]
  var frame = TrapFrame()
  do throws(Errno) {
    let plan = try Loader.plan(path, [path, [98, 99]], [[65, 61, 98]])
    try Loader.start(plan, &frame)
  } catch { Serial.writeHexadecimal(UInt64(error.rawValue)); Panic.stop("cannot start") }
  Processor.enterProgram(frame)
}
@_silgen_name("kernel_program_exception") public func kernelProgramException(_ frame: inout TrapFrame, _ faultAddress: UInt64) {
  Serial.write("exception "); Serial.writeHexadecimal(frame.vector); Serial.write(" rip "); Serial.writeHexadecimal(frame.rip); Serial.write(" rel "); Serial.writeHexadecimal(frame.rip &- process.programBase);
  Serial.write(" addr "); Serial.writeHexadecimal(faultAddress);Serial.write(" rsp "); Serial.writeHexadecimal(frame.rsp); Serial.write(" err "); Serial.writeHexadecimal(frame.errorCode); Serial.put(10)
  Process.kill(bySignal: 11)
}
@_silgen_name("kernel_return_to_program") public func kernelReturnToProgram(_ frame: inout TrapFrame) { PendingWork.remove(.resume); PendingWork.remove(.tick); frame.rflags |= 0x200 }
@_silgen_name("kernel_panicked") public func kernelPanicked() {}
