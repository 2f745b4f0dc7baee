// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Why the last page fault could not be resolved, for the signal that the program gets.
struct PageFaultFailure {
  enum Cause: UInt8 {
    /// Nothing is mapped there (SEGV_MAPERR).
    case notMapped
    /// The mapping does not allow it (SEGV_ACCERR).
    case notAllowed
    /// Below a stack (SEGV_ACCERR).
    case stackGuard
    /// Beyond the end of the mapped file (SIGBUS, BUS_ADRERR).
    case beyondEnd
    /// Reading the file failed (SIGBUS, BUS_ADRERR).
    case inputOutput
    /// No memory is left (SIGKILL on Linux, by its out-of-memory killer).
    case outOfMemory
    /// No failure yet: `AddressSpace.awaited` says what is to be read from a disk first.
    case notInMemory
  }
  var address: UInt64 = 0
  var cause = Cause.notMapped
  /// The processor's error code: bit 1 a store, bit 4 an instruction fetch.
  var errorCode: UInt64 = 0
}

/// The last failure; valid right after `kernel_page_fault` returned false.
var lastPageFault = PageFaultFailure()

/// A page fault outside of the kernel's window, from the program or from the kernel working for it. Only the program
/// can wait for the disk while others run: the kernel is in the middle of something.
@_silgen_name("kernel_page_fault")
public func kernelPageFault(_ address: UInt64, _ errorCode: UInt64, _ fromProgram: Bool) -> Bool {
  var cause = addressSpace.fault(address, errorCode, mayAwait: fromProgram)
  if cause == .notInMemory {
    awaitPage()
    cause = addressSpace.fault(address, errorCode)
  }
  guard let cause else { return true }
  lastPageFault = PageFaultFailure(address: address, cause: cause, errorCode: errorCode)
  return false
}

/// Waits for the page that the program lacks. In a function of its own, because the address space may change meanwhile.
@inline(never)
private func awaitPage() {
  guard let page = addressSpace.awaited else { return }
  addressSpace.awaited = nil
  page.node.bring(page.index)
}

extension AddressSpace {
  private static let isWrite: UInt64 = 1 << 1
  private static let isFetch: UInt64 = 1 << 4

  /// Makes the page at `address` accessible if the mapping allows the access. Returns why not.
  mutating func fault(
    _ address: UInt64, _ errorCode: UInt64, mayAwait: Bool = false
  ) -> PageFaultFailure.Cause? {
    guard let index = map.index(containing: address) else { return .notMapped }
    let protection = map.entries[index].value.protection
    let isWrite = errorCode & Self.isWrite != 0
    if isWrite {
      guard protection.isWritable else {
        return map.entries[index].value.name == .guardPages ? .stackGuard : .notAllowed
      }
    } else if errorCode & Self.isFetch != 0 {
      guard protection.isExecutable else { return .notAllowed }
    } else if protection.isEmpty {
      return map.entries[index].value.name == .guardPages ? .stackGuard : .notAllowed
    }
    let page = pageStart(address)
    if map.entries[index].value.node == nil {
      return faultAnonymous(page, index, isWrite: isWrite, protection)
    }
    return faultFile(page, index, isWrite: isWrite, protection, mayAwait)
  }

  // MARK: anonymous memory

  private mutating func faultAnonymous(
    _ page: UInt64, _ index: Int, isWrite: Bool, _ protection: Protection
  ) -> PageFaultFailure.Cause? {
    let entry = PageTables.entry(at: page)
    if entry.isPresent { return isWrite ? copyOnWrite(page, entry, protection) : nil }
    if !isWrite {
      // The page itself costs nothing, but its page table may.
      guard hasMemory() else { return .outOfMemory }
      let zero = zeroFrame
      let done = PageTables.update(page) {
        $0 = PageEntry(zero, writable: false, executable: protection.isExecutable)
      }
      guard done else { return .outOfMemory }
      PhysicalMemory.retain(zero)
      residentPages &+= 1
      return nil
    }
    if page == nextSequentialPage {
      let run = min(sequentialRun &* 2, 512)
      if run >= 4, PhysicalMemory.available > 4096 {
        return faultRun(page, index, run, protection)
      }
      sequentialRun = run
    } else {
      sequentialRun = 1
      if let done = faultLarge(page, index, protection) { return done ? nil : .outOfMemory }
    }
    guard let frame = allocate() else { return .outOfMemory }
    guard
      PageTables.update(
        page,
        {
          $0 = PageEntry(frame, writable: true, executable: protection.isExecutable)
        })
    else {
      PhysicalMemory.release(frame)
      return .outOfMemory
    }
    residentPages &+= 1
    nextSequentialPage = page &+ pageSize
    return nil
  }

