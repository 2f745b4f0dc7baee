// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// The kernel's own part of the address space, made while booting.
extension PageTables {
  /// Maps a page inside the kernel's window; only while booting and for devices.
  static func mapKernel(_ address: UInt64, _ bits: UInt64, largeBits: Bool = false) {
    guard let pointers = next(table(root), Int(address >> 39 & 511), creating: true),
      let directory = next(pointers, Int(address >> 30 & 511), creating: true)
    else { Panic.stop("no memory for the kernel's page tables") }
    let entry = directory + Int(address >> 21 & 511)
    if largeBits {
      entry.pointee = bits | PageEntry.large
      return
    }
    if entry.pointee & PageEntry.large != 0 {
      // A large page of the direct map, to be broken up around the kernel's image.
      let old = entry.pointee
      guard let frame = PhysicalMemory.allocateUninitialized() else { Panic.stop("no memory for a page table") }
      // The direct map owns none of these frames: nothing is counted.
      let entries = table(frame.physicalAddress)
      for index in 0..<512 { entries[index] = (old & ~PageEntry.large) &+ UInt64(index) << 12 }
      entry.pointee = frame.physicalAddress | PageEntry.present | PageEntry.writable
    }
    guard let entries = next(directory, Int(address >> 21 & 511), creating: true) else {
      Panic.stop("no memory for the kernel's page tables")
    }
    entries[Int(address >> 12 & 511)] = bits
  }

  /// Finishes what boot.S began: the direct map of all memory, without an alias of the kernel's image;
  /// no mapping at low addresses.
  static func initialize(endOfMemory: UInt64) {
    root = get_boot_root()
    let flags = PageEntry.present | PageEntry.writable | PageEntry.noExecute | PageEntry.global
    var physical: UInt64 = 1 << 30
    while physical < endOfMemory {
      mapKernel(DirectMap.address(of: physical), physical | flags, largeBits: true)
      physical += largePageSize
    }
    let imageStart = UInt64(0x10_0000)
    let imagePages = (image_end() - image_start()) / 4096
    for page in 0..<imagePages { mapKernel(DirectMap.address(of: imageStart + page * 4096), 0) }
    table(root)[0] = 0
    write_cr4(read_cr4() & ~(1 << 7))  // without global pages for a moment: flushes them too
    write_cr3(root)
    write_cr4(read_cr4() | 1 << 7)
  }

  /// Makes the tables that are complete after boot (GDT, IDT, TSS and what else is in .data.sealed)
  /// read-only.
  static func seal() {
    var address = constants_end()
    while address < processor_sealed_end() {
      let physical = address - image_start() + 0x10_0000
      mapKernel(address, physical | PageEntry.present | PageEntry.noExecute | PageEntry.global)
      invalidate_page(address)
      address += 4096
    }
  }

  /// Maps `size` bytes of device registers, uncached, and returns where.
  static func mapDevice(_ physical: UInt64, size: UInt64) -> UInt64 {
    var page = physical & ~4095
    while page < physical + size {
      mapKernel(
        DirectMap.address(of: page),
        page | PageEntry.present | PageEntry.writable | PageEntry.noExecute | PageEntry.global
          | PageEntry.cacheDisabled | PageEntry.writeThrough)
      invalidate_page(DirectMap.address(of: page))
      page += 4096
    }
    return DirectMap.address(of: physical)
  }
}
