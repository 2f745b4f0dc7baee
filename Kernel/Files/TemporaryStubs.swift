// SPDX-License-Identifier: Apache-2.0
// TEMPORARY: what other branches bring. Delete each piece when the real one is merged.
import Machine

extension Signals { static func post(_ number: Int) {} }
enum Clock {
  static func realtimeNanoseconds() -> UInt64 { 1_700_000_000_000_000_000 }
  static func monotonicNanoseconds() -> UInt64 { 0 }
}
enum Wait {
  /// Waits until `condition` holds; throws ERESTARTSYS when a signal comes first.
  static func until(_ condition: () -> Bool) throws(Errno) {
    guard condition() else { throw .ERESTARTSYS }
  }
  /// The same with a point in monotonic time; false if that came first.
  static func until(deadline: UInt64?, _ condition: () -> Bool) throws(Errno) -> Bool {
    if condition() { return true }
    if deadline == nil { throw .ERESTARTSYS }
    return false
  }
}
extension Random {
  static func fill(_ bytes: inout MutableSpan<UInt8>) {
    for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: next()) }
  }
}
extension Console {
  static func write(stream: UInt8, from address: UInt64, count: Int) throws(Errno) -> Int {
    guard let bytes = ProgramMemory.bytes(at: address, count: min(count, 65536)) else { throw .EFAULT }
    Serial.write(bytes.span)
    return bytes.count
  }
  static func read(into address: UInt64, count: Int) throws(Errno) -> Int { 0 }
  static var isReadable: Bool { true }
  static var isAtEnd: Bool { true }
  static var bytesReadable: Int { 0 }
  static func isClosed(stream: UInt8) -> Bool { false }
}
extension Identity {
  func isMember(of group: UInt32) -> Bool { false }
}

/// A root in memory with the boot module as "/a".
func bringUpFiles() {
  NameCache.initialize(frames: PhysicalMemory.total)
  let root = TemporaryFileSystem().makeRoot(permissions: 0o755)
  fileTree.mountRoot(root)
  let module = Boot.module()
  do throws(Errno) {
    let file = try root.create(bytes(of: "a"), NewNode(type: .regular, permissions: 0o755, userIdentifier: 0, groupIdentifier: 0))
    var done: UInt64 = 0
    while done < module.1 {
      let count = min(4096, module.1 - done)
      let page = Frame(number: UInt32((module.0 + done) >> 12)).withBytes { span in
        (0..<Int(count)).map { span[$0] }
      }
      try file.write(at: done, bytes: page.span)
      done += count
    }
    try Files.initialize()
  } catch { Panic.stop("no files") }
}
