// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// `struct flock`, as far as it goes in.
private struct LockRequest {
  /// F_RDLCK 0, F_WRLCK 1, F_UNLCK 2.
  let type: Int16
  let first: UInt64
  let last: UInt64

  init(at address: UInt64, _ file: OpenFile) throws(Errno) {
    guard let kind = ProgramMemory.load(UInt32.self, at: address),
      let startWord = ProgramMemory.loadWord(at: address &+ 8),
      let lengthWord = ProgramMemory.loadWord(at: address &+ 16)
    else { throw .EFAULT }
    type = Int16(truncatingIfNeeded: kind)
    guard type >= 0, type <= 2 else { throw .EINVAL }
    let base: UInt64
    switch kind >> 16 {
    case 0: base = 0
    case 1: base = file.position
    case 2: base = file.content.attributes.size
    default: throw .EINVAL
    }
    let (start, overflow) = Int64(truncatingIfNeeded: base).addingReportingOverflow(Int64(bitPattern: startWord))
    if overflow { throw .EOVERFLOW }
    guard start >= 0 else { throw .EINVAL }
    let length = Int64(bitPattern: lengthWord)
    if length == 0 {
      first = UInt64(start)
      last = .max
    } else if length > 0 {
      let (end, overflow) = start.addingReportingOverflow(length - 1)
      if overflow { throw .EOVERFLOW }
      first = UInt64(start)
      last = UInt64(end)
    } else {
      // A negative length is what lies before the start.
      let (begin, overflow) = start.addingReportingOverflow(length)
      guard !overflow, begin >= 0 else { throw .EINVAL }
      first = UInt64(begin)
      last = UInt64(start - 1)
    }
  }

  func lock(owner: UInt64) -> RangeLocks.Lock {
    RangeLocks.Lock(owner: owner, isExclusive: type == 1, first: first, last: last)
  }
}

/// F_GETLK, F_OFD_GETLK: the lock that would be in the way.
func getLock(_ file: OpenFile, _ address: UInt64, owner: UInt64) throws(Errno) -> UInt64 {
  let request = try LockRequest(at: address, file)
  guard request.type != 2 else { throw .EINVAL }
  guard let other = file.node.locks?.records.conflict(with: request.lock(owner: owner)) else {
    try check(ProgramMemory.store(Int16(2), at: address))
    return 0
  }
  // Type, SEEK_SET, start, length, and -1 for the process: an open file's lock has none, and the process's
  // own is only ever in the way of an open file.
  try check(ProgramMemory.store(Int16(other.isExclusive ? 1 : 0), at: address))
  try check(ProgramMemory.store(Int16(0), at: address &+ 2))
  try check(ProgramMemory.storeWord(other.first, at: address &+ 8))
  try check(ProgramMemory.storeWord(other.last == .max ? 0 : other.last &- other.first &+ 1, at: address &+ 16))
  try check(ProgramMemory.store(other.owner == FileLocks.process ? Int32(1) : -1, at: address &+ 24))
  return 0
}

/// F_SETLK, F_SETLKW and their forms for open files.
func setLock(_ file: OpenFile, _ address: UInt64, owner: UInt64, mayWait: Bool) throws(Errno) -> UInt64 {
  let request = try LockRequest(at: address, file)
  if owner != FileLocks.process {
    // F_OFD_* asks for the process field to be 0.
    guard let process = ProgramMemory.load(Int32.self, at: address &+ 24) else { throw .EFAULT }
    guard process == 0 else { throw .EINVAL }
  }
  if request.type == 2 {
    file.node.locks?.releaseRecord(owner: owner, first: request.first, last: request.last)
    return 0
  }
  guard request.type == 0 ? file.isReadable : file.isWritable else { throw .EBADF }
  let locks = try file.node.locksForSetting()
  while try !locks.setRecord(request.lock(owner: owner)) {
    guard mayWait else { throw .EAGAIN }
    try Wait.until(locks.waiters) { locks.records.conflict(with: request.lock(owner: owner)) == nil }
  }
  return 0
}

func sysFlock(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let file = try descriptors.file(call.first)
  let operation = UInt32(truncatingIfNeeded: call.second)
  // LOCK_SH 1, LOCK_EX 2, LOCK_NB 4, LOCK_UN 8.
  switch operation & ~4 {
  case 8:
    file.node.locks?.releaseWhole(owner: file.identity)
    return 0
  case 1, 2:
    let locks = try file.node.locksForSetting()
    let isExclusive = operation & 2 != 0
    let wanted = RangeLocks.Lock(owner: file.identity, isExclusive: isExclusive, first: 0, last: .max)
    while try !locks.setWhole(owner: file.identity, isExclusive: isExclusive) {
      guard operation & 4 == 0 else { throw .EAGAIN }
      try Wait.until(locks.waiters) { locks.whole.conflict(with: wanted) == nil }
    }
    return 0
  default: throw .EINVAL
  }
}
