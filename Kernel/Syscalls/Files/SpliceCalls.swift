// SPDX-License-Identifier: Apache-2.0
import Machine

/// `splice`, `tee` and `vmsplice`: between pipes and other files without the program's memory. Bytes are copied, not
/// pages moved.
private enum SpliceFlag {
  static let nonBlocking: UInt64 = 2
  /// SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT.
  static let known: UInt64 = 0xf
}

/// What is moved at a time.
private let pieceSize = 32_704

func sysSplice(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if call.fifth == 0 { return 0 }
  guard call.sixth & 0xffff_ffff & ~SpliceFlag.known == 0 else { throw .EINVAL }
  let source = try descriptors.file(call.first)
  let target = try descriptors.file(call.third)
  guard source.isReadable, target.isWritable else { throw .EBADF }
  let count = limitedCount(call.fifth)
  let isNonBlocking = call.sixth & SpliceFlag.nonBlocking != 0
  let from = source.content as? Pipe
  let to = target.content as? Pipe
  if from != nil && call.second != 0 || to != nil && call.fourth != 0 { throw .ESPIPE }
  if let from, let to {
    guard from !== to else { throw .EINVAL }
    let mayWait = !isNonBlocking && source.mayWait && target.mayWait
    return UInt64(try move(from, to, count, mayWait: mayWait, consumes: true))
  }
  if let from {
    return try splice(from, to: target, count, offsetAt: call.fourth, mayWait: !isNonBlocking && source.mayWait)
  }
  guard let to else { throw .EINVAL }
  return try splice(source, to: to, count, offsetAt: call.second, mayWait: !isNonBlocking && target.mayWait)
}

/// From one pipe to another; `tee` leaves the bytes where they are.
private func move(_ source: Pipe, _ target: Pipe, _ count: Int, mayWait: Bool, consumes: Bool) throws(Errno) -> Int {
  guard try source.waitForBytes(mayWait: mayWait) else { return 0 }
  try target.waitForRoom(mayWait: mayWait)
  var done = 0
  // Another thread may have read meanwhile; then this was for nothing, as it may be on Linux.
  let total = min(count, source.count, target.room)
  while done < total {
    let length = min(total &- done, pieceSize)
    try reserveKernelMemory(bytes: pieceSize)
    let bytes = source.waiting(consumes ? 0 : done, length)
    let appended = try target.append(bytes.span)
    if consumes { source.consume(appended) }
    done &+= appended
    if appended < length { break }
  }
  return done
}

/// From a pipe to a file or a stream.
private func splice(
  _ source: Pipe, to target: OpenFile, _ count: Int, offsetAt address: UInt64, mayWait: Bool
) throws(Errno) -> UInt64 {
  let node = target.content
  if address != 0 && !node.isSeekable { throw .EINVAL }
  if target.flags.contains(.append) { throw .EINVAL }
  let start = try checkedOffset(storedOffset(at: address) ?? target.position)
  var done = 0
  while done < count {
    do throws(Errno) {
      // What is there is moved; more is not waited for.
      guard done == 0 ? try source.waitForBytes(mayWait: mayWait) : source.count > 0 else { break }
      try reserveKernelMemory(bytes: pieceSize)
      let length = min(count &- done, source.count, pieceSize)
      let bytes = source.waiting(0, length)
      var written = length
      if node.isRegularFile {
        try node.write(at: start &+ UInt64(done), bytes: bytes.span)
      } else {
        written = try node.writeStream(bytes.span, mayWait: target.mayWait)
      }
      source.consume(min(written, source.count))
      done &+= written
      if written < length { break }
    } catch {
      if done == 0 { throw error }
      break
    }
  }
  if node.isSeekable {
    let end = start &+ UInt64(done)
    if address != 0 { try check(ProgramMemory.storeWord(end, at: address)) } else { target.position = end }
  }
  if done > 0 { FileNotifications.note(.modify, target) }
  try target.finishWriting(node)
  return UInt64(done)
}

/// From a file to a pipe: at most what there is room for.
private func splice(
  _ source: OpenFile, to target: Pipe, _ count: Int, offsetAt address: UInt64, mayWait: Bool
) throws(Errno) -> UInt64 {
  let node = source.content
  if address != 0 && !node.isSeekable { throw .EINVAL }
  let start = try checkedOffset(storedOffset(at: address) ?? source.position)
  try target.waitForRoom(mayWait: mayWait)
  try reserveKernelMemory(bytes: pieceSize)
  var buffer = [UInt8](repeating: 0, count: min(count, pieceSize))
  var done = 0
  while done < count && target.room > 0 {
    do throws(Errno) {
      let length = min(count &- done, target.room, pieceSize)
      var space = buffer.mutableSpan
      // Files fill all of it, so that no byte is read that has no place.
      let found = min(try node.read(at: start &+ UInt64(done), into: &space), length)
      if found == 0 { break }
      let appended = try target.append(buffer.span.extracting(0..<found))
      done &+= appended
      if appended < length { break }
    } catch {
      if done == 0 { throw error }
      break
    }
  }
  if node.isSeekable {
    let end = start &+ UInt64(done)
    if address != 0 { try check(ProgramMemory.storeWord(end, at: address)) } else { source.position = end }
  }
  if done > 0 { FileNotifications.note(.access, source) }
  return UInt64(done)
}

func sysTee(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.fourth & 0xffff_ffff & ~SpliceFlag.known == 0 else { throw .EINVAL }
  if call.third == 0 { return 0 }
  let source = try descriptors.file(call.first)
  let target = try descriptors.file(call.second)
  guard source.isReadable, target.isWritable else { throw .EBADF }
  guard let from = source.content as? Pipe, let to = target.content as? Pipe, from !== to else { throw .EINVAL }
  let mayWait = call.fourth & SpliceFlag.nonBlocking == 0 && source.mayWait && target.mayWait
  return UInt64(try move(from, to, limitedCount(call.third), mayWait: mayWait, consumes: false))
}

/// The program's memory is copied: it may be used again at once, which Linux does not promise.
func sysVmsplice(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.fourth & 0xffff_ffff & ~SpliceFlag.known == 0 else { throw .EINVAL }
  let file = try descriptors.file(call.first)
  guard let pipe = file.content as? Pipe else { throw .EBADF }
  let parts = try MemoryParts(at: call.second, count: call.third)
  let mayWait = call.fourth & SpliceFlag.nonBlocking == 0
  var done = 0
  for part in parts.parts {
    do throws(Errno) {
      // A pipe that gave something must not be waited for to give more.
      if !file.isWritable && done > 0 && pipe.count == 0 { break }
      let moved =
        file.isWritable
        ? try pipe.write(at: 0, from: part.address, count: part.count, mayWait: mayWait)
        : try pipe.read(at: 0, to: part.address, count: part.count, mayWait: mayWait)
      done &+= moved
      if moved < part.count { break }
    } catch {
      if done == 0 { throw error }
      break
    }
  }
  return UInt64(done)
}
