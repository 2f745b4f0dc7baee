// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

// Defined by the kernel proper.

/// A system call of the program: number in `rax`, result to `rax`.
@_silgen_name("kernel_system_call")
func kernelSystemCall(_ frame: inout TrapFrame)

/// A page fault at `address`. Returns whether the access may be tried again.
@_silgen_name("kernel_page_fault")
func kernelPageFault(_ address: UInt64, _ errorCode: UInt64, _ fromProgram: Bool) -> Bool

/// An exception of the program that the machine did not resolve.
@_silgen_name("kernel_program_exception")
func kernelProgramException(_ frame: inout TrapFrame, _ faultAddress: UInt64)

/// A device interrupt or the timer.
@_silgen_name("kernel_interrupt")
func kernelInterrupt(_ vector: UInt64, _ frame: inout TrapFrame, _ fromProgram: Bool)

/// The last stop before the program runs again while work is pending.
@_silgen_name("kernel_return_to_program")
func kernelReturnToProgram(_ frame: inout TrapFrame)

/// Sets up descriptor, task and interrupt tables and the system call entry.
enum Traps {
  private static func write(_ value: UInt64, at address: UInt64) {
    UnsafeMutablePointer<UInt64>(bitPattern: UInt(address))!.pointee = value
  }

  static func initialize() {
    let task = task_state_address()
    // TSS (SDM volume 3, figure 8-11): IST1 ordinary, IST2 NMI, IST3 double fault and machine check.
    func writeUnaligned(_ value: UInt64, at address: UInt64) {
      UnsafeMutableRawPointer(bitPattern: UInt(address))!.storeBytes(of: value, as: UInt64.self)
    }
    writeUnaligned(interrupt_stack_top_address(), at: task + 36)
    writeUnaligned(nmi_stack_top_address(), at: task + 44)
    writeUnaligned(double_fault_stack_top_address(), at: task + 52)
    UnsafeMutableRawPointer(bitPattern: UInt(task))!.storeBytes(of: 104, toByteOffset: 102, as: UInt16.self)
    let descriptors = descriptor_table_address()
    write(103 | (task & 0xff_ffff) << 16 | 0x89 << 40 | (task >> 24 & 0xff) << 56, at: descriptors + 24)
    write(task >> 32, at: descriptors + 32)

    let stubs = trap_stubs_address()
    for vector in 0..<UInt64(64) {
      let handler = UnsafePointer<UInt64>(bitPattern: UInt(stubs + vector * 8))!.pointee
      let stack: UInt64 =
        vector == Vector.nonMaskable
        ? 2 : vector == Vector.doubleFault || vector == Vector.machineCheck ? 3 : 1
      let gate = interrupt_table_address() + vector * 16
      write(
        handler & 0xffff | 8 << 16 | stack << 32 | 0x8e << 40 | (handler >> 16 & 0xffff) << 48,
        at: gate)
      write(handler >> 32, at: gate + 8)
    }
    load()
  }

  /// Tells the processor where the tables are, and how system calls enter.
  static func load() {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { buffer in
      buffer.storeBytes(of: 39, toByteOffset: 0, as: UInt16.self)
      buffer.storeBytes(of: descriptor_table_address(), toByteOffset: 2, as: UInt64.self)
      buffer.storeBytes(of: 64 * 16 - 1, toByteOffset: 16, as: UInt16.self)
      buffer.storeBytes(of: interrupt_table_address(), toByteOffset: 18, as: UInt64.self)
      load_tables(buffer.baseAddress!, buffer.baseAddress! + 16, 0x18)
    }
    write_msr(0xc000_0081, 8 << 32)  // STAR: the kernel's selectors for syscall
    let isFirst = get_processor_index() == 0
    write_msr(0xc000_0082, isFirst ? system_call_entry_address() : system_call_entry_locked_address())  // LSTAR
    write_msr(0xc000_0084, 0x44500)  // SFMASK: AC, NT, DF, TF; interrupts stay as they are
  }

  /// The first processor, too, enters with the kernel's lock from now on.
  static func useLockedEntry() { write_msr(0xc000_0082, system_call_entry_locked_address()) }

  /// Whether the frame is the program's own: its code, or the last jump back to it.
  @inline(__always)
  static func isFromProgram(_ frame: UnsafeMutablePointer<TrapFrame>) -> Bool {
    !isKernelAddress(frame.pointee.rip) || !isKernelAddress(frame.pointee.rsp)
  }
}

