// SPDX-License-Identifier: Apache-2.0
import Machine

/// `struct stat` of x86-64 (arch/x86/include/uapi/asm/stat.h). It has no padding.
private struct StatBuffer: BitwiseCopyable {
  var device: UInt64
  var number: UInt64
  var links: UInt64
  var mode: UInt32
  var user: UInt32
  var group: UInt32
  var unused0: UInt32 = 0
  var representedDevice: UInt64
  var size: UInt64
  var blockSize: UInt64
  var blocks: UInt64
  var accessed: (Int64, UInt64)
  var modified: (Int64, UInt64)
  var changed: (Int64, UInt64)
  var unused1: UInt64 = 0
  var unused2: UInt64 = 0
  var unused3: UInt64 = 0

  @inline(__always)
  init(_ node: Node) {
    device = node.fileSystem.device
    number = node.number
    links = UInt64(node.attributes.linkCount)
    mode = node.attributes.mode
    user = node.attributes.userIdentifier
    group = node.attributes.groupIdentifier
    representedDevice = node.attributes.device
    size = node.attributes.size
    blockSize = UInt64(node.attributes.blockSize)
    blocks = node.attributes.blockCount
    accessed = (node.attributes.accessed.seconds, UInt64(node.attributes.accessed.nanoseconds))
    modified = (node.attributes.modified.seconds, UInt64(node.attributes.modified.nanoseconds))
    changed = (node.attributes.changed.seconds, UInt64(node.attributes.changed.nanoseconds))
  }
}

@inline(__always)
private func store(_ node: Node, at address: UInt64) throws(Errno) -> UInt64 {
  try check(ProgramMemory.store(StatBuffer(node), at: address))
  return 0
}

func sysStat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try store(Paths.walk(Paths.workingDirectory, call.first, .followsLast).existing(), at: call.second)
}

func sysLstat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try store(Paths.walk(Paths.workingDirectory, call.first, []).existing(), at: call.second)
}

func sysFstat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try store(descriptors.anyFile(call.first).node, at: call.second)
}

/// The flags that calls with a directory's descriptor share (AT_*).
enum PathFlags {
  static let noFollow: UInt64 = 0x100
  /// Of `unlinkat`; of `faccessat` AT_EACCESS.
  static let removeDirectory: UInt64 = 0x200
  static let effectiveAccess: UInt64 = 0x200
  static let follow: UInt64 = 0x400
  /// There is nothing that mounts by itself.
  static let noAutomount: UInt64 = 0x800
  static let emptyPath: UInt64 = 0x1000
  /// AT_STATX_FORCE_SYNC and AT_STATX_DONT_SYNC: attributes are always true here.
  static let statxSync: UInt64 = 0x6000

  /// How a path is followed under such flags.
  @inline(__always)
  static func options(_ flags: UInt64) -> WalkOptions {
    var options: WalkOptions = flags & noFollow == 0 ? .followsLast : []
    if flags & emptyPath != 0 { options.insert(.allowsEmpty) }
    return options
  }

  /// Throws EINVAL if there are flags beside the given ones.
  @inline(__always)
  static func check(_ flags: UInt64, allowing allowed: UInt64) throws(Errno) {
    if flags & 0xffff_ffff & ~allowed != 0 { throw .EINVAL }
  }
}

func sysNewfstatat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = call.fourth
  try PathFlags.check(flags, allowing: PathFlags.noFollow | PathFlags.noAutomount | PathFlags.emptyPath)
  return try store(Paths.walk(int(call.first), call.second, PathFlags.options(flags)).existing(), at: call.third)
}

