// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// The page size, as an address and as a mask.
let pageSize: UInt64 = 4096
@inline(__always) func pageStart(_ address: UInt64) -> UInt64 { address & ~(pageSize &- 1) }

/// Rounds up to whole pages; nil if that leaves 64 bits.
@inline(__always) func pagesUp(_ length: UInt64) -> UInt64? {
  let (sum, overflow) = length.addingReportingOverflow(pageSize &- 1)
  return overflow ? nil : pageStart(sum)
}

/// The program's address space: which memory it has, and why.
///
/// The mappings say what is allowed; the page tables hold what has been touched. All changes of either go
/// through here, so that no page is ever writable and executable, none that the mapping forbids is
/// accessible, and the kernel's window stays closed.
struct AddressSpace {
  var map = RangeMap<Mapping>()
  /// Where the areas begin: chosen anew at every boot and every `execve`.
  var layout = Layout()
  /// The end of the heap that `brk` moves.
  var heapEnd: UInt64 = 0
  /// Whether memory may be writable and executable (`[system] allow-jit`).
  var allowsJIT = false
  /// Mappings made from now on are locked (`mlockall(MCL_FUTURE)`).
  var locksFuture = false
  /// Pages that are mapped, roughly: anonymous and file.
  var residentPages = 0
  /// How often the program was told that W^X forbids what it asked for; the first time is logged.
  var refusedJIT = 0

  /// The page of a file that a fault needs and that is not in memory: `PageFaultFailure.Cause.notInMemory`.
  var awaited: (node: Node, index: UInt64)? = nil

  /// The page behind the last one faulted in, and how many pages that fault brought: a fault that goes on
  /// there brings twice as many.
  var nextSequentialPage: UInt64 = 0
  var sequentialRun: UInt64 = 1

  /// The shared page of zeros that stands for anonymous memory that was only read.
  var zeroFrame: Frame

  init() {
    guard let frame = PhysicalMemory.allocateZeroed() else { Panic.stop("no memory for the page of zeros") }
    zeroFrame = frame
  }

  /// Addresses that a program may use at all: not the first 64 KiB, not the kernel's window.
  static let lowest: UInt64 = 0x1_0000
  static let kernelWindow: Range<UInt64> = 0x4000_0000_0000..<0x5000_0000_0000
  static let highest: UInt64 = 0x7fff_ffff_f000

  /// As many mappings there may be (Linux's vm.max_map_count).
  static let maximumMappings = 65530

  /// Whether `start ..< start + length` may be mapped.
  static func isUsable(_ start: UInt64, _ length: UInt64) -> Bool {
    let (end, overflow) = start.addingReportingOverflow(length)
    guard !overflow, start >= lowest, end <= highest else { return false }
    return end <= kernelWindow.lowerBound || start >= kernelWindow.upperBound
  }

  // MARK: finding room

  /// Free addresses for `length` bytes (whole pages): from the start of the mapping area upwards, and if that is
  /// full, anywhere. What may get large pages, and has room for one, begins at a multiple of their size.
  func findRoom(_ length: UInt64, below limit: UInt64? = nil, mayBeLarge: Bool = false) -> UInt64? {
    if let limit { return map.highestGap(length: length, bottom: Self.lowest, top: limit) }
    let alignment = mayBeLarge && length >= PageTables.largePageSize ? PageTables.largePageSize : pageSize
    // The lowest place that fits, but a program with thousands of mappings does not wait until all gaps
    // between them were looked at: behind the last one of the area there is nearly always room.
    return map.lowestGap(
      length: length, alignment: alignment, bottom: layout.mappingStart, top: Layout.mappingLimit, steps: 64)
      ?? roomBehindArea(length, alignment)
      ?? map.lowestGap(
        length: length, alignment: pageSize, bottom: Self.kernelWindow.upperBound, top: Self.highest)
      ?? map.highestGap(length: length, bottom: 0x1_0000_0000, top: Self.kernelWindow.lowerBound)
  }

