// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Checks a range given to `mincore` or `msync`: page aligned, entirely the program's to name.
private func range(_ start: UInt64, _ length: UInt64) throws(Errno) -> (start: UInt64, end: UInt64) {
  guard start & (pageSize - 1) == 0 else { throw .EINVAL }
  guard let length = pagesUp(length) else { throw .ENOMEM }
  let (end, overflow) = start.addingReportingOverflow(length)
  guard !overflow, end <= 0x8000_0000_0000,
    end <= AddressSpace.kernelWindow.lowerBound || start >= AddressSpace.kernelWindow.upperBound
  else { throw .ENOMEM }
  return (start, end)
}

func sysMadvise(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let advice = int(call.third)
  let start = call.first
  guard start & (pageSize - 1) == 0, let length = pagesUp(call.second),
    case (let end, false) = start.addingReportingOverflow(length)
  else { throw .EINVAL }
  switch advice {
  case 4, 8:  // MADV_DONTNEED, MADV_FREE: what is dropped now is zero at the next touch, as both allow
    if start == end { return 0 }
    guard addressSpace.map.isCovered(start, end) else { throw .ENOMEM }
    var index = addressSpace.map.index(endingAfter: start)
    while index < addressSpace.map.count && addressSpace.map.entries[index].start < end {
      let mapping = addressSpace.map.entries[index].value
      if mapping.isLocked || mapping.isSpecial { throw .EINVAL }
      if advice == 8 && mapping.node != nil { throw .EINVAL }  // Linux: only private anonymous memory
      index += 1
    }
    try addressSpace.discardPages(start, end)
    return 0
  case 22, 23:  // MADV_POPULATE_READ, MADV_POPULATE_WRITE
    guard addressSpace.map.isCovered(start, end) else { throw .ENOMEM }
    guard addressSpace.allows(start, end, writing: advice == 23) else { throw .EINVAL }
    switch addressSpace.populate(start, end, writing: advice == 23) {
    case nil: return 0
    case .outOfMemory: throw .ENOMEM
    default: throw .EFAULT
    }
  case 0, 1, 2, 3, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21:
    // Hints that this kernel needs not follow: access patterns, fork, huge pages, core dumps, reclaim.
    guard start == end || addressSpace.map.isCovered(start, end) else { throw .ENOMEM }
    return 0
  default:
    throw .EINVAL
  }
}

func sysMincore(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (start, end) = try range(call.first, call.second)
  guard start == end || addressSpace.map.isCovered(start, end) else { throw .ENOMEM }
  var address = start
  var target = call.third
  while address < end {
    // In pieces, so that a huge range needs no huge buffer.
    var bytes: [UInt8] = []
    while address < end && bytes.count < 4096 {
      bytes.append(addressSpace.isResident(address) ? 1 : 0)
      address += pageSize
    }
    try check(ProgramMemory.write(bytes.span, to: target))
    target = target &+ UInt64(bytes.count)
  }
  return 0
}

extension AddressSpace {
  /// Whether all of the range may be read, or written.
  fileprivate func allows(_ start: UInt64, _ end: UInt64, writing: Bool) -> Bool {
    var index = map.index(endingAfter: start)
    while index < map.count && map.entries[index].start < end {
      let protection = map.entries[index].value.protection
      if writing ? !protection.isWritable : protection.isEmpty { return false }
      index += 1
    }
    return true
  }

  fileprivate mutating func isResident(_ address: UInt64) -> Bool {
    if PageTables.entry(at: address).isPresent { return true }
    guard let index = map.index(containing: address), let node = map.entries[index].value.node else { return false }
    let offset = map.entries[index].value.offset &+ (address &- map.entries[index].start)
    return node.residentPage(at: offset / pageSize) != nil
  }
}

func sysMsync(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = call.third
  // MS_ASYNC 1, MS_INVALIDATE 2, MS_SYNC 4
  guard flags & ~7 == 0, flags & 5 != 5 else { throw .EINVAL }
  let (start, end) = try range(call.first, call.second)
  guard start == end || addressSpace.map.isCovered(start, end) else { throw .ENOMEM }
  guard flags & 4 != 0 else { return 0 }
  var index = addressSpace.map.index(endingAfter: start)
  while index < addressSpace.map.count && addressSpace.map.entries[index].start < end {
    let mapping = addressSpace.map.entries[index].value
    if mapping.isShared, let node = mapping.node { try node.synchronize() }
    index += 1
  }
  return 0
}

func sysMlock(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try setLocked(call.first, call.second, true) }

func sysMlock2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.third & ~1 == 0 else { throw .EINVAL }
  return try sysMlock(&call)
}

func sysMunlock(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try setLocked(call.first, call.second, false) }

/// Nothing is ever swapped out, so locking means: present now, and not dropped by `madvise`.
private func setLocked(_ address: UInt64, _ count: UInt64, _ isLocked: Bool) throws(Errno) -> UInt64 {
  let start = pageStart(address)
  // As in Linux, a length just below 2^64 is none at all.
  let length = pageStart(count &+ (address &- start) &+ (pageSize &- 1))
  if length == 0 { return 0 }
  let (end, overflow) = start.addingReportingOverflow(length)
  guard !overflow else { throw .EINVAL }
  guard addressSpace.map.isCovered(start, end) else { throw .ENOMEM }
  if isLocked, length / pageSize > UInt64(PhysicalMemory.total) { throw .ENOMEM }
  try addressSpace.reserveMappings()
  addressSpace.map.modify(start, end) { $0.isLocked = isLocked }
  if isLocked, addressSpace.populate(start, end) != nil { throw .ENOMEM }
  return 0
}

func sysMlockall(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  // MCL_CURRENT 1, MCL_FUTURE 2, MCL_ONFAULT 4
  guard call.first != 0, call.first & ~7 == 0, call.first != 4 else { throw .EINVAL }
  if call.first & 1 != 0 {
    guard addressSpace.mappedBytes / pageSize <= UInt64(PhysicalMemory.total) else { throw .ENOMEM }
    addressSpace.map.modify(0, AddressSpace.highest) { $0.isLocked = true }
    if call.first & 4 == 0 {
      for entry in addressSpace.map.entries { _ = addressSpace.populate(entry.start, entry.end) }
    }
  }
  addressSpace.locksFuture = call.first & 2 != 0
  return 0
}

func sysMunlockall(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  addressSpace.map.modify(0, AddressSpace.highest) { $0.isLocked = false }
  addressSpace.locksFuture = false
  return 0
}
