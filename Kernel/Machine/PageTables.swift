// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// One entry that maps memory (Intel SDM volume 3, table 4-20 and 4-18).
public struct PageEntry: BitwiseCopyable {
  var bits: UInt64

  @inline(__always) init(bits: UInt64) { self.bits = bits }

  static let present: UInt64 = 1 << 0
  static let writable: UInt64 = 1 << 1
  static let writeThrough: UInt64 = 1 << 3
  static let cacheDisabled: UInt64 = 1 << 4
  static let dirty: UInt64 = 1 << 6
  static let large: UInt64 = 1 << 7
  static let global: UInt64 = 1 << 8
  static let noExecute: UInt64 = 1 << 63
  static let addressMask: UInt64 = 0x000f_ffff_ffff_f000

  /// An entry for `frame`.
  @inline(__always)
  public init(_ frame: Frame, writable: Bool, executable: Bool) {
    bits =
      frame.physicalAddress | Self.present | (writable ? Self.writable : 0) | (executable ? 0 : Self.noExecute)
  }

  /// No mapping.
  public static var none: PageEntry { PageEntry(bits: 0) }
  @inline(__always) public var isPresent: Bool { bits & Self.present != 0 }
  @inline(__always) public var isWritable: Bool { bits & Self.writable != 0 }
  @inline(__always) public var isExecutable: Bool { bits & Self.noExecute == 0 }
  @inline(__always) public var isDirty: Bool { bits & Self.dirty != 0 }
  /// Maps 2 MiB: `frame` is the first of 512.
  @inline(__always) public var isLarge: Bool { bits & Self.large != 0 }
  @inline(__always) public var frame: Frame {
    Frame(number: UInt32(truncatingIfNeeded: (bits & Self.addressMask) >> 12))
  }

  /// The same frame with other permissions.
  @inline(__always)
  public func with(writable: Bool, executable: Bool) -> PageEntry {
    PageEntry(
      bits: bits & ~(Self.writable | Self.noExecute) | (writable ? Self.writable : 0)
        | (executable ? 0 : Self.noExecute))
  }

  /// Not accessible, but the frame is kept: what `mprotect(PROT_NONE)` makes of a page. Bit 9 is ours.
  @inline(__always) public var hidden: PageEntry { PageEntry(bits: bits & ~Self.present | 1 << 9) }
  @inline(__always) public var isHidden: Bool { bits & (Self.present | 1 << 9) == 1 << 9 }
  /// A hidden entry, accessible again.
  @inline(__always) public func revealed(writable: Bool, executable: Bool) -> PageEntry {
    PageEntry(bits: (bits | Self.present) & ~(1 << 9)).with(writable: writable, executable: executable)
  }
}

/// The four-level page tables of the one address space: the program's part.
///
/// Addresses given here are the program's; the kernel's window cannot be reached through this type
/// (checked). Tables come from `PhysicalMemory` and are only ever written through the direct map.
public enum PageTables {
  nonisolated(unsafe) static var root: UInt64 = 0
  public static var largePageSize: UInt64 { 2 << 20 }

  @inline(__always)
  static func table(_ physical: UInt64) -> UnsafeMutablePointer<UInt64> {
    DirectMap.pointer(to: physical).assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always)
  static func next(
    _ table: UnsafeMutablePointer<UInt64>, _ index: Int, creating: Bool
  ) -> UnsafeMutablePointer<UInt64>? {
    let entry = table[index]
    if entry & PageEntry.present != 0 { return Self.table(entry & PageEntry.addressMask) }
    guard creating else { return nil }
    return create(table, index)
  }

  @inline(never)
  private static func create(
    _ table: UnsafeMutablePointer<UInt64>, _ index: Int
  ) -> UnsafeMutablePointer<UInt64>? {
    guard let frame = PhysicalMemory.allocateZeroed() else { return nil }
    table[index] = frame.physicalAddress | PageEntry.present | PageEntry.writable
    // All processors share what stands below the top level.
    if table == Self.table(root) {
      for number in 1..<max(1, rootCount) { Self.table(roots[number])[index] = table[index] }
    }
    return Self.table(frame.physicalAddress)
  }

