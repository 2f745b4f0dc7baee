// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// What `vorteil run` does around the program.
@Suite struct ToolTests {
  static let busybox: FilePath = "/bin/busybox"

  // MARK: What the program finds

  @Test(
    arguments: [
      (["pwd"], "/\n"), (["id", "-u"], "0\n"), (["date", "+%Z"], "UTC\n"), (["nproc"], "1\n"),
      (["sh", "-c", "echo $HOME $LANG"], "/root C.UTF-8\n"),
      (["sh", "-c", "case :$PATH: in *:/usr/bin:*) echo standard;; esac"], "standard\n"),
    ] as [([String], String)])
  func defaults(arguments: [String], expected: String) async throws {
    expectEqual(try await MachineRun(Self.busybox, arguments).run(), output: expected)
  }

  @Test func workingDirectoryAndVariables() async throws {
    var run = MachineRun(Self.busybox, ["sh", "-c", "pwd; echo \"$GREETING\""], options: ["--cwd", "/tmp"])
    run.environment = ["GREETING": "a = b"]
    expectEqual(try await run.run(), output: "/tmp\na = b\n")
  }

  @Test(arguments: ["microvm", "q35"])
  func boards(machine: String) async throws {
    let run = MachineRun(Self.busybox, ["echo", "hello"], options: ["--machine", machine])
    expectEqual(try await run.run(), output: "hello\n")
  }

  /// A part of the memory is used, too: of 5 GiB more than lies below the gap under 4 GiB.
  @Test(arguments: [(64, 40), (256, 200), (5120, 4096)])
  func memory(megabytes: Int, used: Int) async throws {
    let program = try await TestProgram("Behaviour/memory-size", .muslStatic).built()
    let outcome = try await MachineRun(program, ["\(megabytes)", "\(used)"], options: ["--memory", "\(megabytes)M"])
      .run()
    #expect(outcome.program.exitCode == 0, "\(outcome.program.outputText)\(outcome.messageText)")
  }

  // MARK: Ends

  @Test func timeoutEndsAProgramThatWaits() async throws {
    var run = MachineRun(try await TestProgram("Behaviour/interrupted").built(), ["pause"])
    run.timeout = 10
    let outcome = try await run.run()
    #expect(outcome.program.exitCode == 124, "\(outcome.messageText)")
    #expect(outcome.program.outputText == "ready\n", "what was written before is not lost")
  }

  struct Crash: Sendable {
    var kind: String
    var signal: Signal
    var words: [String]
  }

  @Test(
    arguments: [
      Crash(
        kind: "write", signal: .segmentationFault, words: ["0x12345678", "innermost_function+", "outer_function+"]),
      Crash(kind: "execute", signal: .segmentationFault, words: ["in_data", "middle_function+"]),
      Crash(kind: "undefined", signal: .illegalInstruction, words: ["innermost_function+", "middle_function+"]),
      Crash(kind: "abort", signal: .abort, words: ["middle_function+", "main+"]),
    ], [Flavour.glibcStatic, .glibcDynamic])
  func crashLeavesAReport(crash: Crash, flavour: Flavour) async throws {
    let outcome = try await MachineRun(TestProgram("Behaviour/crash", flavour).built(), [crash.kind]).run()
    #expect(outcome.program.exitCode == 128 + crash.signal.number)
    #expect(outcome.program.outputText == "before the crash\n")
    let report = outcome.messageText.lowercased()
    for word in [crash.signal.rawValue, "rax", "rip", "rsp", "ring", "/crash", "[stack]"] + crash.words {
      #expect(report.contains(word.lowercased()), "the report does not say \(word):\n\(outcome.messageText)")
    }
  }

  @Test func aProgramThatEndsWellLeavesNothingOnStandardError() async throws {
    let outcome = try await MachineRun(Self.busybox, ["true"]).run()
    #expect(outcome.messages.isEmpty, "\(outcome.messageText)")
  }

  // MARK: Looking inside

  @Test func straceShowsDecodedCalls() async throws {
    let outcome = try await MachineRun(Self.busybox, ["cat", "/etc/missing"], options: ["--strace"]).run()
    #expect(outcome.program.exitCode == 1)
    let call = outcome.messages.first { $0.contains("open") && $0.contains("\"/etc/missing\"") }
    let line = try #require(call, "no line shows the open:\n\(outcome.messageText)")
    #expect(line.contains("ENOENT") && line.contains("AT_FDCWD"), "\(line)")
    #expect(outcome.messages.contains { $0.contains("exit_group(1)") }, "\(outcome.messageText)")
  }

