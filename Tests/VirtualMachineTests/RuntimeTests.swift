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

  private static let moreJava = [
    (["threads"], 2), (["garbage"], 1), (["garbage"], 4), (["exceptions"], 2), (["exceptions"], 4),
  ]

  /// A pool of threads, locks and joins; a heap that is collected and at last too small; faults that become exceptions.
  @Test(
    .enabled(if: hasJava, "java or javac (openjdk-17-jdk-headless) is not installed"),
    arguments: [(["threads"], 1), (["threads"], 4), (["garbage"], 2), (["exceptions"], 1)]
      + (runsLongTests ? moreJava : []))
  func javaWorks(arguments: [String], processors: Int) async throws {
    let classes = try await withTemporaryDirectory { directory in
      let source = Repository.programs.appending("Scripts/Workload.java")
      let command = Command(executable: Self.compiler, arguments: ["-d", directory.string, source.string])
      let outcome = try await Slots.host.run { try await command.run() }
      try #require(outcome.exitCode == 0, "\(outcome.errorText)")
      return try Data(contentsOf: URL(filePath: directory.appending("Workload.class").string))
    }
    var comparison = Comparison(Self.java, ["-Xmx64m", "Workload"] + arguments)
    comparison.files = ["Workload.class": Array(classes)]
    comparison.options = ["--cpus", "\(processors)"]
    try await comparison.expectSame()
  }

  @Test(.enabled(if: hasJava, "java or javac (openjdk-17-jdk-headless) is not installed"))
  func javaWithoutMachineCodeIsRefused() async throws {
    let outcome = try await MachineRun(Self.java, ["-version"], options: ["--no-jit"]).run()
    #expect(outcome.program.exitCode != 0)
    #expect(outcome.messageText.contains("--no-jit"), "\(outcome.messageText)")
  }

  // MARK: Node.js

  static let node = ["/usr/bin/node", "/usr/local/bin/node"].first { FileManager.default.isExecutableFile(atPath: $0) }

  /// Worker threads, streams, cryptography, files, WebAssembly.
  @Test(.enabled(if: node != nil, "node (nodejs) is not installed"), arguments: runsLongTests ? [1, 2, 4] : [1, 4])
  func nodeWorks(processors: Int) async throws {
    var comparison = Comparison(FilePath(Self.node ?? ""), ["workers.js"])
    comparison.files = ["workers.js": Array(try Repository.text("Scripts/workers.js").utf8)]
    comparison.options = ["--cpus", "\(processors)", "--memory", "1G"]
    try await comparison.expectSame()
  }

  // MARK: C++ and Swift

  /// Exceptions thrown by many threads at once, carried from one to another, and what is destroyed on the way.
  @Test(.enabled(if: hasCxx, "g++ is not installed"), arguments: [1, 2, 4])
  func cxxExceptionsWork(processors: Int) async throws {
    let flavour: [String] = processors == 4 ? ["-static"] : []
    let program = try await Self.build(
      Self.cxx, ["-std=c++20", "-O2", "-pthread"] + flavour, "Behaviour/exceptions.cpp", "exceptions\(flavour.count)")
    var comparison = Comparison(program)
    comparison.options = ["--cpus", "\(processors)"]
    try await comparison.expectSame()
  }

  /// Task groups, actors, streams, sleeps, cancellation, and Dispatch below all of it.
  @Test(.enabled(if: swiftc != nil, "swiftc is not there"), arguments: [1, 2, 4])
  func swiftConcurrencyWorks(processors: Int) async throws {
    let program = try await Self.build(
      #require(Self.swiftc), ["-O", "-parse-as-library", "-static-stdlib"], "Scripts/concurrency.swift", "concurrency")
    var comparison = Comparison(program)
    comparison.options = ["--cpus", "\(processors)"]
    try await comparison.expectSame()
  }

  static let cxx: FilePath = "/usr/bin/g++"
  static let hasCxx = FileManager.default.isExecutableFile(atPath: cxx.string)
  /// Beside the compiler that these tests were built with.
  static let swiftc = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { FilePath(String($0)).appending("swiftc") }
    .first { FileManager.default.isExecutableFile(atPath: $0.string) }

  private static func build(
    _ compiler: FilePath, _ flags: [String], _ source: String, _ name: String
  ) async throws -> FilePath {
    try await builds.run {
      let source = Repository.programs.appending(source)
      let directory = Repository.products.appending("test-programs/runtimes")
      try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: true)
      let result = directory.appending(name)
      func time(_ path: FilePath) -> Date? {
        try? FileManager.default.attributesOfItem(atPath: path.string)[.modificationDate] as? Date
      }
      if let built = time(result), let changed = time(source), changed < built { return result }
      let new = directory.appending(name + ".new")
      let command = Command(executable: compiler, arguments: flags + ["-o", new.string, source.string])
      let outcome = try await Slots.host.run { try await command.run() }
      guard outcome.exitCode == 0 else { throw Failure("\(source) does not compile:\n\(outcome.errorText)") }
      // In one step: another run of the tests may use it.
      guard rename(new.string, result.string) == 0 else { throw Failure("\(result) cannot be replaced") }
      return result
    }
  }

  /// The cases of a test share what is built: one builds, and the others find it.
  private static let builds = Slots(1)

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
