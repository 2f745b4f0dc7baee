// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Flags of `mmap` (include/uapi/asm-generic/mman-common.h, mman.h).
private enum MapFlag {
  static let shared: UInt64 = 0x1
  static let privateMapping: UInt64 = 0x2
  static let sharedValidate: UInt64 = 0x3
  static let typeMask: UInt64 = 0xf
  static let fixed: UInt64 = 0x10
  static let anonymous: UInt64 = 0x20
  static let below2GiB: UInt64 = 0x40
  static let growsDown: UInt64 = 0x100
  static let locked: UInt64 = 0x2000
  static let noReserve: UInt64 = 0x4000
  static let populate: UInt64 = 0x8000
  static let stack: UInt64 = 0x2_0000
  static let hugeTLB: UInt64 = 0x4_0000
  static let fixedNoReplace: UInt64 = 0x10_0000
}

func sysMmap(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = call.fourth
  let offset = call.sixth
  guard call.second != 0, offset & (pageSize - 1) == 0 else { throw .EINVAL }
  guard let length = pagesUp(call.second), length < 1 << 47 else { throw .ENOMEM }
  guard let protection = Protection(argument: call.third) else { throw .EINVAL }
  // No huge page pool, and a stack that grows by itself would have no guard.
  guard flags & MapFlag.hugeTLB == 0 else { throw .ENOMEM }
  guard flags & MapFlag.growsDown == 0 else { throw .EOPNOTSUPP }

  var mapping = Mapping(protection: protection)
  switch flags & MapFlag.typeMask {
  case MapFlag.privateMapping: break
  case MapFlag.shared, MapFlag.sharedValidate: mapping.isShared = true
  default: throw .EINVAL
  }
  mapping.usesSmallPages = flags & MapFlag.stack != 0
  guard addressSpace.permits(protection, wasWritable: false) else { throw .ENOMEM }
  if flags & MapFlag.anonymous == 0 {
    let file = try descriptors.file(int(call.fifth))
    guard file.isReadable else { throw .EACCES }
    guard file.content.isMappable else { throw .ENODEV }
    if mapping.isShared && protection.isWritable && !file.isWritable { throw .EACCES }
    guard !offset.addingReportingOverflow(length).overflow else { throw .EOVERFLOW }
    mapping.node = try file.content.nodeForMapping()
    if let node = mapping.node {
      mapping.location = file.location
      mapping.offset = offset
      mapping.mayWrite = !mapping.isShared || file.isWritable
      try node.checkMapping(&mapping)
      try addressSpace.checkAliases(mapping)
    }
  } else if protection.isWritable, !mapping.isShared, flags & MapFlag.noReserve == 0,
    length / pageSize > UInt64(PhysicalMemory.total)
  {
    // More than the machine has could never all be used (Linux's heuristic overcommit).
    throw .ENOMEM
  }
  try addressSpace.checkLimit(length)
  if mapping.isShared && mapping.node == nil { try shareAnonymously(&mapping, length) }

  let start: UInt64
  if flags & (MapFlag.fixed | MapFlag.fixedNoReplace) != 0 {
    start = call.first
    guard start & (pageSize - 1) == 0 else { throw .EINVAL }
    guard start >= AddressSpace.lowest else { throw .EPERM }
    guard AddressSpace.isUsable(start, length) else { throw .ENOMEM }
    if flags & MapFlag.fixedNoReplace != 0, !addressSpace.map.isFree(start, start + length) { throw .EEXIST }
  } else {
    let wish = pageStart(call.first)
    if wish != 0, AddressSpace.isUsable(wish, length), addressSpace.map.isFree(wish, wish + length) {
      start = wish
    } else {
      let limit: UInt64? = flags & MapFlag.below2GiB != 0 ? 0x8000_0000 : nil
      guard
        let room = addressSpace.findRoom(
          length, below: limit, mayBeLarge: mapping.node == nil && !mapping.usesSmallPages)
      else {
        throw .ENOMEM
      }
      start = room
    }
  }
  mapping.isLocked = addressSpace.locksFuture || flags & MapFlag.locked != 0
  try addressSpace.install(start, length, mapping)
  // What cannot be had now is had, or missed, at the first touch (mmap(2)).
  if flags & MapFlag.populate != 0 || mapping.isLocked { _ = addressSpace.populate(start, start + length) }
  return start
}