  /// The top levels of all processors; the first one's is `root`.
  static var roots = InlineArray<64, UInt64>(repeating: 0)
  static var rootCount = 0

  /// What maps the first 2 MiB at their own address, from boot.S.
  static var identityEntry: UInt64 {
    boot_identity_pointers_address() | PageEntry.present | PageEntry.writable
  }

  /// The entry of the directory (2 MiB each) for `address`.
  @inline(__always)
  private static func directoryEntry(_ address: UInt64, creating: Bool) -> UnsafeMutablePointer<UInt64>? {
    precondition(address < 0x8000_0000_0000 && !isKernelAddress(address))
    guard
      let pointers = next(table(root), Int(address >> 39 & 511), creating: creating),
      let directory = next(pointers, Int(address >> 30 & 511), creating: creating)
    else { return nil }
    return directory + Int(address >> 21 & 511)
  }

  /// The entry that maps `address`; `none` if nothing does.
  public static func entry(at address: UInt64) -> PageEntry {
    guard let directory = directoryEntry(address, creating: false) else { return .none }
    let entry = directory.pointee
    if entry & PageEntry.present == 0 { return .none }
    if entry & PageEntry.large != 0 { return PageEntry(bits: entry) }
    return PageEntry(bits: table(entry & PageEntry.addressMask)[Int(address >> 12 & 511)])
  }

  /// Calls `body` for the entry of `address` to change it in place. False: no memory for a table.
  /// The entry must not be part of a large page. The caller flushes if it took rights away.
  @inline(__always)
  public static func update(_ address: UInt64, _ body: (inout PageEntry) -> Void) -> Bool {
    guard let directory = directoryEntry(address, creating: true) else { return false }
    var entries: UnsafeMutablePointer<UInt64>
    if directory.pointee & PageEntry.present == 0 {
      guard let frame = PhysicalMemory.allocateZeroed() else { return false }
      directory.pointee = frame.physicalAddress | PageEntry.present | PageEntry.writable
      entries = table(frame.physicalAddress)
    } else {
      precondition(directory.pointee & PageEntry.large == 0)
      entries = table(directory.pointee & PageEntry.addressMask)
    }
    entries += Int(address >> 12 & 511)
    var entry = PageEntry(bits: entries.pointee)
    body(&entry)
    entries.pointee = entry.bits
    return true
  }

  /// Whether nothing is mapped in the 2 MiB around `address` and no table stands there, so that
  /// `setLarge` can map it.
  public static func isVacantLarge(_ address: UInt64) -> Bool {
    guard let directory = directoryEntry(address, creating: false) else { return true }
    return directory.pointee & PageEntry.present == 0
  }

  /// Maps 2 MiB at once; `address` and the frame are aligned to that. False: no memory for a table.
  public static func setLarge(_ address: UInt64, _ first: Frame, writable: Bool) -> Bool {
    precondition(address & (largePageSize - 1) == 0 && first.number & 511 == 0)
    guard let directory = directoryEntry(address, creating: true) else { return false }
    precondition(directory.pointee & PageEntry.present == 0)
    directory.pointee = PageEntry(first, writable: writable, executable: false).bits | PageEntry.large
    return true
  }

  /// Turns a 2 MiB entry into 512 entries with the same permissions. False: no memory for the table.
  public static func splitLarge(_ address: UInt64) -> Bool {
    guard let directory = directoryEntry(address, creating: false) else { return true }
    let entry = directory.pointee
    guard entry & PageEntry.present != 0, entry & PageEntry.large != 0 else { return true }
    guard let frame = PhysicalMemory.allocateUninitialized() else { return false }
    let entries = table(frame.physicalAddress)
    for index in 0..<512 { entries[index] = (entry & ~PageEntry.large) &+ UInt64(index) << 12 }
    directory.pointee = frame.physicalAddress | PageEntry.present | PageEntry.writable
    PhysicalMemory.splitLarge(PageEntry(bits: entry).frame.number)
    return true
  }

