// SPDX-License-Identifier: Apache-2.0
import Machine

/// What one call reads or writes at most (MAX_RW_COUNT).
@inline(__always) func limitedCount(_ count: UInt64) -> Int { Int(truncatingIfNeeded: min(count, 0x7fff_f000)) }

/// An offset that the program gave: negative ones make no sense.
@inline(__always)
func checkedOffset(_ argument: UInt64) throws(Errno) -> UInt64 {
  guard argument >> 63 == 0 else { throw .EINVAL }
  return argument
}

// `read` and `write` of `/dev/null` and `/dev/zero` end before any object is touched.

func sysRead(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if descriptors.traits(of: call.first).isDisjoint(with: [.readsNothing, .readsZeros]) { return try readFile(&call) }
  return try readNothing(&call)
}

/// `/dev/null` and `/dev/zero`.
@inline(never)
private func readNothing(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if descriptors.traits(of: call.first).contains(.readsNothing) {
    guard ProgramMemory.isRange(call.second, call.third) else { throw .EFAULT }
    return 0
  }
  let count = UInt64(limitedCount(call.third))
  try check(ProgramMemory.clear(call.second, count: count))
  return count
}

@inline(never)
private func readFile(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  guard file.isReadable else { throw .EBADF }
  guard ProgramMemory.isPlace(call.second, call.third) else { throw .EFAULT }
  return UInt64(try file.read(to: call.second, count: limitedCount(call.third)))
}

func sysWrite(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if !descriptors.traits(of: call.first).contains(.discardsWrites) { return try writeFile(&call) }
  guard ProgramMemory.isRange(call.second, call.third) else { throw .EFAULT }
  return UInt64(limitedCount(call.third))
}

@inline(never)
private func writeFile(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  guard file.isWritable else { throw .EBADF }
  guard ProgramMemory.isPlace(call.second, call.third) else { throw .EFAULT }
  return UInt64(try file.write(from: call.second, count: limitedCount(call.third)))
}

/// A file that is read or written at given offsets.
private func seekableFile(_ descriptor: UInt64) throws(Errno) -> OpenFile {
  let file = try descriptors.file(descriptor)
  guard file.content.isSeekable else { throw .ESPIPE }
  return file
}

func sysPread64(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let offset = try checkedOffset(call.fourth)
  let count = limitedCount(call.third)
  let file = try seekableFile(call.first)
  let node = try file.readable()
  guard ProgramMemory.isRange(call.second, call.third) else { throw .EFAULT }
  guard offset &+ call.third <= Int64.max else { throw .EINVAL }
  let address = call.second
  let done = try lookingAgain { () throws(Errno) in
    try node.read(at: offset, to: address, count: count, mayWait: true)
  }
  if done > 0 { FileNotifications.note(.access, file) }
  return UInt64(done)
}

func sysPwrite64(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let offset = try checkedOffset(call.fourth)
  let count = limitedCount(call.third)
  let file = try seekableFile(call.first)
  guard ProgramMemory.isRange(call.second, call.third) else { throw .EFAULT }
  guard offset &+ call.third <= Int64.max else { throw .EINVAL }
  return UInt64(try file.write(at: offset, from: call.second, count: count))
}

func sysLseek(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  let node = file.content
  // Devices have no position, and those of memory take any.
  if node is CharacterDevice && node.isSeekable { return 0 }
  guard node.isSeekable else { throw .ESPIPE }
  let offset = Int64(bitPattern: call.second)
  let base: Int64
  switch int(call.third) {
  case 0: base = 0
  case 1: base = Int64(truncatingIfNeeded: file.position)
  case 2: base = Int64(truncatingIfNeeded: node.attributes.size)
  case 3, 4:
    guard offset >= 0 else { throw .ENXIO }
    let target: SeekTarget = int(call.third) == 3 ? .data : .hole
    guard let found = try node.seek(target, from: UInt64(offset)) else { throw .ENXIO }
    file.position = found
    return found
  default: throw .EINVAL
  }
  let (sum, overflow) = base.addingReportingOverflow(offset)
  guard !overflow, sum >= 0, sum <= node.maximumSize else { throw .EINVAL }
  file.position = UInt64(sum)
  return UInt64(sum)
}