  /// Free addresses behind the last range of the mapping area; nil if it is full.
  private func roomBehindArea(_ length: UInt64, _ alignment: UInt64) -> UInt64? {
    let next = map.index(endingAfter: Layout.mappingLimit)
    guard next > 0, map.entries[next - 1].end >= layout.mappingStart else { return nil }
    return map.lowestGap(
      length: length, alignment: alignment, bottom: map.entries[next - 1].end, top: Layout.mappingLimit, steps: 2)
  }

  // MARK: mapping and unmapping

  /// Makes sure that two more mappings can be noted: those that a change of a part of one leaves beside it.
  func reserveMappings() throws(Errno) {
    guard map.count < Self.maximumMappings else { throw .ENOMEM }
    try reserveKernelMemory(bytes: map.bytesToGrow)
  }

  /// Adds a mapping over `start ..< start + length`, in place of what was there.
  mutating func install(_ start: UInt64, _ length: UInt64, _ mapping: Mapping) throws(Errno) {
    let end = start + length
    try reserveMappings()
    if !map.isFree(start, end) { try unmap(start, end) }
    var mapping = mapping
    if mapping.protection.isWritable { mapping.wasWritable = true }
    map.insert(start, end, mapping)
  }

  /// Removes whatever is mapped in `start ..< end` and gives its memory back.
  mutating func unmap(_ start: UInt64, _ end: UInt64) throws(Errno) {
    // A hole in a mapping makes two of it.
    if let index = map.index(containing: start), map.entries[index].start < start, end < map.entries[index].end {
      try reserveMappings()
    }
    try discardPages(start, end)
    map.remove(start, end)
    sequentialRun = 1
  }

  /// Drops the pages of `start ..< end`; a mapping that remains starts afresh at the next touch.
  mutating func discardPages(_ start: UInt64, _ end: UInt64) throws(Errno) {
    guard let dropped = PageTables.unmap(from: start, to: end) else { throw .ENOMEM }
    residentPages &-= dropped
  }

  /// Drops the pages of a file that is being cut to `size` bytes, private copies too: whoever touches them
  /// then is beyond the end.
  mutating func discardPages(of node: Node, from size: UInt64) {
    let first = pagesUp(size) ?? .max
    for entry in map.entries where entry.value.node === node {
      let kept = first > entry.value.offset ? first &- entry.value.offset : 0
      guard kept < entry.end &- entry.start else { continue }
      try? discardPages(entry.start &+ kept, entry.end)
    }
  }

  /// Gives every mapping back: what `execve` begins with.
  mutating func removeAll() {
    for entry in map.entries { try? discardPages(entry.start, entry.end) }
    map = RangeMap()
    heapEnd = 0
    residentPages = 0
    locksFuture = false
  }

  // MARK: protection

  /// Whether a mapping may be made executable, or writable and executable; notes the first refusal.
  mutating func permits(_ protection: Protection, wasWritable: Bool) -> Bool {
    guard protection.isExecutable, protection.isWritable || wasWritable, !allowsJIT else { return true }
    if refusedJIT == 0 {
      Log.warning { message in
        message.append("the program asked for memory that is writable and executable, which was refused; ")
        message.append("if it compiles code while it runs, allow that with --allow-jit or [system] allow-jit = true")
      }
    }
    refusedJIT += 1
    return false
  }