  /// Splits the large pages that `start ..< end` (page aligned) covers partly, or all of them. False: no memory
  /// for a table.
  public static func splitLarge(from start: UInt64, to end: UInt64, all: Bool) -> Bool {
    if !all {
      // Only the first and the last can be cut.
      let mask = largePageSize - 1
      return (start & mask == 0 && end &- start >= largePageSize || splitLarge(start))
        && (end & mask == 0 || splitLarge(end &- 1))
    }
    var address = start
    while address < end {
      let next = (address | (largePageSize - 1)) &+ 1
      guard let directory = existingDirectoryEntry(&address) else { continue }
      if directory.pointee & PageEntry.large != 0 && !splitLarge(address) { return false }
      address = next
    }
    return true
  }

  /// Makes the tables that the entries of `start ..< end` need when they are moved to `target`, but no more than
  /// leave `reserve` frames free. Large pages must be split. False: there is not enough memory; what was made may
  /// stay.
  public static func makeTables(forMoving start: UInt64, to end: UInt64, target: UInt64, reserve: Int) -> Bool {
    var address = start
    while address < end {
      let next = min((address | (largePageSize - 1)) &+ 1, end)
      guard existingDirectoryEntry(&address) != nil else { continue }
      let first = target &+ (address &- start)
      let last = target &+ (next &- start) &- 1
      guard PhysicalMemory.available > reserve, update(first, { _ in }), update(last, { _ in }) else { return false }
      address = next
    }
    return true
  }

  /// Makes the 2 MiB page around `address` writable. False: there is none.
  public static func makeLargeWritable(_ address: UInt64) -> Bool {
    guard let directory = directoryEntry(address, creating: false), directory.pointee & PageEntry.large != 0 else {
      return false
    }
    directory.pointee |= PageEntry.writable
    invalidate_page(address)
    return true
  }

  /// Maps fresh frames of zeros, writable, at the addresses from `start` (inside one page table) that have
  /// no entry yet; stops at the first that has one and when memory ends. Returns how many pages it mapped.
  public static func populate(from start: UInt64, to end: UInt64, executable: Bool) -> Int {
    guard start < end, update(start, { _ in }),
      let directory = directoryEntry(start, creating: false)
    else { return 0 }
    let entries = table(directory.pointee & PageEntry.addressMask)
    let flags = PageEntry.present | PageEntry.writable | (executable ? 0 : PageEntry.noExecute)
    var index = Int(start >> 12 & 511)
    let first = index
    let last = index + Int((end - start) >> 12)
    while index < last && index < 512 && entries[index] == 0 {
      let number = PhysicalMemory.takeSingle()
      guard number != 0 else { break }
      fill_zero(DirectMap.address(of: UInt64(number) << 12), 512)
      entries[index] = UInt64(number) << 12 | flags
      index &+= 1
    }
    return index - first
  }

