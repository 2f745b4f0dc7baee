// SPDX-License-Identifier: Apache-2.0
import Machine

private func truncate(_ place: FoundFile, _ size: UInt64) throws(Errno) -> UInt64 {
  let node = place.node
  if process.isRunning(node) { throw .ETXTBSY }
  if size > node.attributes.size { try limits.checkFileSize(size &- 1) }
  try node.truncate(to: size)
  FileNotifications.note(.modify, place)
  return 0
}

func sysTruncate(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let size = try checkedOffset(call.second)
  let place = try Paths.walk(Paths.workingDirectory, call.first, .followsLast).found()
  let node = place.node
  if node.isDirectory { throw .EISDIR }
  guard node.attributes.isRegular else { throw .EINVAL }
  try Access.check(node, .write)
  return try truncate(place, size)
}

func sysFtruncate(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let size = try checkedOffset(call.second)
  let file = try descriptors.file(call.first)
  guard file.isWritable, file.node.attributes.isRegular else { throw .EINVAL }
  return try truncate(file.found, size)
}

func sysFallocate(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  let offset = Int64(bitPattern: call.third)
  let count = Int64(bitPattern: call.fourth)
  guard offset >= 0, count > 0 else { throw .EINVAL }
  let mode = UInt32(truncatingIfNeeded: call.second)
  let known = FileAllocation.keepSize | FileAllocation.punchHole | FileAllocation.collapseRange
  guard mode & ~(known | FileAllocation.zeroRange | FileAllocation.insertRange | FileAllocation.unshareRange) == 0
  else { throw .EOPNOTSUPP }
  if mode & FileAllocation.punchHole != 0 && mode & FileAllocation.keepSize == 0 { throw .EOPNOTSUPP }
  guard file.isWritable else { throw .EBADF }
  if offset.addingReportingOverflow(count).overflow { throw .EFBIG }
  if file.content is Pipe || !file.content.isSeekable && file.content.attributes.type == .fifo { throw .ESPIPE }
  guard file.node.attributes.isRegular || file.node.isDirectory else { throw .ENODEV }
  if mode & FileAllocation.keepSize == 0 { try limits.checkFileSize(UInt64(offset) &+ UInt64(count) &- 1) }
  try file.node.allocate(mode: mode, at: UInt64(offset), count: UInt64(count))
  FileNotifications.note(.modify, file)
  return 0
}

// MARK: durability

func sysFsync(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try descriptors.file(call.first).content.synchronize(dataOnly: false)
  return 0
}

func sysFdatasync(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try descriptors.file(call.first).content.synchronize(dataOnly: true)
  return 0
}

/// `sync` cannot fail; what does not work shows at the next `fsync`.
func sysSync(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try? fileTree.synchronize()
  return 0
}

func sysSyncfs(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try descriptors.file(call.first).node.fileSystem.synchronize()
  return 0
}

/// More than is asked for: all of the file.
func sysSyncFileRange(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  let offset = Int64(bitPattern: call.second)
  let count = Int64(bitPattern: call.third)
  guard offset >= 0, count >= 0, !offset.addingReportingOverflow(count).overflow, call.fourth & 0xffff_ffff & ~7 == 0
  else { throw .EINVAL }
  guard file.content.isSeekable else { throw .ESPIPE }
  try file.content.synchronize(dataOnly: true)
  return 0
}

// MARK: advice

func sysReadahead(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  guard file.isReadable else { throw .EBADF }
  guard file.node.attributes.isRegular else { throw .EINVAL }
  file.node.readAhead(at: try checkedOffset(call.second), count: call.third)
  return 0
}

func sysFadvise64(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  if file.content.attributes.type == .fifo { throw .ESPIPE }
  guard Int64(bitPattern: call.third) >= 0 else { throw .EINVAL }
  switch int(call.fourth) {
  // POSIX_FADV_WILLNEED; a count of 0 is "to the end".
  case 3: file.node.readAhead(at: call.second, count: call.third == 0 ? .max : call.third)
  // POSIX_FADV_DONTNEED.
  case 4: file.node.dropCache(at: call.second, count: call.third == 0 ? .max : call.third)
  case 0...5: break
  default: throw .EINVAL
  }
  return 0
}