  /// Several pages at once, for a program that walks through fresh memory.
  private mutating func faultRun(
    _ start: UInt64, _ index: Int, _ run: UInt64, _ protection: Protection
  ) -> PageFaultFailure.Cause? {
    let largeSize = PageTables.largePageSize
    if start & (largeSize &- 1) == 0, let done = faultLarge(start, index, protection) {
      return done ? nil : .outOfMemory
    }
    // To the end of the mapping and of the page table, whichever comes first.
    let end = min(
      map.entries[index].end, min(start &+ run &* pageSize, (start | (largeSize &- 1)) &+ 1))
    let mapped = PageTables.populate(
      from: start, to: end, executable: protection.isExecutable)
    guard mapped > 0 else { return .outOfMemory }
    residentPages &+= mapped
    nextSequentialPage = start &+ UInt64(mapped) &* pageSize
    sequentialRun = run
    return nil
  }

  /// A 2 MiB page, if the mapping covers all of the 2 MiB around `page`, nothing is there yet and memory is
  /// plentiful. Nil: not here.
  private mutating func faultLarge(_ page: UInt64, _ index: Int, _ protection: Protection) -> Bool? {
    let size = PageTables.largePageSize
    let start = page & ~(size &- 1)
    guard map.entries[index].start <= start, start &+ size <= map.entries[index].end,
      !protection.isExecutable, !map.entries[index].value.usesSmallPages,
      // A program that touches little of what it maps must not drown in zeros.
      PhysicalMemory.available > PhysicalMemory.total / 2,
      PageTables.isVacantLarge(start), let frame = PhysicalMemory.allocateLarge()
    else { return nil }
    guard PageTables.setLarge(start, frame, writable: true) else {
      PhysicalMemory.releaseLarge(frame)
      return false
    }
    residentPages &+= 512
    nextSequentialPage = start &+ size
    return true
  }

  /// A store to a page that is present but read-only.
  private mutating func copyOnWrite(
    _ page: UInt64, _ entry: PageEntry, _ protection: Protection
  ) -> PageFaultFailure.Cause? {
    if entry.isWritable { return nil }
    // Only memory that nobody else sees is here large: let it be written.
    if entry.isLarge {
      return PageTables.makeLargeWritable(page) ? nil : .outOfMemory
    }
    Processors.holdOthers()
    let old = entry.frame
    var frame = old
    if old == zeroFrame {
      guard let fresh = allocate() else { return .outOfMemory }
      frame = fresh
      PhysicalMemory.release(old)
    } else if PhysicalMemory.isShared(old) {
      guard let fresh = allocateForCopy() else { return .outOfMemory }
      fresh.copy(from: old)
      frame = fresh
      PhysicalMemory.release(old)
    }
    _ = PageTables.update(page) {
      $0 = PageEntry(frame, writable: true, executable: protection.isExecutable)
    }
    PageTables.flush(page)
    return nil
  }

  // MARK: files