/// Makes anonymous memory a file without a name, as Linux does: so it can be seen at several addresses, and
/// outlives what `madvise` drops.
private func shareAnonymously(_ mapping: inout Mapping, _ length: UInt64) throws(Errno) {
  let node = try UnnamedFiles.make()
  node.attributes.size = length
  mapping.node = node
  mapping.location = Location(unnamed: bytes(of: "/dev/zero (deleted)"), node)
}

extension AddressSpace {
  /// Whether RLIMIT_AS allows so many more bytes.
  func checkLimit(_ length: UInt64) throws(Errno) {
    if limits.addressSpace != Limits.infinity, mappedBytes &+ length > limits.addressSpace { throw .ENOMEM }
  }
}

/// The range of an address and a length that must be page aligned and may be rounded up.
private func range(_ address: UInt64, _ length: UInt64, _ wrong: Errno) throws(Errno) -> (start: UInt64, end: UInt64) {
  guard address & (pageSize - 1) == 0 else { throw .EINVAL }
  guard let length = pagesUp(length) else { throw wrong }
  let (end, overflow) = address.addingReportingOverflow(length)
  guard !overflow, end <= 0x8000_0000_0000 else { throw wrong }
  return (address, end)
}

/// Whether the range touches what is not the program's.
private func touchesKernel(_ start: UInt64, _ end: UInt64) -> Bool {
  start < AddressSpace.kernelWindow.upperBound && end > AddressSpace.kernelWindow.lowerBound
}

func sysMunmap(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (start, end) = try range(call.first, call.second, .EINVAL)
  guard start < end, !touchesKernel(start, end) else { throw .EINVAL }
  try addressSpace.unmap(start, end)
  SharedSegment.sweep()
  return 0
}

func sysMprotect(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (start, end) = try range(call.first, call.second, .ENOMEM)
  guard let protection = Protection(argument: call.third) else { throw .EINVAL }
  if start == end { return 0 }
  guard !touchesKernel(start, end), addressSpace.map.isCovered(start, end) else { throw .ENOMEM }
  guard addressSpace.permits(protection, wasWritable: false) else { throw .ENOMEM }
  try addressSpace.protect(start, end, protection)
  return 0
}

func sysBrk(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let wanted = call.first
  let base = addressSpace.layout.heap
  let current = addressSpace.heapEnd
  guard wanted >= base, wanted < base + (8 << 40), let newEnd = pagesUp(wanted), let oldEnd = pagesUp(current) else {
    return current
  }
  // brk reports failure by returning the old end.
  if newEnd > oldEnd {
    guard (newEnd - oldEnd) / pageSize <= UInt64(PhysicalMemory.total), addressSpace.map.isFree(oldEnd, newEnd),
      newEnd - base <= limits.data, (try? addressSpace.checkLimit(newEnd - oldEnd)) != nil
    else { return current }
    var mapping = Mapping(protection: [.read, .write])
    mapping.name = .heap
    mapping.isLocked = addressSpace.locksFuture
    guard (try? addressSpace.install(oldEnd, newEnd - oldEnd, mapping)) != nil else { return current }
  } else if newEnd < oldEnd {
    guard (try? addressSpace.unmap(newEnd, oldEnd)) != nil else { return current }
  }
  addressSpace.heapEnd = wanted
  return wanted
}

func sysMremap(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let mayMove = call.fourth & 1 != 0
  let isFixed = call.fourth & 2 != 0
  let keepsOld = call.fourth & 4 != 0
  guard call.fourth & ~7 == 0, call.first & (pageSize - 1) == 0, mayMove || !(isFixed || keepsOld),
    let oldLength = pagesUp(call.second), let newLength = pagesUp(call.third), newLength > 0
  else { throw .EINVAL }
  guard newLength < 1 << 47 else { throw .EINVAL }
  var target: UInt64?
  if isFixed {
    let place = call.fifth
    guard place & (pageSize - 1) == 0, AddressSpace.isUsable(place, newLength) else { throw .EINVAL }
    let (oldEnd, overflow) = call.first.addingReportingOverflow(oldLength)
    guard !overflow, place >= oldEnd || place &+ newLength <= call.first else { throw .EINVAL }
    target = place
  }
  if newLength > oldLength {
    guard (newLength - oldLength) / pageSize <= UInt64(PhysicalMemory.total) else { throw .ENOMEM }
    try addressSpace.checkLimit(newLength - oldLength)
  }
  return try addressSpace.remap(
    call.first, oldLength, newLength, mayMove: mayMove, target: target, keepsOld: keepsOld)
}
