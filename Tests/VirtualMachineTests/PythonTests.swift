// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// CPython's own tests: each case has the same result in a machine as on the host, but for those that
/// `python-differences.txt` lists by name, with the reason.
@Suite struct PythonTests {
  static let program: FilePath = "/usr/bin/python3"
  /// Where Debian's libpython3-testsuite puts them.
  static let directory = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib"))?
    .filter { $0.hasPrefix("python3.") }.map { "/usr/lib/\($0)/test" }
    .first { FileManager.default.fileExists(atPath: $0 + "/test_threading.py") }

  /// A few seconds each; the long tests have all.
  static let short: [(String, Int)] = [
    ("test_thread", 4), ("test_threading_local", 2), ("test_signal", 2), ("test_select", 1), ("test_time", 2),
    ("test_mmap", 1), ("test_socketserver", 2), ("test_asyncio.test_locks", 4), ("test_asyncio.test_unix_events", 2),
  ]

  static let long: [String] =
    [
      "test_thread", "test_threading", "test_threading_local", "test_threadsignals", "test_queue", "test_sched",
      "test_signal", "test_time", "test_select", "test_selectors", "test_poll", "test_mmap", "test_io", "test_fcntl",
      "test_resource", "test_gc", "test_socketserver", "test_concurrent_futures.ThreadPoolExecutorTest",
      "test_concurrent_futures.ThreadPoolAsCompletedTests", "test_concurrent_futures.ThreadPoolShutdownTest",
      "test_concurrent_futures.ThreadPoolWaitTests",
    ]
    + [
      "base_events", "buffered_proto", "context", "events", "futures", "futures2", "locks", "pep492", "protocols",
      "queues", "runners", "selector_events", "sendfile", "server", "sock_lowlevel", "ssl", "sslproto", "streams",
      "taskgroups", "tasks", "threads", "timeouts", "transports", "unix_events", "waitfor",
    ].map { "test_asyncio.test_\($0)" }

  @Test(.enabled(if: directory != nil, "CPython's tests (libpython3.11-testsuite) are not installed"), arguments: short)
  func casesPass(module: String, processors: Int) async throws {
    try await compare(module, processors)
  }

  @Test(
    .enabled(
      if: directory != nil && runsLongTests, "no tests (libpython3.11-testsuite), or these are not the long ones"),
    arguments: long, [1, 2, 4])
  func allCasesPass(module: String, processors: Int) async throws {
    try await compare(module, processors)
  }

  private func compare(_ module: String, _ processors: Int) async throws {
    let differences = try Self.differences()
    let all = differences.map { $0.trimmingPrefix("!") }
    let expected = try await onHost([module], leftOut: all.map(String.init))
    let forbidden = differences.filter { $0.hasPrefix("!") }.map { String($0.dropFirst()) }
    let (outcome, actual) = try await inMachine(module, processors, leftOut: forbidden)
    let listed = Set(all.map { "test.\($0)" })
    let lines = actual.split(separator: "\n").map(String.init)
    func name(_ line: String) -> String { String(line.split(separator: " ").last ?? "") }
    let compared = lines.filter { !listed.contains(name($0)) }
    let text = difference(expected: Array(expected.utf8), actual: Array((compared.joined(separator: "\n") + "\n").utf8))
    #expect(!expected.isEmpty)
    #expect(
      text.isEmpty, "- host, + machine:\n\(text)\n\(outcome.program.errorText.suffix(4000))\(outcome.messageText)")
    let fine = lines.filter { listed.contains(name($0)) && $0.hasPrefix("fine ") }
    #expect(fine.isEmpty, "no longer to be listed as different: \(fine)")
  }

  /// What the cases run in a second Python, of which there is none in a machine, in a machine of its own.
  @Test(
    .enabled(
      if: directory != nil && runsLongTests, "no tests (libpython3.11-testsuite), or these are not the long ones"),
    arguments: ["test_signal", "test_threading"])
  func secondProcessesPass(module: String) async throws {
    struct Record: Decodable {
      var `case`: String
      var arguments: [String]
      var output: String
      var exitCode: Int32
    }
    // What these do is fork, not what they test.
    let forks = ["fork", "_interprocess_signal", "siginterrupt"]
    let text = try await onHost(["--commands", module], leftOut: [])
    let records = try JSONDecoder().decode([Record].self, from: Data(text.utf8))
      .filter { record in !forks.contains { record.case.contains($0) } }
    #expect(!records.isEmpty)
    for record in records {
      var run = MachineRun(Self.program, record.arguments, options: Self.options + ["--cpus", "2"])
      run.timeout = 100
      let outcome = try await run.run()
      // A process that a signal ended is 128 and more here and there.
      #expect(outcome.program.exitCode == record.exitCode, "\(record.case): \(outcome.program.errorText)")
      #expect(outcome.program.outputText == record.output, "\(record.case)")
    }
  }

  private static var options: [String] { ["--memory", "512M", "--directory", "\(directory!):\(directory!)"] }

  private static func differences() throws -> [String] {
    try Repository.text("Expected/python-differences.txt").split(separator: "\n").filter { !$0.hasPrefix("#") }
      .map(String.init)
  }

  private func files(_ directory: FilePath, leftOut: [String]) throws {
    try directory.appending("cases.py").write(Array(Repository.text("Scripts/cases.py").utf8))
    try directory.appending("left-out").write(Array(leftOut.map { "test.\($0)\n" }.joined().utf8))
  }

  private func onHost(_ arguments: [String], leftOut: [String]) async throws -> String {
    try await withTemporaryDirectory { directory in
      try files(directory, leftOut: leftOut)
      var command = Command(executable: Self.program, arguments: ["cases.py"] + arguments)
      command.workingDirectory = directory
      let outcome = try await Slots.host.run { [command] in try await command.run() }
      return outcome.outputText
    }
  }

  private func inMachine(
    _ module: String, _ processors: Int, leftOut: [String]
  ) async throws -> (MachineOutcome, String) {
    try await withTemporaryDirectory { directory in
      try files(directory, leftOut: leftOut)
      var run = MachineRun(
        Self.program, ["cases.py", module],
        options: Self.options + ["--cpus", "\(processors)", "--directory", "\(directory):/files", "--cwd", "/files"])
      run.timeout = 900
      let outcome = try await run.run()
      return (outcome, outcome.program.outputText)
    }
  }
}
