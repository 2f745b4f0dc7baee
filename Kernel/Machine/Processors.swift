// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// The processors of the machine, and how further ones are started.
///
/// Each has some pages of the kernel's image for itself, at the same addresses (kernel.ld, `.processor`): descriptor
/// tables, interrupt stacks, and the few words that entry.S needs. So each has page tables of its own, which differ in
/// that one place; everything below the top level is shared elsewhere.
public enum Processors {
  /// As many as may run.
  public static let maximum = Int(MAXIMUM_PROCESSORS)
  /// How many run.
  @inline(__always) public static var count: Int { Int(get_processor_count()) }
  /// The number of the one that asks. Interrupts are off, or it holds the kernel's lock and will not wait.
  @inline(__always) public static var current: Int { Int(get_processor_index()) }

  /// The object that this processor works for, which somebody else keeps alive.
  @inline(__always)
  public static func currentObject<Object: AnyObject>(_ type: Object.Type) -> Object {
    Unmanaged<Object>.fromOpaque(get_current_object()!).takeUnretainedValue()
  }
  /// The same, not counted.
  @inline(__always)
  public static func borrowedObject<Object: AnyObject>(_ type: Object.Type) -> Borrowed<Object> {
    Borrowed(Unmanaged<Object>.fromOpaque(get_current_object()!))
  }
  @inline(__always)
  public static func setCurrentObject<Object: AnyObject>(_ object: Object) {
    set_current_object(Unmanaged.passUnretained(object).toOpaque())
  }

  // MARK: the kernel's lock

  /// Waits until no other processor is in the kernel, and keeps it so. Others may run the program meanwhile.
  public static func lock() { acquire_kernel_lock() }
  /// Lets others into the kernel; this processor does not go back to the program.
  public static func unlock() { release_kernel_lock() }
  /// From here until the lock is released no other processor runs the program either. Before rights to memory are
  /// taken away.
  @inline(__always) public static func holdOthers() { hold_other_processors() }
  /// Makes another processor look for work.
  public static func interrupt(_ index: Int) { machine_interrupt_processor(UInt32(index)) }

  /// Changes a word that interrupt handlers and other processors change as well.
  @inline(__always) public static func atomicOr(_ word: inout UInt64, _ bits: UInt64) { atomic_or64(&word, bits) }
  @inline(__always) public static func atomicAnd(_ word: inout UInt64, _ bits: UInt64) { atomic_and64(&word, bits) }

  // MARK: starting

  private static let trampoline: UInt64 = 0x8000
  private static let firstTables: UInt64 = 0x9000
  /// Physical memory below this is kept for starting processors.
  static let reserved: UInt64 = 0xa000

  /// Starts the processors with these identifiers of local interrupt controllers, besides the one that runs. `stack`
  /// gives each a stack to begin on. They come to `kernel_processor_main`, where they wait for the kernel's lock.
  /// Returns the number of processors that run then.
  public static func start(_ identifiers: [UInt32], stack: () -> KernelStack?) -> Int {
    set_apic_identifier(0, LocalAPIC.identifier)
    acquire_kernel_lock()
    var count = 1
    for identifier in identifiers where identifier != LocalAPIC.identifier && count < maximum {
      guard let stack = stack(), start(identifier, number: count, stack) else { break }
      count += 1
    }
    if count > 1 {
      Traps.useLockedEntry()
      set_processor_count(UInt32(count))
    }
    return count
  }

  private static func start(_ identifier: UInt32, number: Int, _ stack: KernelStack) -> Bool {
    set_apic_identifier(UInt32(number), identifier)
    guard let root = PageTables.makeRoot(number: number, stack) else { return false }
    let temporary = DirectMap.pointer(to: firstTables)
    temporary.copyMemory(from: DirectMap.pointer(to: root), byteCount: 4096)
    temporary.storeBytes(of: PageTables.identityEntry, as: UInt64.self)
    let code = DirectMap.pointer(to: trampoline)
    let length = Int(trampoline_end_address() - trampoline_start_address())
    code.copyMemory(from: UnsafeRawPointer(bitPattern: UInt(trampoline_start_address()))!, byteCount: length)
    let words = code + Int(trampoline_data_address() - trampoline_start_address())
    words.storeBytes(of: firstTables, as: UInt64.self)
    words.storeBytes(of: processor_start_address(), toByteOffset: 8, as: UInt64.self)
    words.storeBytes(of: root, toByteOffset: 16, as: UInt64.self)
    // SDM volume 3, 9.4.4: INIT, 10 ms, the start page, 200 µs, the start page again.
    LocalAPIC.sendInitialization(to: identifier)
    wait(nanoseconds: 10_000_000) { false }
    var hasStarted = false
    for attempt in 0..<2 where !hasStarted {
      LocalAPIC.sendStart(to: identifier, page: UInt8(trampoline >> 12))
      hasStarted = wait(nanoseconds: attempt == 0 ? 200_000 : 2_000_000_000) {
        has_processor_started(UInt32(number)) != 0
      }
    }
    if hasStarted { PageTables.sealProcessor(number) }
    return hasStarted
  }

  /// Forgets all that the processor knows of page tables, also what is the same for all.
  public static func forgetAll() {
    write_cr4(read_cr4() & ~(1 << 7))
    write_cr4(read_cr4() | 1 << 7)
  }

  @discardableResult
  private static func wait(nanoseconds: UInt64, until isDone: () -> Bool) -> Bool {
    let start = Clock.monotonicNanoseconds()
    while Clock.monotonicNanoseconds() &- start < nanoseconds {
      if isDone() { return true }
      cpu_pause()
    }
    return isDone()
  }
}

/// What a further processor does with the lock. Defined in the Kernel module.
@_silgen_name("kernel_processor_main")
func kernelProcessorMain() -> Never

/// The first Swift line of a further processor, from boot.S.
@_cdecl("machine_start_processor")
func machineStartProcessor() -> Never {
  Traps.load()
  Processor.enableFeatures()
  LocalAPIC.initialize()
  set_processor_started()
  kernelProcessorMain()
}

/// What a processor does that has nothing to do and no thread's stack to stand on. Defined in the Kernel module.
@_silgen_name("kernel_processor_idle")
func kernelProcessorIdle() -> Never

/// From machine.c.
@_cdecl("machine_interrupt_processor")
func machineInterruptProcessor(_ index: UInt32) {
  LocalAPIC.send(Vector.attention, to: get_apic_identifier(index))
}
