// SPDX-License-Identifier: Apache-2.0
import Foundation
import Subprocess
import SystemPackage

/// How a command ended and what it wrote.
struct Outcome: Sendable {
  var output: [UInt8]
  var errors: [UInt8]
  /// As a shell says it: the exit code, or 128 and the number of the signal.
  var exitCode: Int32

  var outputText: String { String(decoding: output, as: UTF8.self) }
  var errorText: String { String(decoding: errors, as: UTF8.self) }
}

/// A command line with all that it is run with.
struct Command: Sendable {
  var executable: FilePath
  var arguments: [String] = []
  var environment: [String: String] = [:]
  var workingDirectory: FilePath?
  var input: [UInt8] = []
  /// A command that takes longer is ended, and the test fails. Generous: never a measure of speed.
  var limit = Duration.seconds(600)
  /// Standard error goes where standard output goes, in the order of writing.
  var mergesStreams = false

  /// What a program finds on the host; the machine's defaults are the same.
  static let standardEnvironment = [
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
    "TZ": "UTC",
  ]

  private static let outputLimit = 256 << 20

  var configuration: Configuration {
    var options = PlatformOptions()
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(10))]
    let variables = Self.standardEnvironment.merging(environment) { $1 }
      .map { (Environment.Key(stringLiteral: $0.key), $0.value) }
    return Configuration(
      executable: .path(executable), arguments: Arguments(arguments),
      environment: .custom(Dictionary(uniqueKeysWithValues: variables)),
      workingDirectory: workingDirectory, platformOptions: options)
  }

  func run() async throws -> Outcome {
    try await withLimit(limit, "\(executable) \(arguments.joined(separator: " "))") {
      if mergesStreams {
        let result = try await Subprocess.run(
          configuration, input: .inputWriter, output: .bytes(limit: Self.outputLimit), error: .combinedWithOutput
        ) { await feed($0.standardInputWriter) }
        return Outcome(output: result.standardOutput, errors: [], exitCode: result.terminationStatus.shellCode)
      }
      let result = try await Subprocess.run(
        configuration, input: .inputWriter, output: .bytes(limit: Self.outputLimit),
        error: .bytes(limit: Self.outputLimit)
      ) { await feed($0.standardInputWriter) }
      return Outcome(
        output: result.standardOutput, errors: result.standardError, exitCode: result.terminationStatus.shellCode)
    }
  }
}

extension Command {
  /// A write to a command that no longer reads is an error here, not the end of the tests.
  private static let ignoresBrokenPipes: Void = { signal(SIGPIPE, SIG_IGN) }()

  /// Writes the input; a command may end without having read all of it.
  private func feed(_ writer: StandardInputWriter) async {
    Self.ignoresBrokenPipes
    _ = try? await writer.write(input)
    try? await writer.finish()
  }
}

extension TerminationStatus {
  var shellCode: Int32 {
    switch self {
    case .exited(let code): code
    case .signaled(let signal): 128 + signal
    }
  }
}

/// Runs `work`, cancels it and throws when it takes longer than `limit`.
func withLimit<Result: Sendable>(
  _ limit: Duration, _ name: String, _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  try await withThrowingTaskGroup(of: Result.self) { group in
    group.addTask { try await work() }
    group.addTask {
      try await Task.sleep(for: limit)
      throw Failure("\(name) was still running after \(limit)")
    }
    defer { group.cancelAll() }
    return try await group.next()!
  }
}
