// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// Runtimes with threads and compilers of their own, with no options for the tool but the files they are to work on.
@Suite struct RuntimeTests {
  // MARK: Java

  static let java: FilePath = "/usr/bin/java"
  static let compiler: FilePath = "/usr/bin/javac"
  static let hasJava = [java, compiler].allSatisfy { FileManager.default.isExecutableFile(atPath: $0.string) }

  @Test(.enabled(if: hasJava, "java or javac (openjdk-17-jdk-headless) is not installed"))
  func javaSaysItsVersion() async throws {
    try await Comparison(Self.java, ["-version"]).expectSame()
  }

  /// A pool of threads, locks and joins; a heap that is collected and at last too small; faults that become exceptions.
  @Test(
    .enabled(if: hasJava, "java or javac (openjdk-17-jdk-headless) is not installed"),
    arguments: [["threads"], ["garbage"], ["exceptions"]])
  func javaWorks(arguments: [String]) async throws {
    let classes = try await withTemporaryDirectory { directory in
      let source = Repository.programs.appending("Scripts/Workload.java")
      let command = Command(executable: Self.compiler, arguments: ["-d", directory.string, source.string])
      let outcome = try await Slots.host.run { try await command.run() }
      try #require(outcome.exitCode == 0, "\(outcome.errorText)")
      return try Data(contentsOf: URL(filePath: directory.appending("Workload.class").string))
    }
    var comparison = Comparison(Self.java, ["-Xmx64m", "Workload"] + arguments)
    comparison.files = ["Workload.class": Array(classes)]
    try await comparison.expectSame()
  }

  @Test(.enabled(if: hasJava, "java or javac (openjdk-17-jdk-headless) is not installed"))
  func javaWithoutMachineCodeIsRefused() async throws {
    let outcome = try await MachineRun(Self.java, ["-version"], options: ["--no-jit"]).run()
    #expect(outcome.program.exitCode != 0)
    #expect(outcome.messageText.contains("--no-jit"), "\(outcome.messageText)")
  }

  // MARK: Go

  static let go: FilePath = "/usr/bin/go"
  static let hasGo = FileManager.default.isExecutableFile(atPath: go.string)

  /// Goroutines, channels, timers, collection, faults that are recovered from, preemption by signals.
  @Test(.enabled(if: hasGo, "go (golang-go) is not installed"), arguments: [1, 2, 4])
  func goWorks(processors: Int) async throws {
    let program = try await Self.built("Scripts/goroutines.go")
    var comparison = Comparison(program)
    comparison.options = ["--cpus", "\(processors)"]
    try await comparison.expectSame()
    let run = MachineRun(program, ["processors"], options: ["--cpus", "\(processors)"])
    expectEqual(try await run.run(), output: "\(processors)\n")
  }

  /// The tests of Go's own packages, as many as need no second process.
  @Test(
    .enabled(if: hasGo && runsLongTests, "go (golang-go) is not installed, or these are not the long tests"),
    arguments: ["sync", "sort", "strings", "encoding/json", "time", "container/heap"])
  func goPackagesPass(package: String) async throws {
    let program = try await Self.built(tests: package)
    var run = MachineRun(program, ["-test.short", "-test.v=false"], options: ["--cpus", "2", "--memory", "1G"])
    run.timeout = 900
    let outcome = try await run.run()
    #expect(outcome.program.exitCode == 0, "\(outcome.program.outputText)\(outcome.messageText)")
    #expect(outcome.program.outputText.hasSuffix("PASS\n"), "\(outcome.program.outputText)")
  }

  private static func built(_ source: String) async throws -> FilePath {
    try await build(["build"], Repository.programs.appending(source).string, FilePath(source).stem ?? "program")
  }

  private static func built(tests package: String) async throws -> FilePath {
    try await build(["test", "-c"], package, package.replacing("/", with: "-") + ".test")
  }

  private static func build(_ verb: [String], _ what: String, _ name: String) async throws -> FilePath {
    let directory = Repository.products.appending("test-programs/go")
    try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: true)
    let result = directory.appending(name)
    var command = Command(executable: go, arguments: verb + ["-o", result.string, what])
    command.environment = [
      "HOME": directory.string, "GOCACHE": directory.appending("cache").string, "PATH": "/usr/bin:/bin",
    ]
    let outcome = try await Slots.host.run { [command] in try await command.run() }
    guard outcome.exitCode == 0 else { throw Failure("\(what) does not compile:\n\(outcome.errorText)") }
    return result
  }

  // MARK: Node.js

  static let node = ["/usr/bin/node", "/usr/local/bin/node"].first { FileManager.default.isExecutableFile(atPath: $0) }

  /// Worker threads, streams, cryptography, files, WebAssembly.
  @Test(.enabled(if: node != nil, "node (nodejs) is not installed"), arguments: [1, 2])
  func nodeWorks(processors: Int) async throws {
    var comparison = Comparison(FilePath(Self.node ?? ""), ["workers.js"])
    comparison.files = ["workers.js": Array(try Repository.text("Scripts/workers.js").utf8)]
    comparison.options = ["--cpus", "\(processors)", "--memory", "1G"]
    try await comparison.expectSame()
  }

  // MARK: Python

  /// Modules of CPython's own test suite that need no second process.
  @Test(
    .enabled(if: runsLongTests, "these are not the long tests"),
    arguments: ["test_thread", "test_queue", "test_select", "test_selectors", "test_time", "test_mmap", "test_sched"])
  func pythonModulesPass(module: String) async throws {
    var run = MachineRun(
      "/usr/bin/python3", ["-m", "unittest", "test.\(module)"],
      options: ["--cpus", "2", "--memory", "512M", "--directory", "/usr/lib/python3.11/test:/usr/lib/python3.11/test"])
    run.timeout = 900
    let outcome = try await run.run()
    #expect(outcome.program.exitCode == 0, "\(outcome.program.errorText)\(outcome.messageText)")
  }

  // MARK: sysbench

  @Test(arguments: ["cpu", "mutex", "threads", "memory"])
  func sysbenchWorks(test: String) async throws {
    let run = MachineRun(
      "/usr/bin/sysbench", [test, "--threads=4", "--time=2", "--events=100", "run"], options: ["--cpus", "2"])
    let outcome = try await run.run()
    #expect(outcome.program.exitCode == 0, "\(outcome.program.outputText)\(outcome.program.errorText)")
    #expect(outcome.program.outputText.contains("Threads fairness"), "\(outcome.program.outputText)")
  }
}
