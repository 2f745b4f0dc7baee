// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Storing pages and giving them up.
extension PagedNode {
  @inline(__always)
  func drop(_ index: UInt64, _ page: CachedPage) {
    spoilReads(from: index, to: index)
    _ = pages.set(0, at: index)
    if page.isDirty { dirtyChanged(-1, index) }
    giveUp(page.frame)
  }

  /// Drops all pages behind `size`, from mappings too, and clears what lies behind it in its own page.
  func cutPages(at size: UInt64) {
    addressSpace.discardPages(of: self, from: size)
    clearBehindEnd(size)
    spoilReads(from: size >> 12, to: .max)
    var from = (size &+ 4095) >> 12
    while let found = pages.next(from: from) {
      drop(found.index, CachedPage(bits: found.entry))
      from = found.index &+ 1
    }
  }

  /// Clears the rest of the page in which a file of `size` bytes ends: a mapping may have stored there.
  func clearBehindEnd(_ size: UInt64) {
    let start = Int(size & 4095)
    let entry = CachedPage(bits: pages[size >> 12])
    if start != 0 && entry.isPresent { entry.frame.clear(from: start, count: 4096 &- start) }
  }

  /// Clears a range in the pages that are in memory, and drops whole ones.
  func clearPages(_ offset: UInt64, _ count: UInt64) {
    let end = offset &+ count
    spoilReads(from: offset >> 12, to: end >> 12)
    var from = offset >> 12
    while let found = pages.next(from: from), found.index << 12 < end {
      let pageStart = found.index << 12
      let low = Int(max(offset, pageStart) &- pageStart)
      let high = Int(min(end, pageStart &+ 4096) &- pageStart)
      let page = CachedPage(bits: found.entry)
      if low == 0 && high == 4096 && !PhysicalMemory.isShared(page.frame) {
        drop(found.index, page)
      } else {
        page.frame.clear(from: low, count: high &- low)
      }
      from = found.index &+ 1
    }
  }

  /// Writes changed pages back. A page that somebody may still store to stays marked.
  func storeChangedPages(from first: UInt64 = 0, to last: UInt64 = .max) throws(Errno) {
    var from = first
    while let found = pages.next(from: from), found.index <= last {
      from = found.index &+ 1
      let page = CachedPage(bits: found.entry)
      if page.isDirty { try storeChanged(found.index, page) }
    }
  }

  func storeChanged(_ index: UInt64, _ page: CachedPage) throws(Errno) {
    guard let end = lastPage, index <= end else { return }
    let frame = page.frame
    PhysicalMemory.retain(frame)
    defer { PhysicalMemory.release(frame) }
    try store(index, frame, count: Int(min(attributes.size &- index << 12, 4096)))
    var clean = CachedPage(bits: pages[index])
    guard clean.isPresent else { return }
    // Held by the cache and by this function: nobody maps it any more.
    let isMapped = clean.isMappedForWriting && PhysicalMemory.isHeldByMoreThanTwo(frame)
    if clean.isDirty != isMapped { dirtyChanged(isMapped ? 1 : -1, index) }
    clean.isDirty = isMapped
    clean.isMappedForWriting = isMapped
    _ = pages.set(clean.bits, at: index)
  }

  /// Gives up to `count` pages back that only the cache holds. `mayStore`: changed ones may be written.
  func reclaimPages(_ count: Int, mayStore: Bool) -> Int {
    var freed = 0
    var from: UInt64 = 0
    while freed < count, let found = pages.next(from: from) {
      from = found.index &+ 1
      var page = CachedPage(bits: found.entry)
      if PhysicalMemory.isShared(page.frame) { continue }
      if page.wasUsed {
        page.wasUsed = false
        _ = pages.set(page.bits, at: found.index)
        continue
      }
      if page.isDirty {
        guard mayStore, (try? storeChanged(found.index, page)) != nil else { continue }
        page = CachedPage(bits: pages[found.index])
        guard page.isPresent, !page.isDirty else { continue }
      }
      drop(found.index, page)
      freed &+= 1
    }
    return freed
  }
}
