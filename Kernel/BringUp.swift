// TEMPORARY: stands in for Files, Devices, Signals until their branches are merged; whoever brings the real thing deletes the piece here.
import Channel
import Machine
final class Node {
  var frames: [Frame] = []
  var size: UInt64 = 0
  var isRegularFile: Bool { true }
  var permissionBits: UInt32 { 0o755 }
  var isMappable: Bool { true }
  func page(at index: UInt64, forWriting: Bool) throws(Errno) -> Frame { if index >= UInt64(frames.count) { throw .EFAULT }; return frames[Int(index)] }
  func residentPage(at index: UInt64) -> Frame? { index < UInt64(frames.count) ? frames[Int(index)] : nil }
  func synchronize() throws(Errno) {}
  func read(at offset: UInt64, into s: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    var n = 0
    while n < s.count && offset + UInt64(n) < size { 
      let o = offset + UInt64(n)
      let b = frames[Int(o / 4096)].withBytes { $0[Int(o % 4096)] }
      s[n] = b; n += 1 }
    return n
  }
}
enum Paths { static func resolve(_ p: [UInt8]) throws(Errno) -> Node { theNode }
 static func resolve(_ p: [UInt8], at: Int32, flags: UInt64) throws(Errno) -> Node { theNode }
 static func string(at a: UInt64, allowsEmpty: Bool = false) throws(Errno) -> [UInt8] { if case .string(let s) = ProgramMemory.string(at: a, limit: 4096) { return s }; throw .EFAULT } }
let theNode = Node()
enum PageCache { static func reclaim(_ n: Int) -> Int { 0 } }
enum MissingFiles { static func report() {} }
struct File { var isReadable = true, isWritable = true; var node: Node { theNode } }
struct Descriptors { func file(_ f: Int32) throws(Errno) -> File { throw .EBADF }; func closeOnExec() {} }
var descriptors = Descriptors()
extension Signals { static let minimumStackSize: UInt64 = 2048; static func resetForExec() {} }
enum VDSO { static let dataFrame = PhysicalMemory.allocateZeroed()!; static let codeFrame = PhysicalMemory.allocateZeroed()! }
struct Identity { var userID: UInt32 = 0, effectiveUserID: UInt32 = 0, groupID: UInt32 = 0, effectiveGroupID: UInt32 = 0 }
var identity = Identity()
struct Limits { var stack: UInt64 = 8 << 20, data: UInt64 = .max }
var limits = Limits()
enum Random { static func next() -> UInt64 { Processor.randomWord() ?? 1 } }
func sysWrite(_ c: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let b = ProgramMemory.bytes(at: c.second, count: Int(c.third)) else { throw .EFAULT }
  try Console.write(stream: 1, bytes: b.span); return c.third }
@_silgen_name("kernel_program_exception") public func kernelProgramException(_ frame: inout TrapFrame, _ faultAddress: UInt64) {
  Serial.write("exception "); Serial.writeHexadecimal(frame.vector); Serial.write(" rip "); Serial.writeHexadecimal(frame.rip); Serial.write(" rel "); Serial.writeHexadecimal(frame.rip &- process.programBase);
  Serial.write(" addr "); Serial.writeHexadecimal(faultAddress);Serial.write(" rsp "); Serial.writeHexadecimal(frame.rsp); Serial.write(" err "); Serial.writeHexadecimal(frame.errorCode); Serial.put(10)
  Process.kill(bySignal: 11)
}
@_silgen_name("kernel_return_to_program") public func kernelReturnToProgram(_ frame: inout TrapFrame) { PendingWork.remove(.resume); PendingWork.remove(.tick); frame.rflags |= 0x200 }
