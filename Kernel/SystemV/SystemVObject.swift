// SPDX-License-Identifier: Apache-2.0
import Machine

/// What System V shared memory, semaphores and message queues have in common (sysvipc(7)). When the process ends,
/// nothing is left that could use them.
class SystemVObject {
  /// `struct ipc64_perm` (include/uapi/asm-generic/ipcbuf.h), the beginning of what IPC_STAT tells.
  struct Permissions: BitwiseCopyable {
    var key: Int32
    var user: UInt32
    var group: UInt32
    var creatorUser: UInt32
    var creatorGroup: UInt32
    var mode: UInt32
    var sequence: UInt32 = 0
    var padding: UInt32 = 0
    var unused: (UInt64, UInt64) = (0, 0)
  }

  var permissions: Permissions
  /// The number by which the program knows it.
  fileprivate(set) var identifier: Int32 = 0
  /// Seconds.
  private(set) var changed = now
  fileprivate(set) var isRemoved = false
  /// Who waits for a change.
  let waiters = WaitQueue()

  static var now: UInt64 { Clock.realtimeNanoseconds() / 1_000_000_000 }

  init(key: Int32, flags: Int32) {
    permissions = Permissions(
      key: key, user: identity.effectiveUserID, group: identity.effectiveGroupID, creatorUser: identity.effectiveUserID,
      creatorGroup: identity.effectiveGroupID, mode: UInt32(flags & 0o777))
  }

  /// EACCES unless the mode allows what `wish` asks for: 4 to read, 2 to change, 1 to execute.
  func check(_ wish: UInt32) throws(Errno) {
    var granted = permissions.mode
    if isOwn {
      granted >>= 6
    } else if identity.isMember(of: permissions.group) || identity.isMember(of: permissions.creatorGroup) {
      granted >>= 3
    }
    guard wish & ~granted & 7 == 0 || identity.may(.useObjects) else { throw .EACCES }
  }

  private var isOwn: Bool {
    identity.effectiveUserID == permissions.user || identity.effectiveUserID == permissions.creatorUser
  }

  func checkOwner() throws(Errno) {
    guard isOwn || identity.may(.administration) else { throw .EPERM }
  }

  /// IPC_SET: owner, group and mode are at the beginning of what IPC_STAT tells.
  func setPermissions(at address: UInt64) throws(Errno) {
    guard let new = ProgramMemory.load(Permissions.self, at: address) else { throw .EFAULT }
    try checkOwner()
    permissions.user = new.user
    permissions.group = new.group
    permissions.mode = permissions.mode & ~0o777 | new.mode & 0o777
    touch()
  }

  func touch() { changed = Self.now }
}

/// All objects of one kind.
final class SystemVTable {
  private var objects: [SystemVObject?] = []
  /// Counts the objects that there were: an identifier is used again only after long.
  private var sequence: Int32 = 0
  /// Linux's, for semaphores and messages 32000: nobody has so many in one program.
  private static let maximum = 4096
  /// Bits of the identifier that are the place (IPCMNI_SHIFT).
  private static let placeBits: Int32 = 15

  private static var create: Int32 { 0o1000 }
  private static var exclusive: Int32 { 0o2000 }

  /// `shmget` and its like: the object with `key` if it `fits`, or a new one.
  func get(
    _ key: Int32, _ flags: Int32, fits: (SystemVObject) -> Bool, make: () throws(Errno) -> SystemVObject
  ) throws(Errno) -> UInt64 {
    if key != 0, let old = objects.first(where: { $0?.permissions.key == key }), let old {
      if flags & Self.create != 0 && flags & Self.exclusive != 0 { throw .EEXIST }
      guard fits(old) else { throw .EINVAL }
      let mode = UInt32(flags & 0o777)
      try old.check(mode >> 6 | mode >> 3 | mode)
      return UInt64(old.identifier)
    }
    if key != 0 && flags & Self.create == 0 { throw .ENOENT }
    try reserveKernelMemory(bytes: objects.bytesToGrow)
    let place = objects.firstIndex { $0 == nil } ?? objects.count
    guard place < Self.maximum else { throw .ENOSPC }
    let new = try make()
    new.identifier = sequence << Self.placeBits | Int32(place)
    sequence = (sequence &+ 1) & 0x7fff
    if place == objects.count { objects.append(new) } else { objects[place] = new }
    return UInt64(new.identifier)
  }

  /// The object with this identifier; EINVAL: there is none.
  func find(_ identifier: Int32) throws(Errno) -> SystemVObject {
    let place = Int(identifier & (1 << Self.placeBits - 1))
    guard identifier >= 0, place < objects.count, let object = objects[place], object.identifier == identifier else {
      throw .EINVAL
    }
    return object
  }

  /// Forgets the object; who waits for it finds that out.
  func remove(_ object: SystemVObject) {
    object.isRemoved = true
    objects[Int(object.identifier & (1 << Self.placeBits - 1))] = nil
    object.waiters.wake()
  }

  func forEach(_ body: (SystemVObject) -> Void) {
    for case let object? in objects { body(object) }
  }
}

/// The commands that all three kinds have.
enum SystemVCommand {
  static var remove: Int32 { 0 }
  static var set: Int32 { 1 }
  static var status: Int32 { 2 }
}