  /// Takes every mapping of `start ..< end` (page aligned) out and gives the frames' references back; large
  /// pages that the range covers only partly are split first. Tables that it covers entirely go too. Returns
  /// how many pages there were; nil: no memory to split a large page, and the rest was not visited.
  public static func unmap(from start: UInt64, to end: UInt64) -> Int? {
    Processors.holdOthers()
    var count = 0
    var hasReleasedTable = false
    var address = start
    while address < end {
      precondition(address < 0x8000_0000_0000 && !isKernelAddress(address))
      let next = (address | (largePageSize &- 1)) &+ 1
      guard let directory = existingDirectoryEntry(&address) else { continue }
      let coversAll = address & (largePageSize &- 1) == 0 && end >= next
      if directory.pointee & PageEntry.large != 0 {
        if coversAll {
          PhysicalMemory.releaseLarge(PageEntry(bits: directory.pointee).frame)
          directory.pointee = 0
          count &+= 512
          invalidate_page(address)
          address = next
          continue
        }
        guard splitLarge(address) else { return nil }
      }
      let tableAddress = directory.pointee & PageEntry.addressMask
      let entries = table(tableAddress)
      let stop = min(end, next)
      var index = Int(address >> 12 & 511)
      let last = index &+ Int((stop &- address) >> 12)
      while index < last {
        let bits = entries[index]
        if bits != 0 {
          entries[index] = 0
          PhysicalMemory.release(PageEntry(bits: bits).frame)
          count &+= 1
          if count <= 32 { invalidate_page(address) }
        }
        index &+= 1
        address &+= 4096
      }
      if coversAll {
        directory.pointee = 0
        // The processor may remember the table itself, also when nothing was mapped in it any more.
        invalidate_page(next &- 4096)
        PhysicalMemory.release(Frame(number: UInt32(truncatingIfNeeded: tableAddress >> 12)))
        hasReleasedTable = true
      }
    }
    // Also what the processor remembers of a table that is gone (SDM volume 3, 4.10.4.1).
    if count > 32 || hasReleasedTable { flushAll() }
    return count
  }

  /// The directory entry for `address` if something stands there; else `address` moves on to where the
  /// next could be.
  @inline(__always)
  private static func existingDirectoryEntry(_ address: inout UInt64) -> UnsafeMutablePointer<UInt64>? {
    let rootEntry = table(root)[Int(address >> 39 & 511)]
    if rootEntry & PageEntry.present == 0 {
      address = (address | (1 << 39 - 1)) &+ 1
      return nil
    }
    let pointerEntry = table(rootEntry & PageEntry.addressMask)[Int(address >> 30 & 511)]
    if pointerEntry & PageEntry.present == 0 {
      address = (address | (1 << 30 - 1)) &+ 1
      return nil
    }
    let directory = table(pointerEntry & PageEntry.addressMask) + Int(address >> 21 & 511)
    if directory.pointee & PageEntry.present == 0 {
      address = (address | (largePageSize &- 1)) &+ 1
      return nil
    }
    return directory
  }

  /// What `forEach` found for an address range.
  public enum Change {
    /// Leave the entry.
    case keep
    /// Put another in its place.
    case replace(PageEntry)
  }

  /// Calls `body` for every entry that is present or hidden in `start ..< end` (page aligned), large ones
  /// whole; large ones that the range covers only partly are split first. Parts of the address space
  /// without tables cost nothing. `splittingLarge` shows large pages as 512 small ones.
  /// False: no memory to split a large page; the rest of the range was not visited.
  public static func forEach(
    from start: UInt64, to end: UInt64, splittingLarge: Bool = false,
    _ body: (_ address: UInt64, _ entry: PageEntry) -> Change
  ) -> Bool {
    Processors.holdOthers()
    var address = start
    while address < end {
      precondition(address < 0x8000_0000_0000 && !isKernelAddress(address))
      let next = (address | (largePageSize - 1)) &+ 1
      guard let directory = existingDirectoryEntry(&address) else { continue }
      let coversAll = address & (largePageSize - 1) == 0 && end >= next
      if directory.pointee & PageEntry.large != 0 {
        if coversAll && !splittingLarge {
          if case .replace(let entry) = body(address, PageEntry(bits: directory.pointee)) {
            directory.pointee = entry.bits
          }
          address = next
          continue
        }
        guard splitLarge(address) else { return false }
      }
      let entries = table(directory.pointee & PageEntry.addressMask)
      let stop = min(end, next)
      while address < stop {
        let index = Int(address >> 12 & 511)
        let bits = entries[index]
        if bits != 0, case .replace(let entry) = body(address, PageEntry(bits: bits)) {
          entries[index] = entry.bits
        }
        address &+= 4096
      }
    }
    return true
  }

  /// Forgets what the processor remembers about the page at `address`.
  @inline(__always) public static func flush(_ address: UInt64) { invalidate_page(address) }

  /// Forgets what the processor remembers about the program's pages.
  public static func flushAll() { write_cr3(read_cr3()) }
}
