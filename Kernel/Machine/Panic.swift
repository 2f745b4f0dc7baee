// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// Where the kernel's last words go besides the serial port; set once the channel works. It must not
/// allocate and must not wait for long.
@_silgen_name("kernel_panicked")
func kernelPanicked()

/// The first serial port, byte by byte: for the time before the channel works and for last words.
public enum Serial {
  public static func write(_ text: StaticString) {
    var pointer = text.utf8Start
    for _ in 0..<text.utf8CodeUnitCount {
      put(pointer.pointee)
      pointer += 1
    }
  }

  public static func write(_ bytes: Span<UInt8>) {
    for index in bytes.indices { put(bytes[index]) }
  }

  @inline(never)
  public static func put(_ byte: UInt8) {
    if byte == 10 { out8(0x3f8, 13) }
    out8(0x3f8, byte)
  }

  public static func writeHexadecimal(_ value: UInt64) {
    write("0x")
    var shift: UInt64 = 60
    while shift > 0 && value >> shift == 0 { shift -= 4 }
    while true {
      let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
      put(digit < 10 ? 48 + digit : 87 + digit)
      if shift == 0 { return }
      shift -= 4
    }
  }
}

/// The end of a kernel that found itself wrong: a report on the serial port, then the machine stops.
public enum Panic {
  private static var isReporting = false

  /// Where code of the kernel is, as `kernel+0x…`: independent of the boot's random base.
  private static func writeLocation(_ address: UInt64) {
    Serial.write("kernel+")
    Serial.writeHexadecimal(address &- image_start())
  }

  private static func writeBacktrace(_ start: UInt64) {
    var pointer = start
    for _ in 0..<24 {
      guard isKernelAddress(pointer), pointer & 7 == 0, pointer < get_kernel_stack_top() &- 16 else { return }
      let frame = UnsafePointer<UInt64>(bitPattern: UInt(pointer))!
      guard frame[1] >= image_start(), frame[1] < text_end() else { return }
      Serial.write("  called from ")
      writeLocation(frame[1])
      Serial.write("\n")
      guard frame[0] > pointer else { return }
      pointer = frame[0]
    }
  }

  private static func end() -> Never {
    Serial.write("vorteil: kernel panic: the virtual machine stops here\n")
    kernelPanicked()
    Processor.reset()
  }

  /// An exception inside the kernel.
  static func report(_ frame: TrapFrame, _ address: UInt64) -> Never {
    disable_interrupts()
    if isReporting { Processor.reset() }
    isReporting = true
    Serial.write("vorteil: kernel panic: ")
    switch frame.vector {
    case Vector.invalidOpcode: Serial.write("a check in the kernel failed")
    case Vector.pageFault: Serial.write("page fault")
    case Vector.kernelStackOverflow: Serial.write("the kernel's stack overflowed")
    case Vector.doubleFault: Serial.write("double fault")
    case Vector.nonMaskable: Serial.write("non-maskable interrupt")
    case Vector.machineCheck: Serial.write("machine check")
    default:
      Serial.write("exception ")
      Serial.writeHexadecimal(frame.vector)
    }
    Serial.write("\n  at ")
    writeLocation(frame.rip)
    Serial.write(", error ")
    Serial.writeHexadecimal(frame.errorCode)
    Serial.write(", address ")
    Serial.writeHexadecimal(address)
    Serial.write("\n")
    let registers: [(StaticString, UInt64)] = [
      ("rax", frame.rax), ("rbx", frame.rbx), ("rcx", frame.rcx), ("rdx", frame.rdx), ("rsi", frame.rsi),
      ("rdi", frame.rdi), ("rbp", frame.rbp), ("rsp", frame.rsp), ("r8", frame.r8), ("r9", frame.r9),
      ("r10", frame.r10), ("r11", frame.r11), ("r12", frame.r12), ("r13", frame.r13), ("r14", frame.r14),
      ("r15", frame.r15), ("rflags", frame.rflags),
    ]
    var column = 0
    for (name, value) in registers {
      Serial.write("  ")
      Serial.write(name)
      Serial.write("=")
      Serial.writeHexadecimal(value)
      column += 1
      if column % 4 == 0 { Serial.write("\n") }
    }
    Serial.write("\n")
    writeBacktrace(frame.rbp)
    end()
  }

  /// A state that must not be.
  public static func stop(_ reason: StaticString) -> Never {
    disable_interrupts()
    if isReporting { Processor.reset() }
    isReporting = true
    Serial.write("vorteil: kernel panic: ")
    Serial.write(reason)
    Serial.write("\n")
    writeBacktrace(frame_pointer())
    end()
  }
}

/// Called by compiler-made code when a stack frame's guard was overwritten.
@_cdecl("__stack_chk_fail")
func stackGuardFailed() { Panic.stop("a stack frame of the kernel was overwritten") }
