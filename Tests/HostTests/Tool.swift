// SPDX-License-Identifier: Apache-2.0
import Foundation
import HostSystem
import Subprocess
import SystemPackage

/// The `vorteil` executable: the one that `./test` built for release and names in `VORTEIL_TOOL`, otherwise the one that was
/// built with the tests.
struct Tool {
  static let directory = FilePath(#filePath).removingLastComponent()
  static let fakeHypervisor = directory.appending("Fixtures/fake-hypervisor.py")

  static var executable: FilePath {
    get throws {
      if let path = environmentVariable("VORTEIL_TOOL") { return FilePath(path) }
      // The test runner lies in the same directory.
      return try executablePath().removingLastComponent().appending("vorteil")
    }
  }

  struct Result {
    let output: [UInt8]
    let errors: String
    let exitCode: Int32?

    var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// Runs the tool to its end.
  static func run(
    _ arguments: [String], input: String = "", environment: [Environment.Key: String] = [:]
  ) async throws -> Result {
    try await run(.path(executable), arguments, input: input, environment: environment)
  }

  /// Runs the tool with the stand-in for a hypervisor, which plays `scenario`.
  static func play(_ scenario: String, _ arguments: [String] = [], input: String = "") async throws -> Result {
    try await run(fakeArguments(scenario) + arguments, input: input)
  }

  static func fakeArguments(_ scenario: String) -> [String] {
    let hypervisor = ["--hypervisor", fakeHypervisor.string, "--hypervisor-argument", scenario]
    return ["run", "/bin/true", "--kernel", "/bin/true"] + hypervisor
  }

  /// Runs any program to its end.
  static func run(
    _ program: Executable, _ arguments: [String], input: String = "", environment: [Environment.Key: String?] = [:]
  ) async throws -> Result {
    let result = try await Subprocess.run(
      program, arguments: Arguments(arguments), environment: .inherit.updating(environment),
      input: .string(input), output: .bytes(limit: 64 << 20), error: .string(limit: 64 << 20))
    var code: Int32?
    if case .exited(let value) = result.terminationStatus { code = value }
    return Result(output: result.standardOutput, errors: result.standardError, exitCode: code)
  }
}

/// A directory of its own for a test, removed at the end.
final class TemporaryDirectory {
  let path: FilePath

  init() throws {
    path = FilePath("/tmp/vorteil-test-\(UInt64.random(in: 0...UInt64.max))")
    try makeDirectory(path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path.string) }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8], executable: Bool = false) throws -> FilePath {
    let file = path.appending(name)
    let permissions = FilePermissions(rawValue: executable ? 0o755 : 0o644)
    try OpenFile.open(file, .writeOnly, options: [.create, .truncate], permissions: permissions).write(bytes.span)
    return file
  }

  @discardableResult
  func write(_ name: String, _ text: String, executable: Bool = false) throws -> FilePath {
    try write(name, Array(text.utf8), executable: executable)
  }
}
