// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// Go's runtime, which has its own scheduler, signals and clock, and its packages' tests.
@Suite struct GoTests {
  static let go: FilePath = "/usr/bin/go"
  static let hasGo = FileManager.default.isExecutableFile(atPath: go.string)

  /// Goroutines, channels, timers, collection, faults that are recovered from, preemption by signals.
  @Test(.enabled(if: hasGo, "go (golang-go) is not installed"), arguments: [1, 2, 4])
  func goWorks(processors: Int) async throws {
    let program = try await Self.build(["build"], Repository.programs.appending("Scripts/goroutines.go"), "goroutines")
    var comparison = Comparison(program)
    comparison.options = ["--cpus", "\(processors)"]
    try await comparison.expectSame()
    let run = MachineRun(program, ["processors"], options: ["--cpus", "\(processors)"])
    expectEqual(try await run.run(), output: "\(processors)\n")
  }

  // MARK: packages

  @Test(
    .enabled(if: hasGo, "go (golang-go) is not installed"),
    arguments: [("sync", 4), ("container/heap", 1), ("sort", 2)])
  func packagesPass(package: String, processors: Int) async throws {
    try await compare(package, processors, ["-test.short"])
  }

  @Test(
    .enabled(if: hasGo && runsLongTests, "go (golang-go) is not installed, or these are not the long tests"),
    arguments: ["sync", "sync/atomic", "sort", "strings", "encoding/json", "time", "container/heap"], [1, 2, 4])
  func allPackagesPass(package: String, processors: Int) async throws {
    try await compare(package, processors, [])
  }

  @Test(
    .enabled(if: hasGo && runsLongTests, "go (golang-go) is not installed, or these are not the long tests"),
    arguments: [1, 2, 4])
  func runtimePasses(processors: Int) async throws {
    try await compare("runtime", processors, ["-test.short"])
  }

  /// Each case has the same result as on the host, but for those that `go-differences.txt` lists, which are not run.
  private func compare(_ package: String, _ processors: Int, _ arguments: [String]) async throws {
    let program = try await Self.build(
      ["test", "-c", "-tags", "timetzdata"], FilePath(package), package.replacing("/", with: "-") + ".test")
    let sources = try await Self.root().appending("src").appending(package)
    let listed = try Set(Repository.text("Expected/go-differences.txt").split(separator: "\n").map(String.init))
    var list = Command(executable: program, arguments: ["-test.list", "."])
    list.workingDirectory = sources
    let cases = try await list.run().outputText.split(separator: "\n").map(String.init)
      .filter { !listed.contains("\(package).\($0)") && !$0.hasPrefix("Benchmark") }
    let all = ["-test.v", "-test.run", "^(\(cases.joined(separator: "|")))$"] + arguments
    // Some cases are only for several processors.
    var command = Command(executable: program, arguments: all)
    if processors == 1 {
      command = Command(executable: "/usr/bin/taskset", arguments: ["--cpu-list", "0", program.string] + all)
    }
    command.workingDirectory = sources
    let expected = try await Slots.host.run { [command] in try await command.run() }
    var run = MachineRun(
      program, all,
      options: [
        "--cpus", "\(processors)", "--memory", "1G", "--directory", "\(sources):/source", "--cwd", "/source",
      ])
    run.timeout = 900
    let outcome = try await run.run()
    let (there, here) = (Self.results(expected.output), Self.results(outcome.program.output))
    // Some cases are only for more processors than the host may have.
    let more = Set(there.filter { $0.hasPrefix("SKIP") }.map { $0.replacing("SKIP", with: "PASS") }).intersection(here)
    let less = Set(more.map { $0.replacing("PASS", with: "SKIP") })
    let text = difference(
      expected: Array(there.filter { !less.contains($0) }.joined().utf8),
      actual: Array(here.filter { !more.contains($0) }.joined().utf8))
    #expect(outcome.program.exitCode == expected.exitCode)
    #expect(
      text.isEmpty, "- host, + machine:\n\(text)\n\(outcome.program.outputText.suffix(4000))\(outcome.messageText)")
  }

  /// "PASS: TestName" for each case, sorted.
  private static func results(_ output: [UInt8]) -> [String] {
    let lines = String(decoding: output, as: UTF8.self).matches(of: #/--- (PASS|FAIL|SKIP): (\w+) /#)
      .map { "\($0.1): \($0.2)\n" }
    return lines.sorted()
  }

  // MARK: crashes

  /// The programs that the runtime's tests run in a second process: deadlocks, panics, faults, signals in C code. Each
  /// ends as on the host, and says the same first.
  @Test(
    .enabled(if: hasGo && runsLongTests, "go (golang-go) is not installed, or these are not the long tests"),
    arguments: ["testprog", "testprogcgo"])
  func crashesAsOnTheHost(program: String) async throws {
    let listed = try Set(Repository.text("Expected/go-differences.txt").split(separator: "\n").map(String.init))
    let source = try await Self.root().appending("src/runtime/testdata").appending(program)
    let files = try FileManager.default.contentsOfDirectory(atPath: source.string).filter { $0.hasSuffix(".go") }
    let text = try files.map { try String(contentsOfFile: source.appending($0).string, encoding: .utf8) }.joined()
    let names = Set(text.matches(of: #/register\("(\w+)"/#).map { String($0.1) })
    let built = try await Self.build(["build"], ".", program, source)
    #expect(names.count > 20)
    for name in names.sorted() where !listed.contains("\(program).\(name)") {
      let command = Command(executable: built, arguments: [name])
      let expected = try await Slots.host.run { try await command.run() }
      let outcome = try await MachineRun(built, [name], options: ["--cpus", "2", "--memory", "1G"]).run()
      #expect(outcome.program.exitCode == expected.exitCode, "\(name): \(outcome.program.errorText)")
      #expect(Self.beginning(outcome.program.output) == Self.beginning(expected.output), "\(name)")
      #expect(Self.beginning(outcome.program.errors) == Self.beginning(expected.errors), "\(name)")
    }
  }

  /// The first line, without addresses and other numbers.
  private static func beginning(_ text: [UInt8]) -> String {
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first ?? ""
    return String(line.replacing(#/0x[0-9a-f]+|[0-9]+/#, with: "N"))
  }

  // MARK: building

  private static func root() async throws -> FilePath {
    let outcome = try await Command(executable: go, arguments: ["env", "GOROOT"]).run()
    return FilePath(outcome.outputText.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  private static func build(
    _ verb: [String], _ what: FilePath, _ name: String, _ place: FilePath? = nil
  ) async throws -> FilePath {
    let directory = Repository.products.appending("test-programs/go")
    try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: true)
    let result = directory.appending(name)
    var command = Command(executable: go, arguments: verb + ["-o", result.string, what.string])
    command.workingDirectory = place
    command.environment = [
      "HOME": directory.string, "GOCACHE": directory.appending("cache").string, "PATH": "/usr/bin:/bin",
      "GO111MODULE": "auto",
    ]
    let outcome = try await Slots.host.run { [command] in try await command.run() }
    guard outcome.exitCode == 0 else { throw Failure("\(what) does not compile:\n\(outcome.errorText)") }
    return result
  }
}
