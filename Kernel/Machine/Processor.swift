// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// What the processor is and has (CPUID), and the few registers that the kernel sets once.
public enum Processor {
  /// CPUID leaf 1, ECX and EDX; leaf 7, EBX; leaf 0xd sub-leaf 1, EAX.
  public private(set) static var features1C: UInt32 = 0
  public private(set) static var features1D: UInt32 = 0
  public private(set) static var features7B: UInt32 = 0
  public private(set) static var signature: UInt32 = 0
  public private(set) static var hasFSGSBASE = false
  public private(set) static var hasTSCDeadline = false
  public private(set) static var hasX2APIC = false
  /// The state components that the program may use (XCR0), and the bytes that XSAVE needs for them.
  public private(set) static var vectorStateMask: UInt64 = 3
  public private(set) static var vectorStateSize = 576
  /// RDTSCP.
  public private(set) static var hasProcessorNumber = false
  static var hasRDRAND = false
  static var hasRDSEED = false
  /// Physical addresses have this many bits.
  static var physicalAddressBits: UInt64 = 36

  /// Reads the features and turns on what the program may use: FSGSBASE, XSAVE with all state
  /// components up to AVX-512 and PKRU (Intel SDM volume 1, chapter 13).
  static func initialize() {
    let leaf1 = cpuid(1, 0)
    let leaf7 = cpuid(7, 0)
    signature = leaf1.eax
    features1C = leaf1.ecx
    features1D = leaf1.edx
    features7B = leaf7.ebx
    hasRDRAND = leaf1.ecx & 1 << 30 != 0
    hasRDSEED = leaf7.ebx & 1 << 18 != 0
    hasFSGSBASE = leaf7.ebx & 1 << 0 != 0
    hasX2APIC = leaf1.ecx & 1 << 21 != 0
    hasTSCDeadline = leaf1.ecx & 1 << 24 != 0
    hasProcessorNumber = cpuid(0x8000_0001, 0).edx & 1 << 27 != 0
    physicalAddressBits = UInt64(cpuid(0x8000_0008, 0).eax & 0xff)

    // x87, SSE, AVX, AVX-512 (three components); PKRU and AMX stay off.
    vectorStateMask = UInt64(cpuid(0xd, 0).eax) & 0xe7
    if vectorStateMask & 0xe0 != 0xe0 { vectorStateMask &= 0x7 }
    enableFeatures()
    vectorStateSize = Int(cpuid(0xd, 0).ebx)
  }

  /// Turns on what `initialize` found, on each processor.
  static func enableFeatures() {
    var cr4 = read_cr4() | 1 << 18  // OSXSAVE
    if hasFSGSBASE { cr4 |= 1 << 16 }
    write_cr4(cr4)
    set_xcr0(vectorStateMask)
    // What RDTSCP and RDPID tell the program.
    if hasProcessorNumber { write_msr(0xc000_0103, UInt64(get_processor_index())) }
  }

  /// The time stamp counter.
  @inlinable public static var timestamp: UInt64 { read_tsc() }

  /// The program's FS base: its thread pointer.
  public static var fsBase: UInt64 {
    get { hasFSGSBASE ? read_fs_base() : read_msr(0xc000_0100) }
    set { if hasFSGSBASE { write_fs_base(newValue) } else { write_msr(0xc000_0100, newValue) } }
  }
  /// The program's GS base.
  public static var gsBase: UInt64 {
    get { hasFSGSBASE ? read_gs_base() : read_msr(0xc000_0101) }
    set { if hasFSGSBASE { write_gs_base(newValue) } else { write_msr(0xc000_0101, newValue) } }
  }

  /// Both at once.
  public static var segmentBases: (fs: UInt64, gs: UInt64) {
    @inline(__always) get { hasFSGSBASE ? (read_fs_base(), read_gs_base()) : (fsBase, gsBase) }
    @inline(__always) set {
      if hasFSGSBASE {
        write_fs_base(newValue.fs)
        write_gs_base(newValue.gs)
      } else {
        (fsBase, gsBase) = newValue
      }
    }
  }

  /// CPUID, for callers outside Machine.
  public static func identify(_ leaf: UInt32, _ subleaf: UInt32 = 0) -> (UInt32, UInt32, UInt32, UInt32) {
    let result = cpuid(leaf, subleaf)
    return (result.eax, result.ebx, result.ecx, result.edx)
  }

  /// One random word of the processor: RDSEED if it has that, else RDRAND; nil without either.
  public static func randomWord() -> UInt64? {
    var word: UInt64 = 0
    if hasRDSEED {
      for _ in 0..<64 {
        if rdseed64(&word) != 0 { return word }
        cpu_pause()
      }
    }
    if hasRDRAND {
      for _ in 0..<16 where rdrand64(&word) != 0 { return word }
    }
    return nil
  }

  /// Lets interrupts in, waits for one, and returns with interrupts off.
  public static func waitForInterrupt() { wait_for_interrupt() }
  /// Whether an interrupt could arrive now (RFLAGS.IF).
  public static var interruptsAreEnabled: Bool { read_flags() & 1 << 9 != 0 }
  /// Calls `body` with interrupts off; afterwards they are as they were.
  @inline(__always)
  public static func withoutInterrupts<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let wereEnabled = interruptsAreEnabled
    disable_interrupts()
    defer { if wereEnabled { enable_interrupts() } }
    return try body()
  }
  @inlinable public static func pause() { cpu_pause() }

  /// Stops at the next execution of the instruction at `address` (debug register 0), or never if nil.
  public static func breakBeforeExecuting(_ address: UInt64?) {
    write_dr0(address ?? 0)
    write_dr7(address == nil ? 0x400 : 0x401)
  }
  /// The debug status, cleared by reading it.
  public static func takeDebugStatus() -> UInt64 {
    let status = read_dr6()
    write_dr6(0xffff_0ff0)
    return status
  }

  /// Ends the virtual machine: a triple fault, on which every hypervisor resets and ours exits.
  public static func reset() -> Never { machine_reset() }
}

/// The program's vector registers.
extension Processor {
  /// All vector state as after a reset: what a new program finds.
  public static func resetVectorState() {
    guard let frame = PhysicalMemory.allocateZeroed() else { return }
    // With no component marked as saved, XRSTOR initialises all; MXCSR alone it always takes from here.
    frame.storeWord(0x1f80, at: 24)
    _ = program_restore_vectors(frame.address, vectorStateMask)
    PhysicalMemory.release(frame)
  }

  /// Starts the program whose registers are in `state`: the kernel's stack is empty from now on.
  public static func enterProgram(_ state: TrapFrame) -> Never {
    var state = state
    withUnsafeMutablePointer(to: &state) { enter_program($0) }
  }
}
