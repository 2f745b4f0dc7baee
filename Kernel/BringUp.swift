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
enum Random { static func next() -> UInt64 { Processor.randomWord() ?? 1 }
  static func fill(address: UInt64, count: Int) throws(Errno) {
    var done = 0
    while done < count { guard ProgramMemory.store(UInt8(truncatingIfNeeded: next()), at: address &+ UInt64(done)) else { throw .EFAULT }; done += 1 } } }
func sysWritev(_ c: inout TrapFrame) throws(Errno) -> UInt64 {
  var sum: UInt64 = 0
  for i in 0..<min(c.third, 1024) {
    guard let base = ProgramMemory.loadWord(at: c.second &+ i &* 16), let n = ProgramMemory.loadWord(at: c.second &+ i &* 16 &+ 8), let b = ProgramMemory.bytes(at: base, count: Int(n)) else { throw .EFAULT }
    if Console.isOpen { try Console.write(stream: UInt8(c.first & 3), bytes: b.span) } else { Serial.write(b.span) }; sum &+= n }
  return sum }
/// TEMPORARY: the path of a mapped file, or nil; Files knows.
func nodePath(_ node: Node) -> [UInt8]? { nil }
func sysWrite(_ c: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let b = ProgramMemory.bytes(at: c.second, count: Int(c.third)) else { throw .EFAULT }
  if Console.isOpen { try Console.write(stream: 1, bytes: b.span) } else { Serial.write(b.span) }
  return c.third }