extension Traps {
  /// Whether the program made the exception itself, by `int n` with n not 3 (which Linux allows).
  static func isSoftwareInterrupt(_ frame: UnsafeMutablePointer<TrapFrame>) -> Bool {
    let vector = frame.pointee.vector
    let start = frame.pointee.rip &- 2
    // An instruction that was just executed is there: looking must not make a page fault of its own, which
    // would be told to the program in place of this one.
    guard vector != Vector.breakpoint, vector < 64, ProgramMemory.isRange(start, 2),
      PageTables.entry(at: start).isPresent, PageTables.entry(at: start &+ 1).isPresent,
      let bytes = ProgramMemory.load(UInt16.self, at: start)
    else { return false }
    return bytes == UInt16(vector) << 8 | 0xcd
  }
}

/// Every exception and interrupt, from entry.S.
@_cdecl("machine_trap")
func machineTrap(_ pointer: UnsafeMutableRawPointer) {
  let frame = pointer.assumingMemoryBound(to: TrapFrame.self)
  // The kernel interrupted by itself has the lock, or is about to get it.
  guard get_processor_count() > 1 && Traps.isFromProgram(frame) && frame.pointee.vector != Vector.nonMaskable else {
    return trap(frame)
  }
  acquire_kernel_lock()
  trap(frame)
  release_kernel_lock_to_program()
}

private func trap(_ frame: UnsafeMutablePointer<TrapFrame>) {
  let vector = frame.pointee.vector
  if vector == Vector.pageFault {
    let address = read_cr2()
    // The kernel's own memory is all mapped when it is handed out: a fault there is nobody's first touch.
    if !isKernelAddress(address), kernelPageFault(address, frame.pointee.errorCode, Traps.isFromProgram(frame)) {
      if get_pending_work() != 0 { finish(frame) }
      return
    }
    fail(frame, address)
    return
  }
  if vector >= Vector.firstInterrupt && vector < 64 {
    kernelInterrupt(vector, &frame.pointee, Traps.isFromProgram(frame))
    if get_pending_work() != 0 { finish(frame) }
    return
  }
  fail(frame, vector == Vector.generalProtection ? 0 : frame.pointee.rip)
}

/// Work is pending and the program is about to go on: do it first, unless the kernel was interrupted.
private func finish(_ frame: UnsafeMutablePointer<TrapFrame>) {
  let rip = frame.pointee.rip
  if isKernelAddress(rip) {
    if isKernelAddress(frame.pointee.rsp) {
      // A system call that has already looked for work, or has not yet switched back: it looks again.
      // What it popped is still there: an interrupt leaves the 128 bytes below the stack pointer alone.
      if rip > system_call_exit_address() && rip < system_call_return_address()
        || rip > system_call_exit_locked_address() && rip < system_call_return_locked_address()
      {
        frame.pointee.rip = system_call_exit_slowly_address()
        frame.pointee.rsp = get_kernel_stack_top() - UInt64(MemoryLayout<TrapFrame>.size)
      }
      return
    }
    // Between the stack switch and the jump back of a system call: the program is where RCX says.
    guard rip == system_call_return_address() || rip == system_call_return_locked_address() else { return }
    frame.pointee.rip = frame.pointee.rcx
  }
  kernelReturnToProgram(&frame.pointee)
}

/// An exception that nothing resolved: a bad pointer given to a system call, a broken program, or a
/// broken kernel.
private func fail(_ frame: UnsafeMutablePointer<TrapFrame>, _ address: UInt64) {
  let rip = frame.pointee.rip
  if rip >= program_access_start_address() && rip < program_access_end_address() {
    frame.pointee.rip = program_access_failed_address()
    return
  }
  if frame.pointee.vector == Vector.debug && isKernelAddress(rip) && isKernelAddress(frame.pointee.rsp) {
    // A breakpoint that the program set on the kernel's memory, or a single step that reached the kernel.
    write_dr6(0xffff_0ff0)
    frame.pointee.rflags |= 1 << 16  // RF: go past it
    return
  }
  if Traps.isFromProgram(frame) && Traps.isSoftwareInterrupt(frame) {
    // `int n` works for every n in ring 0; on Linux it is a general protection fault of that instruction.
    frame.pointee.rip &-= 2
    frame.pointee.errorCode = frame.pointee.vector << 3 | 2
    frame.pointee.vector = Vector.generalProtection
  }
  if !Traps.isFromProgram(frame) || frame.pointee.vector == Vector.kernelStackOverflow
    || frame.pointee.vector == Vector.nonMaskable || frame.pointee.vector == Vector.doubleFault
    || frame.pointee.vector == Vector.machineCheck
  {
    Panic.report(frame.pointee, address)
  }
  kernelProgramException(&frame.pointee, address)
  // Not `finish`: a program that jumped into the kernel's window looks like the kernel to it.
  if get_pending_work() != 0 { kernelReturnToProgram(&frame.pointee) }
}
