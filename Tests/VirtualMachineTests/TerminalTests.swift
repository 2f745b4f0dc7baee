// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// `vorteil run --terminal`, at a pseudoterminal with a shell: what is typed and shown is what it is on the host.
@Suite struct TerminalTests {
  /// What a person does (Tests/Programs/Scripts/terminal-session.py).
  enum Step: Sendable {
    case expect(String)
    case send(String)
    case size(Int, Int)
    case pause(Double)
    case kill(String)
    case stopped
    case `continue`

    fileprivate var words: [Any] {
      switch self {
      case .expect(let text): ["expect", text]
      case .send(let text): ["send", text]
      case .size(let rows, let columns): ["size", rows, columns]
      case .pause(let seconds): ["pause", seconds]
      case .kill(let signal): ["kill", signal]
      case .stopped: ["stopped"]
      case .continue: ["continue"]
      }
    }

    /// Waits for a prompt and answers.
    static func answers(_ pairs: (String, String)...) -> [Step] {
      pairs.flatMap { [.expect("\($0.0)> "), .send($0.1)] }
    }
  }

  // MARK: The line discipline

  @Test func terminalLooksAsOnTheHost() async throws {
    try await expectSame("facts", [.size(33, 101)])
  }

  @Test func linesAreEditedAsOnTheHost() async throws {
    try await expectSame(
      "lines",
      Step.answers(
        ("line 1", "plain\r"), ("line 2", "abc\u{7f}\u{7f}d\r"), ("line 3", "one two three\u{17}\u{17}four\r"),
        ("line 4", "to be killed\u{15}kept\r"), ("line 5", "a\tb\tc\u{7f}\u{7f}\u{7f}x\r"),
        ("line 6", "\u{16}\u{3}literal\u{16}\u{7f}\u{16}\r\r"), ("line 7", "control\u{1}\u{2}\u{7f}\u{7f}\r"),
        ("line 8", "again\u{12}more\r"), ("line 9", "ä€😀\u{7f}\u{7f}z\r"), ("line 10", "\u{4}"),
        ("line 11", "part\u{4}"),
        ("line 12", "\u{7f}\u{15}\u{17}empty\r"), ("line 13", "word_with.dots and-more  \u{17}\u{17}!\r"),
        ("line 14", "\n"), ("piece 1", "abcde\r"), ("end 1", "xy\u{4}"), ("end 2", "\u{4}"),
        ("silent", "secret\u{7f}\r"), ("newline only", "x\r"), ("no erasing", "ab\u{7f}c\u{15}d\r"),
        ("no carets", "a\u{1}\u{7f}b\r"), ("end of line", "a\rb;"), ("no returns", "a\rb\n"), ("bytes", "ä\u{7f}\r"),
        ("no extensions", "a\u{17}\u{16}b\r"), ("plain output", "x\r"),
        ("long", String(repeating: "0123456789", count: 100) + "\r")))
  }

  @Test func rawModeIsAsOnTheHost() async throws {
    var steps = Step.answers(("five", "ab\rd\u{3}"), ("nine of three", "xyz"), ("three", "a"))
    steps += [.pause(0.5), .send("bc")]
    steps += Step.answers(("until a pause", "hello"), ("poll", "q"), ("pending", "wxyz"), ("flushed", "wxyz"))
    try await expectSame("raw", steps)
  }

  @Test func typedSignalsAreAsOnTheHost() async throws {
    var steps = Step.answers(("signal 1", "typed\u{3}"), ("signal 2", "\u{1c}"), ("signal 3", "\u{1a}"))
    steps += [.expect("signal 4> "), .size(20, 50)]
    steps += Step.answers(
      ("kept", "ab\u{3}c\r"), ("gone", "ab\u{3}c\r"), ("no signals", "\u{3}\r"), ("no interrupt", "\u{3}\r"),
      ("another", "yx z\r"), ("the end", "\u{3}"))
    try await expectSame("signals", steps)
  }

  @Test func outputIsAsOnTheHost() async throws {
    try await expectSame("output", Step.answers(("stop me", "x\u{13}y\r")) + [.pause(1), .send("\u{11}")])
  }

