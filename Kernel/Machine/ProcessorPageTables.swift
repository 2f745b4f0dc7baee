// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// The page tables of further processors: those of the first but for the few pages that each has of its own.
extension PageTables {
  /// Page tables for processor `number`: those of the first, with frames of its own for what stands in `.processor`,
  /// and `stack` to begin on. Returns the physical address; nil: not enough memory.
  static func makeRoot(number: Int, _ stack: KernelStack) -> UInt64? {
    func copy(_ physical: UInt64) -> UInt64? {
      guard let frame = PhysicalMemory.allocateUninitialized() else { return nil }
      table(frame.physicalAddress).update(from: table(physical), count: 512)
      return frame.physicalAddress
    }
    func descend(_ parent: UInt64, _ index: Int) -> UInt64? {
      let entry = table(parent)[index]
      guard let child = copy(entry & PageEntry.addressMask) else { return nil }
      table(parent)[index] = child | entry & ~PageEntry.addressMask
      return child
    }
    let start = processor_data_start()
    guard let newRoot = copy(root), let pointers = descend(newRoot, Int(start >> 39 & 511)),
      let directory = descend(pointers, Int(start >> 30 & 511)), let last = descend(directory, Int(start >> 21 & 511))
    else { return nil }
    var address = start
    while address < processor_data_end() {
      let index = Int(address >> 12 & 511)
      let old = table(last)[index]
      if old & PageEntry.present != 0 {
        guard let frame = PhysicalMemory.allocateZeroed() else { return nil }
        // The first processor's interrupt stacks are its own.
        if address < interrupt_stack_guard_address() {
          DirectMap.pointer(to: frame.physicalAddress).copyMemory(
            from: UnsafeRawPointer(bitPattern: UInt(address))!, byteCount: 4096)
        }
        func store<Value: BitwiseCopyable>(_ value: Value, _ word: UInt64) {
          guard word & ~4095 == address else { return }
          DirectMap.pointer(to: frame.physicalAddress).storeBytes(
            of: value, toByteOffset: Int(word & 4095), as: Value.self)
        }
        store(stack.topAddress, kernel_stack_top_word())
        store(stack.limitAddress, kernel_stack_limit_word())
        store(UInt32(number), processor_index_word())
        // Its own task register is not loaded yet: an available task state segment (SDM volume 3, 8.2.3).
        let descriptor = descriptor_table_address() + 24
        if descriptor & ~4095 == address {
          let available = UnsafePointer<UInt64>(bitPattern: UInt(descriptor))!.pointee & ~(1 << 41)
          store(available, descriptor)
        }
        table(last)[index] = frame.physicalAddress | old & ~PageEntry.addressMask | PageEntry.writable
      }
      address += 4096
    }
    roots[number] = newRoot
    rootCount = number + 1
    return newRoot
  }

  /// Makes the tables that processor `number` has loaded read-only. It still has to forget that they were not.
  static func sealProcessor(_ number: Int) {
    var address = processor_data_start()
    var physical = roots[number]
    for shift in stride(from: UInt64(39), through: 21, by: -9) {
      physical = table(physical)[Int(address >> shift & 511)] & PageEntry.addressMask
    }
    while address < processor_sealed_end() {
      table(physical)[Int(address >> 12 & 511)] &= ~PageEntry.writable
      address += 4096
    }
  }
}
