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
extension Identity {
  func isMember(of group: UInt32) -> Bool { false }
}
extension Wait {
  static func until(deadline: UInt64?, _ condition: () -> Bool) throws(Errno) -> Bool {
    if condition() { return true }
    if deadline == nil { throw .ERESTARTSYS }
    return false
  }
}
import DiskLayout
import Ext4
import Storage
typealias DiskFS = Ext4FileSystem<DeviceSlice<CopyOnWriteDevice>>
final class BringUpRoot: FileSystem {
  let fs: DiskFS
  let disk: CopyOnWriteDevice
  let start: UInt64
  init(_ fs: DiskFS, _ d: CopyOnWriteDevice, _ s: UInt64) { self.fs = fs; disk = d; start = s; super.init(typeName: "ext4", magic: 0xef53, source: "/dev/vda3") }
  func node(_ n: InodeNumber) throws(Errno) -> BringUpNode {
    do throws(Ext4Error) {
      let i = try fs.attributes(of: n)
      var a = Attributes(type: .regular, permissions: 0)
      a.mode = UInt32(i.mode); a.size = i.size; a.linkCount = UInt32(i.links); a.userIdentifier = i.userID; a.groupIdentifier = i.groupID; a.blockCount = i.blocks512
      a.modified = Timestamp(seconds: i.modifyTime.seconds, nanoseconds: i.modifyTime.nanoseconds)
      return BringUpNode(self, UInt64(n), a)
    } catch { throw .EIO }
  }
}
final class BringUpNode: PagedNode {
  var root: BringUpRoot
  init(_ r: BringUpRoot, _ n: UInt64, _ a: Attributes) { root = r; super.init(fileSystem: r, number: n, attributes: a) }
  override func lookup(_ name: [UInt8]) throws(Errno) -> Node? {
    var f: InodeNumber = 0
    do throws(Ext4Error) { f = try root.fs.lookup(name.span, in: InodeNumber(number)) } catch { return nil }
    return try root.node(f)
  }
  override func readLink() throws(Errno) -> [UInt8] {
    do throws(Ext4Error) { return try root.fs.readLink(InodeNumber(number)) } catch { throw .EIO }
  }
  override func fill(_ first: UInt64, _ frames: [Frame]) throws(Errno) {
    var done = 0
    do throws(Ext4Error) {
      while done < frames.count {
        let run = try root.fs.extent(of: InodeNumber(number), at: first + UInt64(done))
        let n = Int(min(run.count, UInt64(frames.count - done)))
        if run.physicalBlock == 0 { for f in frames[done..<done + n] { f.clear(from: 0, count: 4096) } }
        else { do throws(StorageError) { try root.disk.read(blocksAt: root.start + run.physicalBlock * 4096, into: [Frame](frames[done..<done + n])) } catch { throw .corrupt("io") } }
        done += n
      }
    } catch { throw .EIO }
  }
  override func enumerate(after cookie: UInt64, _ body: (DirectoryItem) -> Bool) throws(Errno) {
    do throws(Ext4Error) {
      try root.fs.enumerate(InodeNumber(number), from: cookie) { name, n, t, next in
        var b: [UInt8] = []; for i in name.indices { b.append(name[i]) }
        if b == [46] || b == [46, 46] { return true }
        return body(DirectoryItem(name: b, number: UInt64(n), type: t == 2 ? .directory : t == 7 ? .symbolicLink : .regular, cookie: next))
      }
    } catch { throw .EIO }
  }
}
enum RootFileSystem {
  static func mount(_ disk: VirtioBlock, _ p: Partition) {
    let cow = CopyOnWriteDevice(disk)
    guard let slice = DeviceSlice(cow, start: p.startInBytes, size: p.sizeInBytes) else { Panic.stop("slice") }
    do throws(Ext4Error) {
      let fs = try DiskFS(mounting: slice, readOnly: false, metadataCacheBlocks: 64)
      fileTree.mountRoot(try! BringUpRoot(fs, cow, p.startInBytes).node(2))
    } catch { Panic.stop("mount") }
  }
}
