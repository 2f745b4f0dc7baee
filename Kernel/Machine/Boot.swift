// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// What the hypervisor and the tool told the kernel at the start.
public enum Boot {
  /// The command line, at most 4 KiB.
  public private(set) static var commandLine: [UInt8] = []
  /// The physical address of the ACPI root pointer, or 0.
  public private(set) static var acpiRoot: UInt64 = 0
  private static var seedTaken = false

  /// The time stamp counter at the kernel's first Swift line.
  public private(set) static var startTimestamp: UInt64 = 0

  /// The 32 seed bytes that the tool handed over and boot.S did not use itself, once; nil if it gave none.
  public static func takeSeed() -> [UInt8]? {
    guard get_boot_seed_length() == 64, !seedTaken else { return nil }
    seedTaken = true
    let seed = UnsafeMutablePointer<UInt8>(bitPattern: UInt(boot_seed_address()))!
    var result: [UInt8] = []
    for index in 32..<64 {
      result.append(seed[index])
      seed[index] = 0
    }
    return result
  }

  /// Bytes of tables that the firmware left in memory; nil if there is no memory.
  public static func firmwareBytes(at physical: UInt64, count: Int) -> [UInt8]? {
    let end = max(UInt64(PhysicalMemory.end) << 12, 1 << 30)
    guard count >= 0, physical < end, UInt64(count) <= end - physical else { return nil }
    let bytes = DirectMap.pointer(to: physical).assumingMemoryBound(to: UInt8.self)
    return [UInt8](unsafeUninitializedCapacity: count) { target, length in
      for index in 0..<count { target[index] = bytes[index] }
      length = count
    }
  }

  /// Where the kernel's image starts; it moves with every boot.
  public static var imageBase: UInt64 { image_start() }

  fileprivate static func initialize(_ startInfo: UInt64) {
    startTimestamp = read_tsc()
    DirectMap.base = get_direct_map_base()
    let info = DirectMap.pointer(to: startInfo).assumingMemoryBound(to: hvm_start_info.self).pointee
    guard info.magic == 0x336e_c578, info.version >= 1, info.memory_map != 0 else {
      Serial.write("vorteil: not started by the PVH boot protocol with a memory map\n")
      Processor.reset()
    }
    let ranges = DirectMap.pointer(to: info.memory_map).assumingMemoryBound(to: hvm_memory_range.self)
    let imageEnd = 0x10_0000 + tables_end() - image_start()
    for index in 0..<Int(info.memory_map_count) where ranges[index].type == 1 {
      // The first pages are never used: frame number 0 means "none", and others are for starting processors.
      let start = max(ranges[index].address, Processors.reserved)
      let end = min(ranges[index].address &+ ranges[index].size, 1 << 43)
      guard start < end else { continue }
      addMemory(start, min(end, 0x10_0000))
      addMemory(max(start, imageEnd), end)
    }
    acpiRoot = info.rsdp
    // The command line may stand in memory that is about to be used: it waits on the stack.
    var line = InlineArray<4096, UInt8>(repeating: 0)
    var length = 0
    if info.command_line != 0 {
      let text = DirectMap.pointer(to: info.command_line).assumingMemoryBound(to: UInt8.self)
      while length < 4096 && text[length] != 0 {
        line[length] = text[length]
        length += 1
      }
    }
    PhysicalMemory.start()
    KernelHeap.initialize()
    commandLine.reserveCapacity(length)
    for index in 0..<length { commandLine.append(line[index]) }
    PageTables.initialize(endOfMemory: UInt64(PhysicalMemory.end) << 12)
  }

  private static func addMemory(_ start: UInt64, _ end: UInt64) {
    let first = (start + 4095) >> 12
    let last = end >> 12
    if first < last { PhysicalMemory.add(UInt32(first)..<UInt32(last)) }
  }

  /// What was set up for good is made read-only. Called once, when booting is over.
  public static func seal() { PageTables.seal() }
}

/// The kernel proper, from here on. Defined in the Kernel module.
@_silgen_name("kernel_main")
func kernelMain() -> Never

/// The first Swift line, from boot.S.
@_cdecl("machine_start")
func machineStart(_ startInfo: UInt64) -> Never {
  Boot.initialize(startInfo)
  Processor.initialize()
  Traps.initialize()
  IOAPIC.initialize()
  LocalAPIC.initialize()
  Clock.initialize()
  kernelMain()
}

/// What Swift's runtime asks for and the kernel does not have another use for.
@_cdecl("arc4random_buf")
func runtimeRandom(_ buffer: UnsafeMutableRawPointer, _ count: Int) {
  Panic.stop("the runtime's random generator is not to be used in the kernel")
}
