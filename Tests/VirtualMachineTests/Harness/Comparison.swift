// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// A program to run on the host and in a machine, where it must do the same.
struct Comparison: Sendable {
  var program: FilePath
  var arguments: [String] = []
  var environment: [String: String] = [:]
  var input: [UInt8] = []
  var options: [String] = []
  /// Files that both find in their working directory, by name.
  var files: [String: [UInt8]] = [:]
  /// For programs that write: the directory in the machine that they get as their last argument. On the host they
  /// get a temporary one.
  var writableDirectory: String?
  var mergesStreams = false

  init(_ program: FilePath, _ arguments: [String] = []) {
    self.program = program
    self.arguments = arguments
  }

  /// Runs both and records an issue for everything in which the machine differs.
  @discardableResult
  func expectSame(sourceLocation: SourceLocation = #_sourceLocation) async throws -> MachineOutcome {
    try await withTemporaryDirectory { directory in
      let forHost = directory.appending("host"), forMachine = directory.appending("machine")
      for place in [forHost, forMachine] {
        try FileManager.default.createDirectory(atPath: place.string, withIntermediateDirectories: true)
        for (name, content) in files { try place.appending(name).write(content, mode: 0o755) }
      }
      let expected = try await onHost(forHost)
      let actual = try await inMachine(forMachine)
      expectEqual(actual, expected, sourceLocation: sourceLocation)
      return actual
    }
  }

  private func onHost(_ directory: FilePath) async throws -> Outcome {
    var command = Command(executable: program)
    command.arguments = arguments + (writableDirectory == nil ? [] : [directory.string])
    command.environment = environment
    command.workingDirectory = directory
    command.input = input
    command.mergesStreams = mergesStreams
    return try await Slots.host.run { [command] in try await command.run() }
  }

  private func inMachine(_ directory: FilePath) async throws -> MachineOutcome {
    var run = MachineRun(program, arguments + [writableDirectory].compactMap { $0 }, options: options)
    if !files.isEmpty { run.options += ["--directory", "\(directory):/files", "--cwd", "/files"] }
    run.environment = environment
    run.input = input
    run.mergesStreams = mergesStreams
    return try await run.run()
  }
}

/// Records an issue that says everything in which a program's run in a machine differs from what is expected.
func expectEqual(_ actual: MachineOutcome, _ expected: Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
  var problems: [String] = []
  if actual.program.exitCode != expected.exitCode {
    problems.append("exit code \(actual.program.exitCode) instead of \(expected.exitCode)")
  }
  let output = difference(expected: expected.output, actual: actual.program.output)
  if !output.isEmpty { problems.append("standard output (- expected, + machine):\n\(output)") }
  let errors = difference(expected: expected.errors, actual: actual.program.errors)
  if !errors.isEmpty { problems.append("standard error (- expected, + machine):\n\(errors)") }
  guard !problems.isEmpty else { return }
  if !actual.messages.isEmpty {
    problems.append("vorteil said:\n" + actual.messages.suffix(40).joined(separator: "\n"))
  }
  Issue.record("\(problems.joined(separator: "\n"))", sourceLocation: sourceLocation)
}

extension Comparison {
  init(_ program: TestProgram, _ arguments: [String] = []) async throws {
    self.init(try await program.built(), arguments)
  }
}
