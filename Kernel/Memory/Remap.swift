// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// `mremap`: growing, shrinking and moving a mapping with its pages.
extension AddressSpace {
  /// Moves the pages of `start ..< start + length` to `target`, where nothing is mapped. The mapping itself is
  /// the caller's business.
  private mutating func movePages(_ start: UInt64, _ length: UInt64, to target: UInt64) throws(Errno) {
    // First everything that needs memory, so that nothing can fail half way.
    guard PageTables.splitLarge(from: start, to: start + length, all: true),
      PageTables.makeTables(forMoving: start, to: start + length, target: target, reserve: Self.reserve)
    else {
      _ = PageTables.unmap(from: target, to: target + length)
      throw .ENOMEM
    }
    _ = PageTables.forEach(from: start, to: start + length) { address, entry in
      _ = PageTables.update(target &+ (address &- start)) { $0 = entry }
      return .replace(.none)
    }
    PageTables.flushAll()
  }

  /// Changes a mapping's size in place or moves it; `arguments` are mremap's, checked for alignment.
  /// Returns where it now is.
  mutating func remap(
    _ start: UInt64, _ oldLength: UInt64, _ newLength: UInt64, mayMove: Bool, target: UInt64?, keepsOld: Bool
  ) throws(Errno) -> UInt64 {
    guard let index = map.index(containing: start) else { throw .EFAULT }
    // Both what is cut off and what is added may be one more.
    guard map.count + 2 < Self.maximumMappings else { throw .ENOMEM }
    try reserveMappings()
    let entry = map.entries[index]
    if oldLength == 0 {
      // A second view of shared memory.
      guard entry.value.isShared, mayMove else { throw .EINVAL }
      guard let room = target ?? findRoom(newLength) else { throw .ENOMEM }
      try install(room, newLength, entry.value.advanced(by: start - entry.start))
      return room
    }
    let shrinks = newLength <= oldLength
    guard AddressSpace.isUsable(start, oldLength) else { throw shrinks ? .EINVAL : .EFAULT }
    let oldEnd = start + oldLength
    if entry.value.isSpecial && (newLength != oldLength || keepsOld) { throw .EINVAL }
    if shrinks && target == nil && !keepsOld {
      // What is cut off is unmapped, whatever is there: it need not be of the same mapping.
      if newLength < oldLength { try unmap(start + newLength, oldEnd) }
      return start
    }
    guard oldEnd <= entry.end else { throw .EFAULT }
    let value = entry.value.advanced(by: start - entry.start)
    if keepsOld {
      guard newLength == oldLength, value.node == nil, !value.isShared else { throw .EINVAL }
    }
    if target == nil {
      let grownEnd = start &+ newLength
      if oldEnd == entry.end, AddressSpace.isUsable(start, newLength), map.isFree(oldEnd, grownEnd), !keepsOld {
        map.insert(oldEnd, grownEnd, value.advanced(by: oldLength))
        return start
      }
      guard mayMove else { throw .ENOMEM }
    }
    let destination: UInt64
    if let target {
      try unmap(target, target + newLength)
      destination = target
    } else {
      guard let room = findRoom(newLength) else { throw .ENOMEM }
      destination = room
    }
    if newLength < oldLength { try unmap(start + newLength, oldEnd) }
    let moved = min(oldLength, newLength)
    try movePages(start, moved, to: destination)
    map.insert(destination, destination + newLength, value)
    if !keepsOld { map.remove(start, start + moved) }
    return destination
  }
}
