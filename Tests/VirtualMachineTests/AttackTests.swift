// SPDX-License-Identifier: Apache-2.0
import Testing

/// A signal that ends a program, with a report.
enum Signal: String, Sendable {
  case illegalInstruction = "SIGILL"
  case trap = "SIGTRAP"
  case abort = "SIGABRT"
  case busError = "SIGBUS"
  case segmentationFault = "SIGSEGV"

  var number: Int32 {
    switch self {
    case .illegalInstruction: 4
    case .trap: 5
    case .abort: 6
    case .busError: 7
    case .segmentationFault: 11
    }
  }
}

/// Programs that try each protection from inside.
@Suite struct AttackTests {
  /// How an attack must end.
  enum Ending: Sendable {
    /// With this exit code.
    case exit(Int32)
    /// Killed by the signal, with a report that names it and says what these words say.
    case crash(Signal, words: [String] = [])
    /// In one of these ways.
    case either([Ending])
    /// Only by --timeout.
    case timeout
    /// In any way: the tool ends before it must be killed.
    case anyhow
  }

  struct Attack: Sendable, CustomTestStringConvertible {
    var name: String
    var ending: Ending
    var testDescription: String { name }

    init(_ name: String, _ ending: Ending) {
      self.name = name
      self.ending = ending
    }
  }

  static let memoryAttacks: [Attack] =
    [
      "write_text", "write_constants", "write_relocated", "write_vdso", "write_library", "execute_bss", "execute_data",
      "execute_heap", "execute_mapping", "execute_stack", "execute_constants", "read_zero", "read_last_of_first_64_kib",
      "write_zero", "write_4096", "execute_zero", "execute_4096", "read_window_start", "read_window_end",
      "write_window",
      "jump_window", "read_upper_half", "jump_not_canonical", "write_kernel_text", "push_to_nowhere",
      "overflow_own_stack",
    ].map { Attack($0, .crash(.segmentationFault)) } + [
      Attack("overflow_main_stack", .crash(.segmentationFault, words: ["stack"])),
      Attack("smash_stack", .crash(.abort)),
      // SIGBUS on a processor; QEMU's emulation raises the fault of other accesses.
      Attack("push_not_canonical", .either([.crash(.busError), .crash(.segmentationFault)])),
    ]

  @Test(arguments: memoryAttacks)
  func onMemory(attack: Attack) async throws {
    try await expect(attack, of: "Attacks/memory")
  }

  /// musl's stack protector is a single `hlt`.
  @Test(arguments: [Flavour.muslStatic, .muslDynamic])
  func smashesStackWithMusl(flavour: Flavour) async throws {
    let attack = Attack("smash_stack", .crash(.segmentationFault, words: ["hlt"]))
    try await expect(attack, of: "Attacks/memory", flavour)
  }

  /// What is privileged on Linux and is not in ring 0; SECURITY.md says why each ends as it does.
  static let instructionAttacks: [Attack] =
    [
      Attack("hlt", .crash(.segmentationFault, words: ["hlt"])),
      Attack("hlt_forever", .crash(.segmentationFault, words: ["hlt"])),
      Attack("loop", .timeout),
      Attack("loop_without_interrupts", .timeout), Attack("breakpoint", .crash(.trap)),
      Attack("breakpoint_long", .crash(.trap)), Attack("undefined", .crash(.illegalInstruction)),
      Attack("single_step_a_system_call", .either([.crash(.trap), .exit(0)])),
    ]
    + [
      "hlt_without_interrupts", "interrupt_80", "interrupt_of_double_fault", "interrupt_of_page_fault",
      "interrupt_of_machine_check", "interrupt_255", "port_in", "port_out", "port_out_keyboard_reset",
      "write_system_call_entry", "write_unknown_register", "turn_paging_off", "load_page_table_0", "clear_cr4",
      "load_interrupt_table",
      "load_segment_table", "swap_gs", "return_to_nowhere", "return_to_ring_3", "task_register", "stack_segment",
      "far_jump",
    ].map { Attack($0, .anyhow) }

  @Test(arguments: instructionAttacks)
  func byInstruction(attack: Attack) async throws {
    try await expect(attack, of: "Attacks/instructions", timeout: 20)
  }

  static let signalFrameAttacks: [Attack] =
    [
      "instruction_not_canonical", "instruction_in_upper_half", "instruction_in_window", "instruction_0", "stack_0",
      "stack_in_window", "state_unaligned", "state_nowhere", "state_in_window", "state_header",
      "without_frame", "frame_of_zeros", "frame_in_window",
    ].map { Attack($0, .crash(.segmentationFault)) } + [
      Attack("stack_not_canonical", .either([.crash(.busError), .crash(.segmentationFault)])),
      // Reserved bits of MXCSR are a fault of the processor, which QEMU's emulation does not raise.
      Attack("state_control", .either([.crash(.segmentationFault), .exit(0)])),
      Attack("state_random", .either([.crash(.segmentationFault), .exit(0)])),
      // There is one set of segments: they may be checked or ignored.
      Attack("segments", .either([.crash(.segmentationFault), .exit(0)])),
      Attack("segments_of_kernel", .either([.crash(.segmentationFault), .exit(0)])),
      Attack("state_null", .exit(0)), Attack("state_size", .either([.crash(.segmentationFault), .exit(0)])),
      Attack("flags_all", .exit(0)), Attack("flags_none", .exit(0)), Attack("mask_all", .exit(0)),
      Attack("stack_of_signals", .exit(0)),
    ]

