// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// The processor's own interrupt controller (Intel SDM volume 3, chapter 11), in xAPIC or x2APIC mode, and
/// its timer, which is the only one the kernel uses.
public enum LocalAPIC {
  /// Register offsets of xAPIC; x2APIC has them at MSR 0x800 + offset / 16.
  private enum Register {
    static let identifier: UInt32 = 0x20
    static let taskPriority: UInt32 = 0x80
    static let endOfInterrupt: UInt32 = 0xb0
    static let spurious: UInt32 = 0xf0
    static let command: UInt32 = 0x300
    static let commandTarget: UInt32 = 0x310
    static let localTimer: UInt32 = 0x320
    static let localPin0: UInt32 = 0x350
    static let localPin1: UInt32 = 0x360
    static let localError: UInt32 = 0x370
    static let initialCount: UInt32 = 0x380
    static let currentCount: UInt32 = 0x390
    static let divide: UInt32 = 0x3e0
  }
  private static let masked: UInt32 = 1 << 16

  private static var base: UInt64 = 0
  private static var isX2 = false
  private static var usesDeadline = false
  /// The processors whose timers do, a bit each.
  private static var deadlineProcessors: UInt64 = 0
  /// The first processor's number, for devices that send it interrupts.
  public private(set) static var identifier: UInt32 = 0
  /// See `measureTimer`; 0 before the first use.
  private static var timerRatio: UInt64 = 0

  @inline(__always)
  private static func read(_ register: UInt32) -> UInt32 {
    if isX2 { return UInt32(truncatingIfNeeded: read_msr(0x800 + register >> 4)) }
    return mmio_read32(base &+ UInt64(register))
  }

  @inline(__always)
  private static func write(_ register: UInt32, _ value: UInt32) {
    if isX2 { write_msr(0x800 + register >> 4, UInt64(value)) } else { mmio_write32(base &+ UInt64(register), value) }
  }

  /// Turns the controller on, with the timer silent. On each processor.
  static func initialize() {
    let apicBase: UInt32 = 0x1b
    var control = read_msr(apicBase) | 1 << 11
    isX2 = Processor.hasX2APIC
    if isX2 {
      // Not in one step from "disabled" (SDM §11.12.5.1).
      write_msr(apicBase, control)
      control |= 1 << 10
    } else if base == 0 {
      base = PageTables.mapDevice(control & 0xf_ffff_f000, size: 4096)
    }
    write_msr(apicBase, control)
    if get_processor_index() == 0 { identifier = isX2 ? read(Register.identifier) : read(Register.identifier) >> 24 }
    write(Register.taskPriority, 0)
    write(Register.localPin0, masked)
    write(Register.localPin1, 0x400)  // NMI
    write(Register.localError, masked)
    write(Register.localTimer, masked | UInt32(Vector.timer))
    write(Register.divide, 0b1011)  // by 1
    write(Register.spurious, 0x100 | UInt32(Vector.spurious))
  }

  /// Tells the controller that the interrupt at hand is done with. Not for the spurious one.
  @inline(__always) public static func endOfInterrupt() { write(Register.endOfInterrupt, 0) }

  // MARK: other processors (SDM volume 3, 11.6.1)

  private static func sendCommand(_ command: UInt32, to target: UInt32) {
    if isX2 {
      write_msr(0x830, UInt64(target) << 32 | UInt64(command))
      return
    }
    write(Register.commandTarget, target << 24)
    write(Register.command, command)
    while read(Register.command) & 1 << 12 != 0 { cpu_pause() }
  }

  /// Interrupts the processor with this identifier at `vector`.
  static func send(_ vector: UInt64, to target: UInt32) { sendCommand(UInt32(vector) | 1 << 14, to: target) }
  /// INIT: it waits to be started.
  static func sendInitialization(to target: UInt32) {
    sendCommand(0x500 | 1 << 14 | 1 << 15, to: target)
    sendCommand(0x500 | 1 << 15, to: target)
  }
  /// It begins at physical address `page` * 4096.
  static func sendStart(to target: UInt32, page: UInt8) { sendCommand(0x600 | UInt32(page), to: target) }

  // MARK: the timer

  private static func load(_ count: UInt32) { write(Register.initialCount, count) }

  /// Uses the time stamp counter as the timer's clock, which is exact and has no end. For processors that
  /// can, once the counter's frequency is known.
  static func useDeadline() {
    if Processor.hasTSCDeadline { usesDeadline = true }
  }

  private static func switchToDeadline() {
    deadlineProcessors |= 1 << UInt64(get_processor_index())
    load(0)
    write(Register.localTimer, 0b10 << 17 | UInt32(Vector.timer))
    memory_barrier()  // SDM §11.5.4.1: before the first write of the deadline
  }

  /// The timer's ticks in a nanosecond, 32 binary places. QEMU's translator (hw/intc/apic.c) and KVM
  /// (APIC_BUS_CYCLE_NS) count nanoseconds by definition; elsewhere the timer is measured.
  private static func measureTimer() -> UInt64 {
    let signature = cpuid(0x4000_0000, 0)
    // "TCGTCGTCGTCG", or "KVMKVMKVM" without a leaf that says otherwise.
    if signature.ebx == 0x5447_4354 { return 1 << 32 }
    if signature.ebx == 0x4b4d_564b && signature.ecx == 0x564b_4d56 {
      let kilohertz = signature.eax >= 0x4000_0010 ? UInt64(cpuid(0x4000_0010, 0).ebx) : 0
      return kilohertz == 0 ? 1 << 32 : max(1, kilohertz << 32 / 1_000_000)
    }
    load(.max)
    let start = Clock.monotonicNanoseconds()
    var elapsed: UInt64 = 0
    while elapsed < 200_000 {
      cpu_pause()
      elapsed = Clock.monotonicNanoseconds() - start
    }
    return max(1, UInt64(UInt32.max - read(Register.currentCount)) << 32 / elapsed)
  }

  /// Interrupts once after `nanoseconds`, and forgets an earlier request. Longer times than the timer can
  /// count end early (after four seconds at 1 GHz): whoever waits looks at the clock and asks again.
  public static func startTimer(nanoseconds: UInt64) {
    Clock.prepare()
    if usesDeadline {
      if deadlineProcessors >> UInt64(get_processor_index()) & 1 == 0 { switchToDeadline() }
      write_msr(0x6e0, Processor.timestamp &+ Clock.ticks(nanoseconds: nanoseconds))
      return
    }
    if timerRatio == 0 { timerRatio = measureTimer() }
    let product = min(nanoseconds, 1 << 40).multipliedFullWidth(by: timerRatio)
    let count = product.high << 32 | product.low >> 32
    write(Register.localTimer, UInt32(Vector.timer))
    load(UInt32(min(max(count, 1), UInt64(UInt32.max))))
  }

  /// No interrupt by the timer any more. One that was already on its way may still arrive.
  public static func stopTimer() {
    if deadlineProcessors >> UInt64(get_processor_index()) & 1 != 0 { write_msr(0x6e0, 0) } else { load(0) }
  }
}