  private mutating func faultFile(
    _ page: UInt64, _ index: Int, isWrite: Bool, _ protection: Protection, _ mayAwait: Bool
  ) -> PageFaultFailure.Cause? {
    let entry = PageTables.entry(at: page)
    let isShared = map.entries[index].value.isShared
    if entry.isPresent && isWrite && !isShared { return copyOnWrite(page, entry, protection) }
    if entry.isPresent && (!isWrite || entry.isWritable) { return nil }
    guard let node = map.entries[index].value.node else { return .notMapped }
    let start = map.entries[index].start
    let fileIndex = (map.entries[index].value.offset &+ (page &- start)) / pageSize
    if mayAwait && node.mustBeRead(fileIndex) {
      awaited = (node, fileIndex)
      return .notInMemory
    }
    var frame: Frame
    do throws(Errno) {
      frame = try node.page(at: fileIndex, forWriting: isWrite && isShared)
    } catch {
      if error == .EFAULT { return .beyondEnd }
      // Reading takes memory in many places, not all of which can say that it was that.
      return error == .ENOMEM || !hasMemory() ? .outOfMemory : .inputOutput
    }
    PhysicalMemory.retain(frame)
    if isWrite && !isShared {
      guard let fresh = allocateForCopy() else {
        PhysicalMemory.release(frame)
        return .outOfMemory
      }
      fresh.copy(from: frame)
      PhysicalMemory.release(frame)
      frame = fresh
    }
    var previous: Frame?
    if entry.isPresent { Processors.holdOthers() }
    let done = PageTables.update(page) {
      if $0.isPresent { previous = $0.frame }
      $0 = PageEntry(frame, writable: isWrite, executable: protection.isExecutable)
    }
    guard done else {
      PhysicalMemory.release(frame)
      return .outOfMemory
    }
    if let previous {
      PhysicalMemory.release(previous)
      PageTables.flush(page)
    } else {
      residentPages &+= 1
    }
    if !isWrite { mapAround(page, index, node, protection) }
    return nil
  }

  /// Maps the pages around `page` that the cache has anyway: programs touch code in clusters, and a fault
  /// costs more than the entries.
  private mutating func mapAround(_ page: UInt64, _ index: Int, _ node: Node, _ protection: Protection) {
    let window: UInt64 = 16 * pageSize
    let entryStart = map.entries[index].start
    let first = max(page & ~(window &- 1), entryStart)
    let last = min((page | (window &- 1)) &+ 1, map.entries[index].end)
    let offset = map.entries[index].value.offset
    var address = first
    while address < last {
      if address != page, let frame = node.residentPage(at: (offset &+ (address &- entryStart)) / pageSize) {
        var isNew = false
        _ = PageTables.update(address) {
          guard !$0.isPresent, !$0.isHidden else { return }
          $0 = PageEntry(frame, writable: false, executable: protection.isExecutable)
          isNew = true
        }
        if isNew {
          PhysicalMemory.retain(frame)
          residentPages &+= 1
        }
      }
      address &+= pageSize
    }
  }

  // MARK: memory

  /// What is left for the kernel itself: the program gets no page of the last frames, so that it is the
  /// program that runs out of memory first.
  static var reserve: Int { min(PhysicalMemory.total / 64, 512) }

  /// Whether the program may have a page; when memory is short, the page cache gives some back.
  @inline(__always)
  private func hasMemory() -> Bool {
    PhysicalMemory.available > 512 || PhysicalMemory.available > Self.reserve || PageCache.reclaim(64) > 0
  }

  /// A frame of zeros for the program.
  @inline(__always)
  private func allocate() -> Frame? { hasMemory() ? PhysicalMemory.allocateZeroed() : nil }

  /// A frame for the program that is overwritten entirely.
  private func allocateForCopy() -> Frame? { hasMemory() ? PhysicalMemory.allocateUninitialized() : nil }

  /// Touches every page of `start ..< end` as the program would: `MAP_POPULATE`, `mlock`, `madvise`. Memory
  /// that may not be accessed at all is passed over. `writing` touches shared files, too, as a store would.
  /// Returns why it stopped before the end.
  mutating func populate(_ start: UInt64, _ end: UInt64, writing: Bool = false) -> PageFaultFailure.Cause? {
    var address = start
    while address < end {
      guard let index = map.index(containing: address) else { return .notMapped }
      let protection = map.entries[index].value.protection
      if protection.isEmpty {
        address = map.entries[index].end
        continue
      }
      let isWrite = protection.isWritable && (writing || !map.entries[index].value.isShared)
      let entry = PageTables.entry(at: address)
      if !entry.isPresent || isWrite && !entry.isWritable {
        if let cause = fault(address, isWrite ? Self.isWrite : 0) { return cause }
      }
      address &+= pageSize
    }
    return nil
  }
}
