// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// A segment of System V shared memory: a file without a name that is mapped where the program attaches it. As on
/// Linux, each mapping counts as an attachment.
final class SharedSegment: SystemVObject {
  /// What IPC_STAT tells (include/uapi/asm-generic/shmbuf.h).
  struct Status: BitwiseCopyable {
    var permissions: Permissions
    var size: UInt64
    var attached: UInt64
    var detached: UInt64
    var changed: UInt64
    var creator: Int32
    var last: Int32
    var attachments: UInt64
    var unused: (UInt64, UInt64) = (0, 0)
  }

  static let all = SystemVTable()
  /// SHM_DEST and SHM_LOCKED in the mode.
  static var removedMode: UInt32 { 0o1000 }
  static var lockedMode: UInt32 { 0o2000 }

  let size: UInt64
  let node: TemporaryNode
  var attached: UInt64 = 0
  var detached: UInt64 = 0
  var lastProcess: Int32 = 0

  init(key: Int32, flags: Int32, size: UInt64) throws(Errno) {
    node = try UnnamedFiles.make()
    node.attributes.size = pagesUp(size) ?? size
    self.size = size
    super.init(key: key, flags: flags)
  }

  var attachments: UInt64 {
    var count: UInt64 = 0
    for entry in addressSpace.map.entries where entry.value.node === node { count += 1 }
    return count
  }

  var status: Status {
    Status(
      permissions: permissions, size: size, attached: attached, detached: detached, changed: changed,
      creator: ProcessGroup.process, last: lastProcess, attachments: attachments)
  }

  /// Segments that are to be removed when they are not attached any more.
  private static var removing = 0

  /// IPC_RMID: nobody finds it by its key any more, and after the last detachment it is gone.
  func remove() {
    guard permissions.mode & Self.removedMode == 0 else { return }
    permissions.mode |= Self.removedMode
    permissions.key = 0
    Self.removing += 1
    Self.sweep()
  }

  /// Removes those that wait for it and are not attached. After mappings have gone.
  @inline(__always)
  static func sweep() {
    if removing > 0 { removeUnattached() }
  }

  @inline(never)
  private static func removeUnattached() {
    all.forEach {
      guard let segment = $0 as? SharedSegment else { return }
      if segment.permissions.mode & removedMode != 0 && segment.attachments == 0 {
        removing -= 1
        all.remove(segment)
      }
    }
  }

  /// Detaches what `shmat` put at `address`, wherever parts of it are still mapped. EINVAL: nothing.
  static func detach(_ address: UInt64) throws(Errno) {
    var found: SharedSegment?
    all.forEach {
      if let segment = $0 as? SharedSegment, segment.position(address, after: 0) != nil { found = segment }
    }
    guard let found else { throw .EINVAL }
    var next: UInt64 = 0
    while let range = found.position(address, after: next) {
      try addressSpace.unmap(range.start, range.end)
      next = range.end
    }
    found.detached = now
    found.lastProcess = ProcessGroup.process
    sweep()
  }

  /// The first mapping of it at or behind `after` that belongs to an attachment at `address`.
  private func position(_ address: UInt64, after: UInt64) -> (start: UInt64, end: UInt64)? {
    for entry in addressSpace.map.entries where entry.value.node === node && entry.start >= after {
      if entry.start &- entry.value.offset == address { return (entry.start, entry.end) }
    }
    return nil
  }
}
