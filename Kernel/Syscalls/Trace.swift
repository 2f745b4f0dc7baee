// SPDX-License-Identifier: Apache-2.0
import Channel
import Machine
import Signals

/// `--strace`: system calls as `strace` prints them, decoded from the table's argument kinds.
enum Trace {
  /// Set before the program starts. While it is false, a call pays one load and one branch.
  static var isEnabled = false

  /// Strings and buffers are shown up to this length, as by `strace`.
  private static let shownBytes = 32

  /// Does the call in `frame` and shows it.
  @inline(never)
  static func dispatch(_ frame: inout TrapFrame) {
    let number = frame.rax
    guard let call = row(number) else {
      UnimplementedCalls.note(number)
      frame.rax = 0 &- UInt64(Errno.ENOSYS.rawValue)
      Log.notice { message in
        message.append(systemCallName(number) ?? "syscall")
        message.append("(")
        if systemCallName(number) == nil { message.append(decimal: number) }
        message.append("…) = -1 ENOSYS")
      }
      return
    }
    // What the call reads is shown as it was before; what it fills, as it is afterwards.
    let before = frame
    var line = Text()
    line.append(call.name)
    line.append("(")
    let count = arguments(call, before, from: 0, isBefore: true, &line)
    // These do not come back, or not to the same memory.
    if number == 60 || number == 231 {
      line.append(") = ?")
      show(line)
    }
    call.run(&frame)
    _ = arguments(call, before, from: count, isBefore: false, &line, result: frame.rax)
    line.append(") = ")
    result(frame.rax, number, &line)
    show(line)
  }

  @inline(never)
  private static func row(_ number: UInt64) -> SystemCall? { systemCall(number) }

  private static func show(_ line: Text) {
    Log.notice { $0.append(line.bytes.span) }
  }

  /// Prints arguments from number `first` on. Before the call it stops at the first that the call fills.
  /// Returns how many were printed.
  private static func arguments(
    _ call: SystemCall, _ frame: TrapFrame, from first: Int, isBefore: Bool, _ line: inout Text, result: UInt64 = 0
  ) -> Int {
    for index in first..<6 {
      let kind = Self.kind(call, index)
      if kind == .none { return index }
      if isBefore && kind == .output { return index }
      if index > 0 { line.append(", ") }
      let next = index < 5 ? value(frame, index + 1) : 0
      show(kind, value(frame, index), next: next, result: result, &line)
    }
    return 6
  }

  private static func kind(_ call: SystemCall, _ index: Int) -> ArgumentKind {
    switch index {
    case 0: call.arguments.0
    case 1: call.arguments.1
    case 2: call.arguments.2
    case 3: call.arguments.3
    case 4: call.arguments.4
    default: call.arguments.5
    }
  }

  private static func value(_ frame: TrapFrame, _ index: Int) -> UInt64 {
    switch index {
    case 0: frame.first
    case 1: frame.second
    case 2: frame.third
    case 3: frame.fourth
    case 4: frame.fifth
    default: frame.sixth
    }
  }

  private static func show(_ kind: ArgumentKind, _ value: UInt64, next: UInt64, result: UInt64, _ line: inout Text) {
    switch kind {
    case .none: break
    case .number, .descriptor: line.append(decimal: number(value))
    case .directory:
      if int(value) == -100 { line.append("AT_FDCWD") } else { line.append(decimal: number(value)) }
    case .size: line.append(decimal: value)
    case .offset: line.append(decimal: Int64(bitPattern: value))
    case .flags: if value == 0 { line.append("0") } else { line.append(hexadecimal: value) }
    case .mode: line.append(octal: value & 0xffff_ffff)
    case .pointer: pointer(value, &line)
    case .signal: signal(value, &line)
    case .protection: protection(value, &line)
    case .path: path(value, &line)
    case .input: buffer(value, count: next, &line)
    case .output:
      let isError = Int64(bitPattern: result) < 0
      if isError { pointer(value, &line) } else { buffer(value, count: min(result, next), &line) }
    }
  }

  /// A C `int` that came in a register of which only the lower half need count.
  private static func number(_ value: UInt64) -> Int64 {
    value <= UInt64(UInt32.max) ? Int64(int(value)) : Int64(bitPattern: value)
  }

  private static func pointer(_ value: UInt64, _ line: inout Text) {
    if value == 0 { line.append("NULL") } else { line.append(hexadecimal: value) }
  }

  private static func signal(_ value: UInt64, _ line: inout Text) {
    let number = Int(int(value))
    if number > 0 && number < Signal.firstRealTime {
      line.append(Signal.name(number))
    } else if Signal.isValid(number) {
      line.append("SIGRT_")
      line.append(decimal: Int64(number - Signal.firstRealTime))
    } else {
      line.append(decimal: Int64(number))
    }
  }

  private static func protection(_ value: UInt64, _ line: inout Text) {
    if value & ~7 != 0 { return line.append(hexadecimal: value) }
    if value == 0 { return line.append("PROT_NONE") }
    var separator: StaticString = ""
    for (bit, name) in [(1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC")] as [(UInt64, StaticString)]
    where value & bit != 0 {
      line.append(separator)
      line.append(name)
      separator = "|"
    }
  }

  private static func path(_ address: UInt64, _ line: inout Text) {
    if address == 0 { return line.append("NULL") }
    guard case .string(let bytes) = ProgramMemory.string(at: address, limit: 4096) else {
      return line.append(hexadecimal: address)
    }
    line.append(quoted: bytes.span)
  }

  private static func buffer(_ address: UInt64, count: UInt64, _ line: inout Text) {
    if address == 0 { return line.append("NULL") }
    let shown = Int(min(count, UInt64(shownBytes)))
    guard let bytes = ProgramMemory.bytes(at: address, count: shown) else { return line.append(hexadecimal: address) }
    line.append(quoted: bytes.span)
    if UInt64(shown) < count { line.append("...") }
  }

  private static func result(_ value: UInt64, _ number: UInt64, _ line: inout Text) {
    let error = 0 &- value
    if error > 0 && error < 4096 {
      // What is made again did not return yet.
      line.append(error >= 512 ? "? " : "-1 ")
      if let name = errorName(error) { line.append(name) } else { line.append(decimal: error) }
      return
    }
    // mmap, brk, mremap: addresses.
    if number == 9 || number == 12 || number == 25 || value > UInt64(Int64.max) {
      line.append(hexadecimal: value)
    } else {
      line.append(decimal: value)
    }
  }
}

/// System calls that the program made and that are not there: each is a question for the next version.
enum UnimplementedCalls {
  private static var calls: [(number: UInt64, count: UInt64)] = []

  static func note(_ number: UInt64) {
    for index in 0..<calls.count where calls[index].number == number {
      calls[index].count &+= 1
      return
    }
    // Numbers at random are the program's own affair.
    if calls.count < 64 { calls.append((number, 1)) }
  }

  /// Names them, when the program has ended: at level info, or at level notice if `--missing` was given.
  static func report() {
    for call in calls {
      Log.write(Options.showsMissingFiles ? .notice : .info) { message in
        message.append("system call ")
        message.append(decimal: call.number)
        if let name = systemCallName(call.number) {
          message.append(" (")
          message.append(name)
          message.append(")")
        }
        message.append(" is not implemented; the program made it ")
        message.append(decimal: call.count)
        message.append(call.count == 1 ? " time" : " times")
      }
    }
  }
}