  @Test func missingShowsWhatWasNotFound() async throws {
    let outcome = try await MachineRun(Self.busybox, ["cat", "/etc/missing"], options: ["--missing"]).run()
    #expect(outcome.messages.contains { $0.contains("/etc/missing") }, "\(outcome.messageText)")
    #expect(!outcome.messageText.contains("/dev/null"), "what was found is not listed")
  }

  @Test func verboseListsWhatIsPacked() async throws {
    let outcome = try await MachineRun("/bin/ls", ["/"], options: ["--verbose"]).run()
    for name in ["/bin/ls", "libc.so.6", "ld-linux-x86-64.so.2"] {
      #expect(outcome.messageText.contains(name), "\(name) is not listed:\n\(outcome.messageText)")
    }
  }

  // MARK: Wrong inputs

  struct WrongInput: Sendable, CustomTestStringConvertible {
    var name: String
    var content: [UInt8]
    var options: [String] = []
    /// What the one sentence must say.
    var words: [String]
    var testDescription: String { name }
  }

  private static func elf(class: UInt8 = 2, machine: UInt8 = 62) -> [UInt8] {
    [0x7f, 0x45, 0x4c, 0x46, `class`, 1, 1, 0] + [UInt8](repeating: 0, count: 8) + [2, 0, machine, 0, 1, 0, 0, 0]
      + [UInt8](repeating: 0, count: 100)
  }

  @Test(arguments: [
    WrongInput(name: "empty", content: [], words: ["empty"]),
    WrongInput(name: "text", content: Array("just text\n".utf8), words: ["text"]),
    WrongInput(name: "32-bit", content: elf(class: 1, machine: 3), words: ["32-bit"]),
    WrongInput(name: "aarch64", content: elf(machine: 183), words: ["aarch64"]),
    WrongInput(name: "truncated", content: [0x7f, 0x45, 0x4c, 0x46, 2, 1], words: ["ends before"]),
    WrongInput(name: "damaged", content: elf(), words: []),
    WrongInput(name: "lost-script", content: Array("#!/missing/interpreter\n".utf8), words: ["/missing/interpreter"]),
    WrongInput(name: "image", content: [UInt8](repeating: 0, count: 512) + Array("EFI PART".utf8), words: []),
  ])
  func wrongInputIsOneSentence(input: WrongInput) async throws {
    try await withTemporaryDirectory { directory in
      let file = directory.appending(input.name)
      try file.write(input.content, mode: 0o755)
      try await expectRefusal(MachineRun(file, options: input.options), words: [input.name] + input.words)
    }
  }

  @Test(
    arguments: [
      (["--cpus", "65"], ["processor"]), (["--memory", "1K"], ["--memory"]), (["--memory", "many"], ["--memory"]),
      (["--file", "/missing/file"], ["/missing/file"]), (["--directory", "/missing"], ["/missing"]),
    ] as [([String], [String])])
  func wrongOptionIsOneSentence(options: [String], words: [String]) async throws {
    try await expectRefusal(MachineRun(Self.busybox, ["true"], options: options), words: words)
  }

  @Test func missingProgramIsOneSentence() async throws {
    try await expectRefusal(MachineRun("/missing/program"), words: ["/missing/program"])
  }

  private func expectRefusal(_ run: MachineRun, words: [String]) async throws {
    let outcome = try await run.run()
    #expect(outcome.program.exitCode == 125, "\(outcome.messageText)")
    #expect(outcome.program.output.isEmpty && outcome.program.errors.isEmpty, "nothing was started")
    #expect(outcome.messages.count == 1, "one sentence:\n\(outcome.messageText)")
    for word in words { #expect(outcome.messageText.contains(word), "\(outcome.messageText) does not say \(word)") }
  }

  // MARK: Disk images

  @Test func builtImageRuns() async throws {
    try await withTemporaryDirectory { directory in
      let image = directory.appending("hello.raw")
      let build = Command(
        executable: try Repository.tool,
        arguments: ["build", Self.busybox.string, "-o", image.string, "--", "echo", "from an image"])
      let built = try await Slots.host.run { try await build.run() }
      try #require(built.exitCode == 0, "\(built.errorText)")
      var run = MachineRun(image)
      run.passesArguments = false
      expectEqual(try await run.run(), output: "from an image\n")
    }
  }
}

/// Records an issue unless a program ended well and wrote `output`.
func expectEqual(_ actual: MachineOutcome, output: String, sourceLocation: SourceLocation = #_sourceLocation) {
  expectEqual(actual, Outcome(output: Array(output.utf8), errors: [], exitCode: 0), sourceLocation: sourceLocation)
}