  /// Runs the part of Behaviour/terminal on the host and in a machine.
  private func expectSame(_ part: String, _ steps: [Step], sourceLocation: SourceLocation = #_sourceLocation)
    async throws
  {
    let program = try await TestProgram("Behaviour/terminal").built()
    try await expectSame(program, [part], steps, sourceLocation: sourceLocation)
  }

  private func expectSame(
    _ program: FilePath, _ arguments: [String], _ steps: [Step], environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    var onHost = try session(steps, [program.string] + arguments)
    onHost.environment.merge(environment) { $1 }
    let expected = try await Slots.host.run { [onHost] in try await onHost.run() }
    let actual = try await inMachine(program, arguments, steps, environment: environment)
    expectEqual(actual, expected, sourceLocation: sourceLocation)
  }

  private func inMachine(
    _ program: FilePath, _ arguments: [String], _ steps: [Step], environment: [String: String] = [:]
  ) async throws -> MachineOutcome {
    let variables = environment.sorted { $0.key < $1.key }.flatMap { ["--env", "\($0.key)=\($0.value)"] }
    let command = [try Repository.tool.string, "run", "-t", program.string, "--timeout", "200"] + variables
    let inMachine = try session(steps, command + ["--"] + arguments, areErrorsApart: true)
    return MachineOutcome(try await Slots.machines.run { try await inMachine.run() })
  }

  private func session(_ steps: [Step], _ command: [String], areErrorsApart: Bool = false) throws -> Command {
    let list = try JSONSerialization.data(withJSONObject: steps.map(\.words))
    var session = Command(executable: "/usr/bin/python3")
    session.arguments = [Repository.programs.appending("Scripts/terminal-session.py").string]
    session.arguments += areErrorsApart ? ["--errors-apart"] : []
    session.arguments += [String(decoding: list, as: UTF8.self)] + command
    session.environment = ["TERM": "xterm"]
    return session
  }

  // MARK: Programs

  /// Neither a history nor settings of the host's.
  private static let python = ["HOME": "/nowhere", "INPUTRC": "/dev/null"]

  @Test func pythonIsUsable() async throws {
    let steps: [Step] = [
      .size(33, 101), .expect(">>> "), .send("6 * 7\r"), .expect("42"), .expect(">>> "), .send("while True: pass\r"),
      .expect("... "), .send("\r"), .pause(1), .send("\u{3}"), .expect("KeyboardInterrupt"), .expect(">>> "),
      .send("import os; os.get_terminal_size(), os.environ['TERM'], os.isatty(2)\r"), .expect(">>> "),
      .send("input('say' + ': ')\r"), .expect("say: "), .send("helo\u{2}l\u{5} there\r"), .expect(">>> "),
      .send("\u{4}"),
    ]
    try await expectSame("/usr/bin/python3", ["-q"], steps, environment: Self.python)
  }

  @Test func sizeIsWhatSttySays() async throws {
    try await expectSame("/bin/stty", ["size"], [])
    try await expectSame("/bin/stty", ["-a"], [])
  }

  // MARK: Job control

  /// Stopped at a prompt and while it computes, the shell has its terminal back; then everything goes on.
  @Test func stopsWithItsShellAndGoesOn() async throws {
    let steps: [Step] = [
      .expect(">>> "), .send("6 * 7\r"), .expect("42"), .expect(">>> "), .send("\u{1a}"), .stopped, .size(20, 50),
      .continue, .expect(">>> "), .send("import os; os.get_terminal_size()\r"), .expect("columns=50, lines=20"),
      .expect(">>> "), .send("import time; time.sleep(2); print('slept' * 2)\r"), .expect("\n"), .pause(0.5),
      .send("\u{1a}"), .stopped, .continue, .expect("sleptslept"), .expect(">>> "), .send("\u{4}"),
    ]
    let outcome = try await inMachine("/usr/bin/python3", ["-q"], steps, environment: Self.python)
    let reports = outcome.program.outputText.matches(of: /\[(stopped|ended 0) line by line\]/).map { String($0.1) }
    #expect(
      reports == ["stopped", "stopped", "ended 0"],
      "\(outcome.program.outputText)\(outcome.program.errorText)\(outcome.messageText)")
    #expect(outcome.program.exitCode == 0)
  }

  /// The terminal is given back however the tool ends.
  @Test(arguments: [
    ["-c", "raise SystemExit(3)"], ["-c", "import os; os.kill(1, 9)"], ["-c", "import os; os.abort()"],
  ])
  func givesTheTerminalBack(arguments: [String]) async throws {
    let outcome = try await inMachine("/usr/bin/python3", arguments, [])
    #expect(outcome.program.outputText.contains(" line by line]"), "\(outcome.program.outputText)")
  }

  @Test(arguments: ["TERM", "HUP", "ABRT", "USR1", "SEGV"])
  func givesTheTerminalBackWhenKilled(signal: String) async throws {
    let steps: [Step] = [.expect("ready"), .kill(signal)]
    let outcome = try await inMachine("/bin/busybox", ["sh", "-c", "echo ready; sleep 100"], steps)
    #expect(outcome.program.outputText.contains(" line by line]"), "\(outcome.program.outputText)")
    #expect(outcome.program.exitCode > 128, "\(outcome.program.exitCode)")
  }

  // MARK: Without a terminal

  @Test func isRefusedWithoutATerminal() async throws {
    let outcome = try await MachineRun("/bin/busybox", ["true"], options: ["-t"]).run()
    #expect(outcome.program.exitCode == 125)
    #expect(outcome.messages.count == 1 && outcome.messageText.contains("-t"), "\(outcome.messageText)")
  }
}
