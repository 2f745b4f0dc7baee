// SPDX-License-Identifier: Apache-2.0
import Channel
import Collections
import Machine
import Signals

/// What is said when a signal ends the program: at level error and in full for one that would dump core, in
/// one line at level info for the others, which somebody sent on purpose.
///
/// Everything here is about a program that is broken. So all its memory is read through `ProgramMemory`,
/// all loops are bounded, and arithmetic on its values wraps.
enum CrashReport {
  static func write(_ information: SignalInformation, _ frame: TrapFrame) {
    let number = Int(information.number)
    guard DefaultAction(for: number) == .core else {
      return Log.info { message in
        message.append("the program was ended by ")
        append(signal: number, &message)
      }
    }
    guard Log.isEnabled(.error) else { return }
    Log.error { message in
      message.append(process.name)
      message.append(" was ended by ")
      append(signal: number, &message)
      message.append(": ")
      CrashCause.append(information, frame, &message)
    }
    writeRegisters(frame)
    writePlace("at", frame.rip)
    writeCode(frame.rip)
    if CrashCause.isPageFault(information), information.first != frame.rip {
      writePlace("address", information.first)
    }
    Backtrace.write(frame)
    writeMemoryMap(frame, information)
  }

  private static func append(signal number: Int, _ message: inout Message) {
    if number < Signal.firstRealTime {
      message.append(Signal.name(number))
    } else {
      message.append("signal ")
      message.append(decimal: number)
    }
  }

  private static func writeRegisters(_ frame: TrapFrame) {
    writeRegisters("rax", frame.rax, "rbx", frame.rbx, "rcx", frame.rcx, "rdx", frame.rdx)
    writeRegisters("rsi", frame.rsi, "rdi", frame.rdi, "rbp", frame.rbp, "rsp", frame.rsp)
    writeRegisters("r8 ", frame.r8, "r9 ", frame.r9, "r10", frame.r10, "r11", frame.r11)
    writeRegisters("r12", frame.r12, "r13", frame.r13, "r14", frame.r14, "r15", frame.r15)
    Log.error { message in
      message.append("  rip ")
      message.append(hexadecimal: frame.rip, width: 16)
      message.append("  rflags ")
      message.append(hexadecimal: frame.rflags)
      message.append("  fs ")
      message.append(hexadecimal: Processor.fsBase)
      message.append("  cs ")
      message.append(hexadecimal: frame.cs)
      message.append(": ring ")
      message.append(decimal: frame.cs & 3)
    }
  }

  private static func writeRegisters(
    _ name1: StaticString, _ value1: UInt64, _ name2: StaticString, _ value2: UInt64,
    _ name3: StaticString, _ value3: UInt64, _ name4: StaticString, _ value4: UInt64
  ) {
    Log.error { message in
      message.append("  ")
      message.append(name1)
      message.append(" ")
      message.append(hexadecimal: value1, width: 16)
      message.append("  ")
      message.append(name2)
      message.append(" ")
      message.append(hexadecimal: value2, width: 16)
      message.append("  ")
      message.append(name3)
      message.append(" ")
      message.append(hexadecimal: value3, width: 16)
      message.append("  ")
      message.append(name4)
      message.append(" ")
      message.append(hexadecimal: value4, width: 16)
    }
  }

  private static func writePlace(_ label: StaticString, _ address: UInt64) {
    let place = CodePlace(address, isReturn: false)
    Log.error { message in
      message.append("  ")
      message.append(label)
      message.append(" ")
      place.append(to: &message)
    }
  }

  /// The bytes at which the processor stopped.
  private static func writeCode(_ address: UInt64) {
    guard let bytes = ProgramMemory.load(UInt64.self, at: address) else { return }
    Log.error { message in
      message.append("  code")
      for index in 0..<UInt64(8) {
        message.append(" ")
        let byte = bytes >> (index * 8) & 0xff
        for digit in [byte >> 4, byte & 15] {
          message.append(byte: UInt8(truncatingIfNeeded: digit < 10 ? 48 + digit : 87 + digit))
        }
      }
    }
  }

  /// The mappings, around what matters if there are too many.
  private static func writeMemoryMap(_ frame: TrapFrame, _ information: SignalInformation) {
    let limit = 64
    let count = addressSpace.map.count
    Log.error("  memory:")
    let middle = addressSpace.map.index(endingAfter: frame.rip)
    let first = count <= limit ? 0 : min(max(0, middle - limit / 2), count - limit)
    if first > 0 { writeRest(first) }
    for index in first..<min(count, first + limit) {
      let entry = addressSpace.map.entries[index]
      func holds(_ address: UInt64) -> Bool { entry.start <= address && address < entry.end }
      let mark: StaticString =
        holds(frame.rip)
        ? "  <- rip"
        : holds(frame.rsp)
          ? "  <- rsp" : CrashCause.isPageFault(information) && holds(information.first) ? "  <- address" : ""
      Log.error { message in
        message.append("  ")
        append(range: entry.start, entry.end, entry.value, &message)
        message.append(mark)
      }
    }
    if count > first + limit { writeRest(count - first - limit) }
  }

