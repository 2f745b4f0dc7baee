// SPDX-License-Identifier: Apache-2.0
import Foundation
import Subprocess

/// What one run of a program in a virtual machine gave.
struct GuestOutcome {
  /// From the start of the command until the program's first line came out.
  var millisecondsToMain: Double?
  /// Instructions until each of the program's marks, if the plugin counted.
  var instructionsAtMarks: [Double] = []
  /// The operations that succeeded, in their order, and how often each ran in a batch.
  var operations: [(name: String, count: Double)] = []
  /// The ticks of the best batch of every operation, and what a program measured itself.
  var ticks: [String: Double] = [:]
  /// The error numbers of operations that failed.
  var failures: [String: Int] = [:]
  var hasEnded = false
  /// The last lines that were not the program's.
  var messages: [String] = []
}

/// Starts virtual machines and reads what the programs in them say.
struct GuestRunner {
  var files: BenchmarkFiles
  /// Prints every command and every line.
  var isVerbose = false

  /// Runs a program until its last line, the end of the machine, or the timeout.
  func run(_ run: GuestRun, on guest: any Guest) async throws -> GuestOutcome {
    let command = try guest.command(for: run)
    if isVerbose { Self.note("$ " + command.joined(separator: " ")) }

    let clock = ContinuousClock()
    let start = clock.now
    let result = try await Subprocess.run(
      .name("timeout"),
      arguments: .init(["--foreground", "--kill-after=2", "\(run.timeoutSeconds)"] + command),
      input: .none, output: .sequence, error: .combinedWithOutput
    ) { execution in
      var outcome = GuestOutcome()
      for try await line in execution.standardOutput.strings() {
        let elapsed = start.duration(to: clock.now)
        if isVerbose { Self.note("  " + line) }
        outcome.add(line, after: elapsed)
        if outcome.hasEnded { break }
      }
      // All is known: end the machine without waiting for it. `timeout` passes the signal on.
      if outcome.hasEnded { try? execution.send(signal: .terminate) }
      return outcome
    }
    var outcome = result.closureResult
    if case .byPlugin(let file) = run.counting, outcome.millisecondsToMain != nil {
      outcome.instructionsAtMarks = try InstructionCounts(file: file).marks
    }
    return outcome
  }

  /// Prints a line for the user to standard error.
  static func note(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
}

extension GuestOutcome {
  /// Takes in one line of output.
  mutating func add(_ line: String, after elapsed: Duration) {
    switch ProgramLine(line) {
    case .main:
      millisecondsToMain = millisecondsToMain ?? elapsed / .milliseconds(1)
    case .operation(let name, let least, _, let count):
      ticks[name] = least
      operations.append((name, count))
    case .figure(let name, let value): ticks[name] = value
    case .failed(let name, let errorNumber): failures[name] = errorNumber
    case .end: hasEnded = true
    case nil:
      messages.append(line)
      if messages.count > 12 { messages.removeFirst() }
    }
  }
}