  /// Changes what may be done with `start ..< end`, all of which is mapped (checked by the caller).
  mutating func protect(_ start: UInt64, _ end: UInt64, _ protection: Protection) throws(Errno) {
    if protection.isExecutable && !allowsJIT {
      var index = map.index(endingAfter: start)
      while index < map.count && map.entries[index].start < end {
        let wasWritable = map.entries[index].value.wasWritable
        guard permits(protection, wasWritable: wasWritable) else { throw .ENOMEM }
        index += 1
      }
    }
    let isHidden = protection.isEmpty
    // Programs change the same ranges to and fro: such a one needs no other mapping, and as no large page
    // reaches across the end of a mapping, there is none to split.
    let index = map.index(endingAfter: start)
    let isWhole = map.entries[index].start == start && map.entries[index].end == end
    if !isWhole || map.entries[index].value.node != nil { try checkFiles(start, end, protection) }
    // What needs memory comes before what changes something.
    if !isWhole { try reserveMappings() }
    if !isWhole || isHidden {
      guard PageTables.splitLarge(from: start, to: end, all: isHidden) else { throw .ENOMEM }
    }
    map.modify(start, end) { mapping in
      mapping.protection = protection
      if protection.isWritable { mapping.wasWritable = true }
    }
    var flushed = 0
    let zero = zeroFrame
    let single = end &- start == pageSize
    // A store to a shared file page must be noticed: such pages become writable only by a fault.
    let mayWriteAtOnce = protection.isWritable && !isSharedFile(start)
    let done = PageTables.forEach(from: start, to: end, splittingLarge: isHidden) { address, entry in
      var changed: PageEntry
      if isHidden {
        changed = entry.isHidden ? entry : entry.hidden
      } else {
        let writable =
          mayWriteAtOnce && entry.frame != zero && (entry.isLarge || !PhysicalMemory.isShared(entry.frame))
        changed =
          entry.isHidden
          ? entry.revealed(writable: writable, executable: protection.isExecutable)
          : entry.with(writable: writable, executable: protection.isExecutable)
      }
      flushed &+= 1
      if single || flushed <= 64 { PageTables.flush(address) }
      return .replace(changed)
    }
    if flushed > 64 { PageTables.flushAll() }
    if !done { throw .ENOMEM }
  }

  /// Whether the files that are mapped in the range may be used so.
  private func checkFiles(_ start: UInt64, _ end: UInt64, _ protection: Protection) throws(Errno) {
    guard protection.isWritable || protection.isExecutable else { return }
    var index = map.index(endingAfter: start)
    while index < map.count && map.entries[index].start < end {
      if map.entries[index].value.node != nil {
        if protection.isWritable && !map.entries[index].value.mayWrite { throw .EACCES }
        var changed = map.entries[index].value
        changed.protection = protection
        try checkAliases(changed)
      }
      index += 1
    }
  }

  /// One file's pages must not be writable through one mapping and executable through another: that would be
  /// memory that is both.
  func checkAliases(_ mapping: Mapping) throws(Errno) {
    guard !allowsJIT, let node = mapping.node else { return }
    let wantsStores = mapping.isShared && mapping.protection.isWritable
    guard wantsStores || mapping.protection.isExecutable else { return }
    for entry in map.entries where entry.value.node === node {
      if wantsStores && entry.value.protection.isExecutable { throw .ENOMEM }
      if mapping.protection.isExecutable && entry.value.isShared && entry.value.wasWritable { throw .ENOMEM }
    }
  }

  private mutating func isSharedFile(_ address: UInt64) -> Bool {
    // A range with several mappings: being careful with all of them only costs faults.
    guard let index = map.index(containing: address) else { return true }
    return map.entries[index].value.isShared && map.entries[index].value.node != nil
  }

  // MARK: for others

  /// Calls `body` for every mapping in order of address, guards left out.
  func forEachMapping(_ body: (RangeMap<Mapping>.Entry) -> Void) {
    for entry in map.entries where entry.value.name != .guardPages { body(entry) }
  }

  /// The bytes that are mapped, guards left out.
  var mappedBytes: UInt64 {
    var sum: UInt64 = 0
    for entry in map.entries where entry.value.name != .guardPages { sum &+= entry.end &- entry.start }
    return sum
  }
}

/// The program's address space. There is one, as there is one process. (Made in kernel_main: a global that
/// is made at its first use costs a check and a call at every other.)
var addressSpace: AddressSpace! = nil