  @Test(arguments: signalFrameAttacks)
  func bySignalFrame(attack: Attack) async throws {
    let outcome = try await expect(attack, of: "Attacks/signal-return")
    if case .exit = attack.ending {
      let text = outcome.program.outputText
      #expect(text.contains("interrupts on"), "the program cannot turn interrupts off by a signal frame")
      #expect(text.contains("SIGKILL is blocked: no"))
      #expect(text.hasSuffix("the program goes on\n"))
    }
  }

  /// Of what is taken until nothing is left; the report of a program killed for lack of memory says so.
  @Test(
    arguments: [
      "memory", "mappings", "address_space", "file_in_memory", "file_on_disk", "names", "descriptors", "pipes",
      "queued_signals", "holes", "locked_pages", "page_tables", "moved_page_tables", "populated", "sparse_file",
      "deep_directories", "removed_directories", "mappings_when_full", "protections_when_full",
      "descriptors_when_full", "arguments_when_full", "waiting_when_full", "locks_when_full",
    ].map { Attack($0, .either([.exit(0), .exit(137)])) })
  func byExhaustion(attack: Attack) async throws {
    try await expect(attack, of: "Attacks/exhaustion", timeout: 300)
  }

  @discardableResult
  private func expect(
    _ attack: Attack, of program: String, _ flavour: Flavour = .glibcDynamic, timeout: Int = 120
  ) async throws -> MachineOutcome {
    var run = MachineRun(try await TestProgram(program, flavour).built(), [attack.name])
    run.timeout = timeout
    let outcome = try await run.run()
    #expect(outcome.program.outputText.contains("attack: \(attack.name)"), "the attack began")
    let problems = Self.problems(attack.ending, outcome)
    #expect(
      problems == nil, "\(problems ?? "")\nThe program wrote:\n\(outcome.program.outputText)\(outcome.messageText)")
    return outcome
  }

  /// What is wrong with the way in which a machine ended, or nil.
  private static func problems(_ ending: Ending, _ outcome: MachineOutcome) -> String? {
    let code = outcome.program.exitCode
    switch ending {
    case .anyhow: return nil
    case .exit(let expected): return code == expected ? nil : "exit code \(code) instead of \(expected)"
    case .timeout: return code == 124 ? nil : "exit code \(code) instead of 124 by --timeout"
    case .either(let endings):
      let all = endings.map { problems($0, outcome) }
      return all.contains { $0 == nil } ? nil : all.compactMap { $0 }.joined(separator: "; or ")
    case .crash(let signal, let words):
      guard code == 128 + signal.number else { return "exit code \(code) instead of that of \(signal.rawValue)" }
      let report = outcome.messageText.lowercased()
      let absent = ([signal.rawValue] + words).filter { !report.contains($0.lowercased()) }
      return absent.isEmpty ? nil : "the report does not say \(absent.joined(separator: ", "))"
    }
  }
}

/// Attacks that check for themselves what they find, and end with 0 when every protection held.
@Suite struct SelfCheckingAttacks {
  @Test(
    arguments: ["Attacks/placement", "Attacks/kernel-pointers", "Attacks/system-calls-swept"],
    [Flavour.glibcStatic, .glibcDynamic])
  func holds(attack: String, flavour: Flavour) async throws {
    try await expectDone(MachineRun(TestProgram(attack, flavour).built()))
  }

  @Test(arguments: [Flavour.glibcStatic, .glibcDynamic, .muslStatic])
  func nothingTellsWhereTheKernelIs(flavour: Flavour) async throws {
    try await Comparison(TestProgram("Attacks/leaks", flavour)).expectSame()
  }

  @Test(arguments: runsLongTests ? Array(UInt64(1)...8) : [1, 2, 3])
  func survivesRandomSystemCalls(seed: UInt64) async throws {
    let thousands = runsLongTests ? "5000" : "1000"
    try await expectDone(MachineRun(TestProgram("Attacks/system-calls-at-random").built(), [thousands, "\(seed)"]))
  }

  private func expectDone(_ run: MachineRun) async throws {
    var run = run
    run.timeout = 900
    let outcome = try await run.run()
    #expect(outcome.program.exitCode == 0, "\(outcome.program.outputText)\(outcome.messageText)")
    #expect(outcome.program.outputText.hasSuffix("done\n"), "\(outcome.program.outputText)\(outcome.messageText)")
  }
}

/// Memory that is writable and memory that is executable never meet, unless the owner allows it.
@Suite struct WritableAndExecutable {
  @Test func isRefused() async throws {
    let outcome = try await MachineRun(TestProgram("Attacks/writable-and-executable").built(), ["/tmp"]).run()
    let expected = try Repository.text("Expected/writable-and-executable.txt")
    expectEqual(outcome, Outcome(output: Array(expected.utf8), errors: [], exitCode: 0))
    let hints = outcome.messages.filter { $0.contains("--allow-jit") }
    #expect(hints.count == 1, "the kernel names --allow-jit once:\n\(outcome.messageText)")
  }

  @Test func isAllowedOnRequest() async throws {
    var comparison = try await Comparison(TestProgram("Attacks/writable-and-executable"))
    comparison.writableDirectory = "/tmp"
    comparison.options = ["--allow-jit"]
    try await comparison.expectSame()
  }
}
