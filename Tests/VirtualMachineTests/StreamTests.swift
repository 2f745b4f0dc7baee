// SPDX-License-Identifier: Apache-2.0
import SystemPackage
import Testing

/// Standard input, output and error, and the exit status.
@Suite struct StreamTests {
  @Test func outputAndErrorsStaySeparate() async throws {
    try await Comparison(TestProgram("Behaviour/streams")).expectSame()
  }

  @Test func outputAndErrorsKeepTheirOrder() async throws {
    var comparison = try await Comparison(TestProgram("Behaviour/streams"))
    comparison.mergesStreams = true
    try await comparison.expectSame()
  }

  @Test func emptyInputEndsAtOnce() async throws {
    try await Comparison(TestProgram("Behaviour/copy")).expectSame()
  }

  /// In a shell, as a person writes it: the machine must end, and with the status that the shell sees on the host.
  @Test(arguments: [
    "PROGRAM yes | head -n 1",
    "PROGRAM yes | head -c 100000 | wc -c",
    "PROGRAM true <&- ; echo $?",
    ": | PROGRAM cat; echo $?",
    "PROGRAM yes >&- 2>/dev/null; echo ended",
    "{ PROGRAM yes; echo $? >&2; } | true",
    "yes | head -n 3000 | PROGRAM tail -n 1",
    "yes | PROGRAM head -n 2",
    "{ echo one; sleep 1; echo two; } | PROGRAM cat",
    "printf 'a\\nb\\nc\\n' | { PROGRAM head -n 1; cat; } | head -n 1",
  ])
  func inPipes(line: String) async throws {
    let shell = FilePath("/bin/sh")
    let tool = try Repository.tool
    let onHost = line.replacing("PROGRAM", with: "/bin/busybox")
    let inMachine = line.replacing("PROGRAM", with: "\(tool) run /bin/busybox --timeout 300 --")
    let expected = try await Slots.host.run { try await Command(executable: shell, arguments: ["-c", onHost]).run() }
    let actual = try await Slots.machines.run {
      try await Command(executable: shell, arguments: ["-c", inMachine]).run()
    }
    expectEqual(MachineOutcome(actual), expected)
  }

  @Test(arguments: [
    "exit-call", "return", "abort", "abort-ignored", "SIGTERM", "SIGKILL", "SIGINT",
    "SIGUSR1", "SIGRTMIN+5", "read", "division", "undefined", "breakpoint", "pipe", "pipe-ignored", "fault-blocked",
    "fault-ignored", "fault-in-handler",
  ])
  func endsAsOnTheHost(ending: String) async throws {
    try await Comparison(TestProgram("Behaviour/endings"), [ending]).expectSame()
  }

  /// Also the codes that the tool uses itself, and what is cut to 8 bits.
  @Test(arguments: runsLongTests ? Array(0...256) : [0, 1, 2, 99, 124, 125, 126, 127, 128, 137, 255, 256])
  func exitCodeIsThatOfTheProgram(code: Int) async throws {
    try await Comparison(TestProgram("Behaviour/endings"), ["exit", "\(code)"]).expectSame()
  }

  /// musl ends some programs by `hlt`, in the hope that it is privileged.
  @Test(arguments: ["abort", "abort-ignored", "read"])
  func endsWithMuslAsOnTheHost(ending: String) async throws {
    try await Comparison(TestProgram("Behaviour/endings", .muslStatic), [ending]).expectSame()
  }
}