/// `struct statx` (include/uapi/linux/stat.h), 256 bytes without padding.
private struct StatxBuffer: BitwiseCopyable {
  struct Time: BitwiseCopyable {
    var seconds: Int64
    var nanoseconds: UInt32
    var unused: UInt32 = 0
    init(_ time: Timestamp) {
      seconds = time.seconds
      nanoseconds = time.nanoseconds
    }
  }
  /// STATX_BASIC_STATS, STATX_BTIME, STATX_MNT_ID.
  var mask: UInt32 = 0x1fff
  var blockSize: UInt32
  var attributes: UInt64
  var links: UInt32
  var user: UInt32
  var group: UInt32
  var mode: UInt16
  var unused0: UInt16 = 0
  var number: UInt64
  var size: UInt64
  var blocks: UInt64
  /// STATX_ATTR_MOUNT_ROOT.
  var attributesMask: UInt64 = 0x2000
  var accessed: Time
  var created: Time
  var changed: Time
  var modified: Time
  var representedMajor: UInt32
  var representedMinor: UInt32
  var major: UInt32
  var minor: UInt32
  var mount: UInt64
  var unused1: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)
  var unused2: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

  init(_ node: Node, isMountRoot: Bool) {
    let known = node.attributes
    blockSize = known.blockSize
    attributes = isMountRoot ? 0x2000 : 0
    links = known.linkCount
    user = known.userIdentifier
    group = known.groupIdentifier
    mode = UInt16(truncatingIfNeeded: known.mode)
    number = node.number
    size = known.size
    blocks = known.blockCount
    accessed = Time(known.accessed)
    created = Time(known.created)
    changed = Time(known.changed)
    modified = Time(known.modified)
    representedMajor = DeviceNumber.major(known.device)
    representedMinor = DeviceNumber.minor(known.device)
    major = DeviceNumber.major(node.fileSystem.device)
    minor = DeviceNumber.minor(node.fileSystem.device)
    mount = node.fileSystem.device
  }
}

func sysStatx(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = call.third
  try PathFlags.check(
    flags, allowing: PathFlags.noFollow | PathFlags.noAutomount | PathFlags.emptyPath | PathFlags.statxSync)
  // Both at once; and the bit that is kept for extensions of the structure.
  if flags & PathFlags.statxSync == PathFlags.statxSync || call.fourth & 0x8000_0000 != 0 { throw .EINVAL }
  let walk = try Paths.walk(int(call.first), call.second, PathFlags.options(flags))
  let buffer = StatxBuffer(try walk.existing(), isMountRoot: walk.location.isMountPoint)
  try check(ProgramMemory.store(buffer, at: call.fifth))
  return 0
}

// MARK: access

private func access(_ directory: Int32, _ path: UInt64, _ mode: UInt32, _ flags: UInt64) throws(Errno) -> UInt64 {
  guard mode & ~7 == 0 else { throw .EINVAL }
  try PathFlags.check(flags, allowing: PathFlags.noFollow | PathFlags.effectiveAccess | PathFlags.emptyPath)
  let node = try Paths.walk(directory, path, PathFlags.options(flags)).existing()
  if mode == 0 { return 0 }
  let isEffective = flags & PathFlags.effectiveAccess != 0
  try Access.check(
    node, AccessMode(rawValue: mode), user: isEffective ? identity.effectiveUserID : identity.userID,
    group: isEffective ? identity.effectiveGroupID : identity.groupID)
  return 0
}

func sysAccess(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try access(Paths.workingDirectory, call.first, UInt32(truncatingIfNeeded: call.second), 0)
}

/// The call has no flags: the library's function of this name does them itself.
func sysFaccessat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try access(int(call.first), call.second, UInt32(truncatingIfNeeded: call.third), 0)
}

func sysFaccessat2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try access(int(call.first), call.second, UInt32(truncatingIfNeeded: call.third), call.fourth)
}

// MARK: file systems

/// `struct statfs` (include/uapi/asm-generic/statfs.h), fifteen words.
private func storeStatistics(of fileSystem: FileSystem, at address: UInt64) throws(Errno) -> UInt64 {
  let known = fileSystem.statistics()
  // ST_VALID, ST_NOATIME.
  let flags: UInt64 = 0x20 | 0x400
  let words: [UInt64] = [
    fileSystem.magic, known.blockSize, known.totalBlocks, known.freeBlocks, known.freeBlocks, known.totalNodes,
    known.freeNodes, known.identifier == 0 ? fileSystem.device : known.identifier, 255, known.blockSize, flags, 0, 0,
    0, 0,
  ]
  for (index, word) in words.enumerated() {
    try check(ProgramMemory.storeWord(word, at: address &+ UInt64(index) &* 8))
  }
  return 0
}

func sysStatfs(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let node = try Paths.walk(Paths.workingDirectory, call.first, .followsLast).existing()
  return try storeStatistics(of: node.fileSystem, at: call.second)
}

func sysFstatfs(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try storeStatistics(of: descriptors.anyFile(call.first).node.fileSystem, at: call.second)
}
