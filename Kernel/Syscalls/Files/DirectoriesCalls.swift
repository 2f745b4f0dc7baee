// SPDX-License-Identifier: Apache-2.0
import Machine

/// The buffer of `getdents` and `getdents64` while it is filled.
private struct EntryBuffer {
  enum Layout {
    /// `struct linux_dirent`: the type stands in the last byte of the record.
    case old
    /// `struct linux_dirent64`.
    case wide
  }
  let layout: Layout
  let limit: Int
  var bytes: [UInt8] = []
  /// An entry did not fit.
  var isFull = false

  /// Appends an entry; false if it does not fit.
  mutating func append(_ name: [UInt8], _ number: UInt64, _ type: FileType, next: UInt64) -> Bool {
    let fixed = layout == .wide ? 19 : 18
    let tail = layout == .wide ? 1 : 2
    let length = (fixed + name.count + tail + 7) & ~7
    guard bytes.count + length <= limit else {
      isFull = true
      return false
    }
    let start = bytes.count
    bytes.append(word: number)
    bytes.append(word: next)
    bytes.append(UInt8(length & 0xff))
    bytes.append(UInt8(length >> 8))
    if layout == .wide { bytes.append(type.directoryEntryType) }
    bytes.append(contentsOf: name)
    while bytes.count < start + length { bytes.append(0) }
    if layout == .old { bytes[start + length - 1] = type.directoryEntryType }
    return true
  }
}

extension Array where Element == UInt8 {
  /// Appends eight bytes, the lowest first.
  mutating func append(word: UInt64) {
    for shift in 0..<UInt64(8) { append(UInt8(truncatingIfNeeded: word >> (8 &* shift))) }
  }
}

/// Positions in a listing: 0 and 1 are before "." and "..", the node's own cookies come 2 later; and
/// behind all of them the mount points that have no entry on the disk.
private let firstMount: UInt64 = 1 << 62

private func list(_ file: OpenFile, _ buffer: inout EntryBuffer) throws(Errno) {
  let place = file.location
  if file.position == 0 {
    guard buffer.append([0x2e], file.node.number, .directory, next: 1) else { return }
    file.position = 1
  }
  if file.position == 1 {
    let above = place.above.node ?? file.node
    guard buffer.append([0x2e, 0x2e], above.number, .directory, next: 2) else { return }
    file.position = 2
  }
  if file.position < firstMount {
    var position = file.position
    // A copy, since a closure cannot change a parameter that is inout.
    var filled = buffer
    try file.node.enumerate(after: position &- 2) { item in
      guard filled.append(item.name, item.number, item.type, next: item.cookie &+ 2) else { return false }
      position = item.cookie &+ 2
      return true
    }
    buffer = filled
    file.position = position
    if buffer.isFull { return }
    file.position = firstMount
  }
  var index = firstMount
  try place.forEachMountBelow { mount throws(Errno) in
    index &+= 1
    guard index > file.position, !buffer.isFull, try file.node.lookup(mount.name) == nil else { return }
    if buffer.append(mount.name, mount.node?.number ?? 1, .directory, next: index) { file.position = index }
  }
}

private func listDirectory(_ call: TrapFrame, _ layout: EntryBuffer.Layout) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  guard file.node.isDirectory else { throw .ENOTDIR }
  if file.location.isGone { throw .ENOENT }
  // 32 KiB is what the C library asks for; more would only make the kernel hold more at once.
  let limit = Int(min(call.third & 0xffff_ffff, 32768))
  guard ProgramMemory.isRange(call.second, UInt64(limit)) else { throw .EFAULT }
  try reserveKernelMemory(bytes: limit)
  var buffer = EntryBuffer(layout: layout, limit: limit)
  buffer.bytes.reserveCapacity(limit)
  let before = file.position
  try list(file, &buffer)
  if buffer.bytes.isEmpty && buffer.isFull { throw .EINVAL }
  guard ProgramMemory.write(buffer.bytes.span, to: call.second) else {
    file.position = before
    throw .EFAULT
  }
  FileNotifications.note(.access, file)
  return UInt64(buffer.bytes.count)
}

func sysGetdents(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try listDirectory(call, .old) }
func sysGetdents64(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try listDirectory(call, .wide) }

// MARK: working directory

func sysGetcwd(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let place = fileTree.workingDirectory
  if place.isGone { throw .ENOENT }
  var path = place.path()
  path.append(0)
  guard path.count <= Paths.maximumLength else { throw .ENAMETOOLONG }
  guard UInt64(path.count) <= call.second else { throw .ERANGE }
  try check(ProgramMemory.write(path.span, to: call.first))
  return UInt64(path.count)
}

private func changeDirectory(_ place: Location) throws(Errno) -> UInt64 {
  try Paths.checkSearchable(place)
  fileTree.workingDirectory = place
  return 0
}

func sysChdir(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let walk = try Paths.walk(Paths.workingDirectory, call.first, .followsLast)
  _ = try walk.existing()
  return try changeDirectory(walk.location)
}

func sysFchdir(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try changeDirectory(descriptors.anyFile(call.first).location)
}

func sysUmask(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let old = fileTree.mask
  fileTree.mask = UInt32(truncatingIfNeeded: call.first) & 0o777
  return UInt64(old)
}
