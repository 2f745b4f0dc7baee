// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// The allocator behind Swift's objects and arrays: slabs of one size in one frame each, and whole
/// buddy blocks for what is larger than half a frame. A block's size is known from its frame's record,
/// so nothing is written beside it.
enum KernelHeap {
  /// Sizes in bytes; all are multiples of 16, powers of two are aligned to themselves.
  private static let sizes: InlineArray<12, Int> = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048]
  private static var free = InlineArray<12, UInt64>(repeating: 0)
  /// By size in units of 16 bytes, up to 512.
  private static var classOfUnits = InlineArray<33, UInt8>(repeating: 0xff)

  static func initialize() {
    var sizeClass = 0
    for units in 0..<33 {
      while sizes[sizeClass] < units * 16 { sizeClass += 1 }
      classOfUnits[units] = UInt8(sizeClass)
    }
  }

  @inline(__always)
  private static func sizeClass(_ size: Int, _ alignment: Int) -> Int {
    if size <= 512 && alignment <= 16 { return Int(classOfUnits[(size &+ 15) &>> 4]) }
    let needed = max(size, alignment)
    for index in 0..<12 where sizes[index] >= needed && sizes[index] & (sizes[index] - 1) == 0 { return index }
    return 12
  }

  static func allocate(_ size: Int, _ alignment: Int) -> UInt64 {
    let index = sizeClass(size, alignment)
    if index == 12 {
      var order = 0
      while 4096 << order < size { order += 1 }
      guard order <= PhysicalMemory.maximumOrder else { return 0 }
      let number = PhysicalMemory.takeHeapBlock(order, .largeHeapBlock, 0)
      return number == 0 ? 0 : DirectMap.address(of: UInt64(number) << 12)
    }
    if free[index] == 0 {
      let number = PhysicalMemory.takeHeapBlock(0, .slab, UInt16(index))
      guard number != 0 else { return 0 }
      let base = DirectMap.address(of: UInt64(number) << 12)
      let size = UInt64(sizes[index])
      var offset = (4096 / size - 1) * size
      while true {
        UnsafeMutablePointer<UInt64>(bitPattern: UInt(base + offset))!.pointee = free[index]
        free[index] = base + offset
        if offset == 0 { break }
        offset -= size
      }
    }
    let block = free[index]
    free[index] = UnsafePointer<UInt64>(bitPattern: UInt(block)).unsafelyUnwrapped.pointee
    return block
  }

  static func release(_ address: UInt64) {
    let number = UInt32(truncatingIfNeeded: DirectMap.physical(of: address) >> 12)
    let record = PhysicalMemory.record(number)
    if record.pointee.state == .slab {
      let index = Int(record.pointee.sizeClass)
      UnsafeMutablePointer<UInt64>(bitPattern: UInt(address)).unsafelyUnwrapped.pointee = free[index]
      free[index] = address
      return
    }
    guard record.pointee.state == .largeHeapBlock else { Panic.stop("freed what was never allocated") }
    PhysicalMemory.giveHeapBlock(number)
  }
}

// What Swift's runtime calls (posix_memalign and free, by way of memory.S). It has no way to go on without
// memory: the kernel keeps what the program can make it allocate within limits, and those checks come before.

/// What happens when they were not enough. Defined in the Kernel module.
@_silgen_name("kernel_out_of_memory")
func kernelOutOfMemory() -> Never

@_cdecl("kernel_heap_allocate")
func heapAllocate(_ result: UnsafeMutablePointer<UInt64>, _ alignment: Int, _ size: Int) -> Int32 {
  let address = KernelHeap.allocate(size, alignment)
  if address == 0 { kernelOutOfMemory() }
  result.pointee = address
  return 0
}

@_cdecl("kernel_heap_release")
func heapRelease(_ address: UInt64) {
  if address != 0 { KernelHeap.release(address) }
}
