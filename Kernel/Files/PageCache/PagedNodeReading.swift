// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Reading pages from the disk.
extension PagedNode {
  /// Reads a page and up to `ahead` pages after it, without letting anybody else into the kernel meanwhile.
  @inline(never)
  func load(_ index: UInt64, ahead: Int) throws(Errno) -> CachedPage {
    // Once more if what was being read had become stale.
    for _ in 0..<2 {
      let read = try reading(index, ahead: ahead)
      wait(for: read)
      let entry = CachedPage(bits: pages[index])
      if entry.isPresent { return entry }
      guard read.hasSucceeded else { throw .EIO }
    }
    throw outOfMemory
  }

  /// The same, while others run. ELOOKAGAIN: the page is there now, but whatever the caller knew may have changed.
  @inline(never)
  func bring(_ index: UInt64, ahead: Int) -> Errno {
    do throws(Errno) {
      try reading(index, ahead: ahead).wait()
      _ = try entry(index, ahead: 0)
      return .ELOOKAGAIN
    } catch {
      // The file may have become shorter.
      return error == .EFAULT ? .ELOOKAGAIN : error
    }
  }

  /// What brings the page `index`: the transfer that is under way, or a new one with up to `ahead` pages after it.
  func reading(_ index: UInt64, ahead: Int) throws(Errno) -> PageRead {
    for read in reads where !read.isStale && read.covers(index) { return read }
    guard let last = lastPage, index <= last else { throw .EFAULT }
    var frames: [Frame] = []
    var next = index
    while frames.count <= ahead && next <= last && pages[next] == 0 {
      // Reading ahead is not worth another page's place.
      if next != index && (PhysicalMemory.available < 256 || isBeingRead(next)) { break }
      guard (try? chargePage()) != nil else { break }
      guard let frame = PageCache.allocate() else {
        unchargePage()
        break
      }
      frames.append(frame)
      next &+= 1
    }
    guard !frames.isEmpty else { throw outOfMemory }
    let read = PageRead(self, index, frames)
    reads.append(read)
    do throws(Errno) {
      try fill(read)
    } catch {
      read.fail()
      read.isComplete()
      throw error
    }
    read.isComplete()
    return read
  }

  private func isBeingRead(_ index: UInt64) -> Bool {
    for read in reads where !read.isStale && read.covers(index) { return true }
    return false
  }

  /// Takes the pages of `read` into the index, unless they failed or the file has changed there.
  func readEnded(_ read: PageRead) {
    reads.removeAll { $0 === read }
    let isUseful = read.hasSucceeded && !read.isStale
    if isUseful { wasFilled(read) }
    for (position, frame) in read.frames.enumerated() {
      let index = read.first &+ UInt64(position)
      let isWanted = isUseful && lastPage.map { index <= $0 } ?? false && pages[index] == 0
      if !isWanted || !pages.set(CachedPage(frame).bits, at: index) { giveUp(frame) }
    }
  }

  /// The content of the pages `first...last` has changed: what is being read there is not it.
  @inline(__always)
  func spoilReads(from first: UInt64, to last: UInt64) {
    if !reads.isEmpty { spoil(first, last) }
  }

  @inline(never)
  private func spoil(_ first: UInt64, _ last: UInt64) {
    for read in reads where read.first <= last && read.first &+ UInt64(read.frames.count) > first {
      read.isStale = true
    }
  }
}
