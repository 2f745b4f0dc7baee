// SPDX-License-Identifier: Apache-2.0
import SystemPackage

/// What `vorteil run` made of a program: what the program wrote, and what the tool and the kernel had to say.
struct MachineOutcome: Sendable {
  /// The program's: standard error without the lines of the tool.
  var program: Outcome
  /// The lines of the tool, without the `vorteil: ` that they begin with.
  var messages: [String]

  var messageText: String { messages.joined(separator: "\n") }

  init(_ outcome: Outcome) {
    program = outcome
    messages = []
    let prefix = Array("vorteil: ".utf8)
    let lines = outcome.errors.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let own = lines.filter { !$0.starts(with: prefix) }
    program.errors = Array(own.joined(separator: [UInt8(ascii: "\n")]))
    messages = lines.filter { $0.starts(with: prefix) }
      .map { String(decoding: $0.dropFirst(prefix.count), as: UTF8.self) }
  }
}

/// A run of `vorteil run`.
struct MachineRun: Sendable {
  var source: FilePath
  var arguments: [String] = []
  var options: [String] = []
  var environment: [String: String] = [:]
  var input: [UInt8] = []
  /// What the tool is told by --timeout, in seconds.
  var timeout = 300
  var mergesStreams = false
  /// False for a disk image, which has its arguments in it.
  var passesArguments = true

  init(_ source: FilePath, _ arguments: [String] = [], options: [String] = []) {
    self.source = source
    self.arguments = arguments
    self.options = options
  }

  var command: Command {
    get throws {
      let variables = environment.sorted { $0.key < $1.key }.flatMap { ["--env", "\($0.key)=\($0.value)"] }
      // Whoever runs the tests in the background may have SIGINT ignored, which the tool would respect.
      var command = Command(executable: "/usr/bin/env")
      command.arguments = ["--default-signal=HUP,INT,QUIT,TERM", try Repository.tool.string]
      command.arguments += ["run", source.string, "--timeout", "\(timeout)"] + options + variables
      if passesArguments { command.arguments += ["--"] + arguments }
      command.input = input
      command.limit = .seconds(timeout + 300)
      command.mergesStreams = mergesStreams
      return command
    }
  }

  func run() async throws -> MachineOutcome {
    let command = try command
    return MachineOutcome(try await Slots.machines.run { try await command.run() })
  }
}