  private static func writeRest(_ count: Int) {
    Log.error { message in
      message.append("  … ")
      message.append(decimal: count)
      message.append(" more")
    }
  }

  /// As in `/proc/self/maps`: range, rights, offset, file or kind.
  private static func append(range start: UInt64, _ end: UInt64, _ mapping: Mapping, _ message: inout Message) {
    message.append(hexadecimal: start)
    message.append("-")
    message.append(hexadecimal: end)
    message.append(" ")
    message.append(mapping.protection.contains(.read) ? "r" : "-")
    message.append(mapping.protection.isWritable ? "w" : "-")
    message.append(mapping.protection.isExecutable ? "x" : "-")
    message.append(mapping.isShared ? "s" : "p")
    switch mapping.name {
    case .heap: message.append(" [heap]")
    case .stack: message.append(" [stack]")
    case .vdso: message.append(" [vdso]")
    case .vvar: message.append(" [vvar]")
    case .guardPages: message.append(" (guard)")
    case .none: break
    }
    guard let location = mapping.location else { return }
    message.append(" ")
    message.append(hexadecimal: mapping.offset)
    message.append(" ")
    message.append(location.shownPath())
  }
}

/// The cause of a signal in words.
enum CrashCause {
  static func isPageFault(_ information: SignalInformation) -> Bool {
    let number = Int(information.number)
    return Thread.current.lastException.vector == Vector.pageFault && information.code > 0
      && information.code != SignalInformation.kernel && (number == Signal.segmentation || number == Signal.bus)
  }

  static func append(_ information: SignalInformation, _ frame: TrapFrame, _ message: inout Message) {
    if information.code <= 0 {
      message.append("sent by the program itself")
      return
    }
    if isPageFault(information) { return appendPageFault(information.first, &message) }
    if Thread.current.hasRefusedFrame && Int(information.number) == Signal.segmentation {
      message.append("a signal handler could not be entered or left: ")
      message.append("its stack has no room, or what it left there is no signal frame")
      return
    }
    switch Thread.current.lastException.vector {
    case Vector.divideError: message.append("division by zero, or a quotient that is too large")
    case Vector.debug: message.append("single step or hardware breakpoint")
    case Vector.breakpoint: message.append("breakpoint instruction (int3)")
    case Vector.overflow: message.append("overflow (into)")
    case Vector.boundRange: message.append("bound range exceeded")
    case Vector.invalidOpcode: message.append("not an instruction, or one that this processor does not have")
    case Vector.generalProtection where ProgramMemory.load(UInt8.self, at: frame.rip) == 0xf4:
      message.append("hlt, a privileged instruction")
    case Vector.generalProtection:
      message.append("a non-canonical address, a misaligned vector access or a privileged instruction")
    case Vector.stackFault: message.append("a non-canonical address relative to the stack pointer")
    case Vector.floatingPoint, Vector.simdFloatingPoint: message.append("floating point exception")
    case Vector.alignmentCheck: message.append("misaligned access")
    default:
      message.append("exception ")
      message.append(decimal: Thread.current.lastException.vector)
    }
  }

  private static func appendPageFault(_ address: UInt64, _ message: inout Message) {
    let errorCode = Thread.current.lastException.errorCode
    // Intel SDM volume 3, figure 4-12: bit 1 a store, bit 4 a fetch.
    let isFetch = errorCode & 1 << 4 != 0
    if !isKernelAddress(address), lastPageFault.address == address, lastPageFault.cause == .stackGuard {
      message.append("stack overflow: ")
      message.append(hexadecimal: address)
      message.append(" is in the guard below the stack")
      return
    }
    message.append(isFetch ? "execution of " : errorCode & 1 << 1 != 0 ? "write to " : "read of ")
    message.append(hexadecimal: address)
    if isKernelAddress(address) {
      message.append(": that is the kernel's window")
      return
    }
    switch lastPageFault.cause {
    case .notMapped:
      message.append(address < 4096 ? ": a null pointer; nothing is mapped there" : ": nothing is mapped there")
    case .notAllowed, .stackGuard:
      if let index = addressSpace.map.index(containing: address),
        addressSpace.map.entries[index].value.protection.isEmpty
      {
        message.append(": the memory there is mapped without any access")
        return
      }
      message.append(
        isFetch
          ? ": the memory there is not executable"
          : errorCode & 1 << 1 != 0 ? ": the memory there is read-only" : ": the memory there is not readable")
    case .beyondEnd: message.append(": the mapped file ends before that")
    case .inputOutput, .notInMemory: message.append(": the mapped file cannot be read there")
    case .outOfMemory: message.append(": no memory is left")
    }
  }
}
