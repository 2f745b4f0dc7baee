// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// A thread's kernel stack, with an unmapped page below, and where the thread stopped on it.
///
/// The stacks stand one above the other in a part of the kernel's window of their own, from a random base on. They are
/// made when first needed, and used again by later threads.
public struct KernelStack: BitwiseCopyable {
  /// One past the highest byte: where the frame of an entry from the program ends.
  private let top: UInt64
  /// The lowest byte. The word there says where RSP is while the stack is not in use.
  private let bottom: UInt64

  /// Bytes of a stack.
  public static let size: UInt64 = 32768
  private static let stride = size + 4096
  /// Bytes above the guard that only the report of an overflow may use.
  private static let reserve: UInt64 = 512

  private static var base: UInt64 = 0
  private static var made: UInt64 = 0
  private static var free: [KernelStack] = []
  /// As many as could have a thread number on Linux by default.
  private static let greatestCount: UInt64 = 32768

  var topAddress: UInt64 { top }
  var limitAddress: UInt64 { bottom + Self.reserve }

  private init(top: UInt64, bottom: UInt64) {
    self.top = top
    self.bottom = bottom
  }

  /// The stack that the processor that asks runs on.
  public static func current() -> KernelStack {
    KernelStack(top: get_kernel_stack_top(), bottom: get_kernel_stack_limit() - reserve)
  }

  /// Whether `start` was called.
  public static var hasPlace: Bool { base != 0 }

  /// Says where stacks are to be: `random` is a random number. Once, before the first `allocate`.
  public static func start(random: UInt64) {
    // Below the direct map, like the image (boot.S): 2^22 places at multiples of 2 MiB, without those around the image.
    let span = greatestCount * stride
    let area: UInt64 = 8 << 40
    let room = area - span * 3
    base = 0x4000_0000_0000 + random.multipliedFullWidth(by: room >> 21).high << 21
    // Page tables near the image are each processor's own.
    let region: UInt64 = 1 << 39
    if base & ~(region - 1) == image_start() & ~(region - 1) || (base + span) / region == image_start() / region {
      base = base > 0x4000_0000_0000 + 2 * region ? base - 2 * region : base + 2 * region
    }
  }

  /// A stack for a new thread; nil: there is not enough memory, or there are too many.
  public static func allocate() -> KernelStack? {
    if let old = free.popLast() { return old }
    guard made < greatestCount, PhysicalMemory.available > 64 else { return nil }
    let bottom = base + made * stride + 4096
    made += 1
    for page in 0..<size / 4096 {
      guard let frame = PhysicalMemory.allocateZeroed() else { return nil }
      PageTables.mapKernel(
        bottom + page * 4096,
        frame.physicalAddress | PageEntry.present | PageEntry.writable | PageEntry.noExecute | PageEntry.global)
    }
    return KernelStack(top: bottom + size, bottom: bottom)
  }

  /// Gives a stack back that nobody runs on.
  public func release() { Self.free.append(self) }

  private var stackPointer: UnsafeMutablePointer<UInt64> { UnsafeMutablePointer(bitPattern: UInt(bottom))! }

  /// Makes the stack one of a thread that will enter the program with the registers in `frame`.
  public func prepare(_ frame: TrapFrame) {
    let address = top - UInt64(MemoryLayout<TrapFrame>.size)
    UnsafeMutablePointer<TrapFrame>(bitPattern: UInt(address))!.pointee = frame
    prepare(below: address, start: new_thread_start_address())
  }

  /// Makes the stack one on which a processor without work stands: `kernel_processor_idle`.
  public func prepareIdle() { prepare(below: top - 16, start: idle_start_address()) }

  private func prepare(below address: UInt64, start: UInt64) {
    // What switch_stacks pops: where to go on.
    UnsafeMutablePointer<UInt64>(bitPattern: UInt(address - 8))!.pointee = start
    stackPointer.pointee = address - 8
  }

  /// Goes on on `next`, and returns when somebody goes on on this stack. Interrupts are off.
  @inline(__always)
  public func switchTo(_ next: KernelStack) {
    set_kernel_stack(next.top, next.bottom + Self.reserve)
    switch_stacks(stackPointer, next.stackPointer.pointee)
  }
}
