// SPDX-License-Identifier: Apache-2.0
import Machine

/// Moves bytes from one file to another by way of a kernel buffer, from and to offsets.
///
/// Returns how much; an error only if nothing was moved.
private func transfer(
  from source: OpenFile, at sourceOffset: UInt64, to target: OpenFile, at targetOffset: UInt64?, _ count: Int
) throws(Errno) -> Int {
  let node = target.content
  try reserveKernelMemory(bytes: 32768)
  var buffer = [UInt8](repeating: 0, count: min(count, 32768))
  var done = 0
  while done < count {
    var failure: Errno?
    var part = 0
    do throws(Errno) {
      var space = buffer.mutableSpan
      part = try source.content.read(at: sourceOffset &+ UInt64(done), into: &space)
      part = min(part, count &- done)
      guard part > 0 else { break }
      let bytes = buffer.span.extracting(0..<part)
      if node.isSeekable {
        try node.write(at: (targetOffset ?? target.position) &+ UInt64(done), bytes: bytes)
      } else {
        part = try node.writeStream(bytes, mayWait: target.mayWait)
      }
    } catch { failure = error }
    if let failure {
      if done == 0 { throw failure }
      break
    }
    done &+= part
  }
  if done > 0 {
    FileNotifications.note(.access, source)
    FileNotifications.note(.modify, target)
  }
  try target.finishWriting(node)
  return done
}

/// An offset that the program keeps in its memory; nil without an address.
func storedOffset(at address: UInt64) throws(Errno) -> UInt64? {
  if address == 0 { return nil }
  guard let offset = ProgramMemory.loadWord(at: address) else { throw .EFAULT }
  return offset
}

func sysSendfile(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let source = try descriptors.file(call.second)
  let target = try descriptors.file(call.first)
  guard source.isReadable, target.isWritable else { throw .EBADF }
  guard source.content.attributes.isRegular else { throw .EINVAL }
  if target.flags.contains(.append) { throw .EINVAL }
  let offset = try checkedOffset(storedOffset(at: call.third) ?? source.position)
  let done = try transfer(
    from: source, at: offset, to: target, at: nil, limitedCount(call.fourth))
  if target.content.isSeekable { target.position &+= UInt64(done) }
  if call.third != 0 {
    try check(ProgramMemory.storeWord(offset &+ UInt64(done), at: call.third))
  } else {
    source.position &+= UInt64(done)
  }
  return UInt64(done)
}

func sysCopyFileRange(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let source = try descriptors.file(call.first)
  let target = try descriptors.file(call.third)
  let from = try storedOffset(at: call.second) ?? source.position
  let to = try storedOffset(at: call.fourth) ?? target.position
  guard call.sixth & 0xffff_ffff == 0 else { throw .EINVAL }
  if source.node.isDirectory || target.node.isDirectory { throw .EISDIR }
  guard source.content.attributes.isRegular, target.content.attributes.isRegular else { throw .EINVAL }
  guard source.isReadable, target.isWritable, !target.flags.contains(.append) else { throw .EBADF }
  let wanted = call.fifth
  if from.addingReportingOverflow(wanted).overflow || to.addingReportingOverflow(wanted).overflow { throw .EOVERFLOW }
  _ = try checkedOffset(from | to)
  guard to < target.content.maximumSize else { throw .EFBIG }
  // Only what the file has counts for the rest.
  let size = source.content.attributes.size
  let count = min(wanted, size > from ? size &- from : 0)
  if source.content === target.content {
    let distance = from > to ? from &- to : to &- from
    guard distance >= count else { throw .EINVAL }
  }
  let done = UInt64(try transfer(from: source, at: from, to: target, at: to, limitedCount(count)))
  if call.second != 0 {
    try check(ProgramMemory.storeWord(from &+ done, at: call.second))
  } else {
    source.position &+= done
  }
  if call.fourth != 0 {
    try check(ProgramMemory.storeWord(to &+ done, at: call.fourth))
  } else {
    target.position &+= done
  }
  return done
}
