// SPDX-License-Identifier: Apache-2.0
import Machine

/// Moves bytes from one file to another by way of a kernel buffer, from and to offsets.
///
/// Returns how much; an error only if nothing was moved.
private func transfer(
  from source: Node, at sourceOffset: UInt64, to target: OpenFile, at targetOffset: UInt64?, _ count: Int
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
      part = try source.read(at: sourceOffset &+ UInt64(done), into: &space)
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
  try target.finishWriting(node)
  return done
}

func sysSendfile(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let source = try descriptors.file(call.second)
  let target = try descriptors.file(call.first)
  guard source.isReadable, target.isWritable else { throw .EBADF }
  guard source.content.attributes.isRegular else { throw .EINVAL }
  if target.flags.contains(.append) { throw .EINVAL }
  var offset = source.position
  if call.third != 0 {
    guard let given = ProgramMemory.loadWord(at: call.third) else { throw .EFAULT }
    offset = try checkedOffset(given)
  }
  let done = try transfer(
    from: source.content, at: offset, to: target, at: nil, limitedCount(call.fourth))
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
  guard call.sixth & 0xffff_ffff == 0 else { throw .EINVAL }
  guard source.isReadable, target.isWritable, !target.flags.contains(.append) else { throw .EBADF }
  if source.node.isDirectory || target.node.isDirectory { throw .EISDIR }
  guard source.content.attributes.isRegular, target.content.attributes.isRegular else { throw .EINVAL }
  var from = source.position
  var to = target.position
  if call.second != 0 {
    guard let given = ProgramMemory.loadWord(at: call.second) else { throw .EFAULT }
    from = try checkedOffset(given)
  }
  if call.fourth != 0 {
    guard let given = ProgramMemory.loadWord(at: call.fourth) else { throw .EFAULT }
    to = try checkedOffset(given)
  }
  let count = limitedCount(call.fifth)
  if source.content === target.content {
    let distance = from > to ? from &- to : to &- from
    guard distance >= UInt64(count) else { throw .EINVAL }
  }
  let done = UInt64(try transfer(from: source.content, at: from, to: target, at: to, count))
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

/// Pages are not moved between pipes and files; programs fall back to copying.
func sysSplice(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  _ = try descriptors.file(call.first)
  _ = try descriptors.file(call.third)
  throw .EINVAL
}
