// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// How a test program is linked, and against which C library.
enum Flavour: String, CaseIterable, Sendable {
  case glibcStatic = "glibc-static"
  case glibcStaticPIE = "glibc-static-pie"
  case glibcDynamic = "glibc-dynamic"
  case muslStatic = "musl-static"
  case muslDynamic = "musl-dynamic"

  var compiler: [String] {
    switch self {
    case .glibcStatic: ["/usr/bin/gcc", "-static", "-no-pie"]
    case .glibcStaticPIE: ["/usr/bin/gcc", "-static-pie"]
    case .glibcDynamic: ["/usr/bin/gcc", "-pie"]
    case .muslStatic: ["/usr/bin/musl-gcc", "-static"]
    case .muslDynamic: ["/usr/bin/musl-gcc"]
    }
  }
}

/// A program of Tests/Programs, such as `Behaviour/signals`, in one flavour.
struct TestProgram: Hashable, Sendable, CustomTestStringConvertible {
  var name: String
  var flavour: Flavour

  var testDescription: String { "\(name) (\(flavour.rawValue))" }

  init(_ name: String, _ flavour: Flavour = .glibcDynamic) {
    self.name = name
    self.flavour = flavour
  }

  /// The compiled program.
  func built() async throws -> FilePath { try await Builder.shared.build(self) }
}

/// Compiles each program once. The results stay below `.build`, and are made anew when a source has changed.
private actor Builder {
  static let shared = Builder()

  private var builds: [TestProgram: Task<FilePath, any Error>] = [:]

  // Some attacks are exactly what these warnings are about.
  private static let flags = [
    "-std=gnu17", "-O2", "-g", "-fno-omit-frame-pointer", "-Wall", "-Werror", "-Wno-array-bounds",
    "-Wno-format-truncation", "-Wno-infinite-recursion", "-Wno-nonnull", "-Wno-stringop-overflow",
    "-Wno-stringop-overread", "-Wno-unused-result",
  ]

  func build(_ program: TestProgram) async throws -> FilePath {
    let task = builds[program] ?? Task { try await Self.compile(program) }
    builds[program] = task
    return try await task.value
  }

  private static func compile(_ program: TestProgram) async throws -> FilePath {
    let source = Repository.programs.appending(program.name + ".c")
    let directory = Repository.products.appending("test-programs/\(program.flavour.rawValue)")
    let result = directory.appending(FilePath(program.name).lastComponent!)
    if try isUpToDate(result, source) { return result }
    try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: true)
    let compiler = program.flavour.compiler
    let outcome = try await Slots.host.run {
      try await Command(
        executable: FilePath(compiler[0]),
        arguments: compiler.dropFirst() + flags + ["-o", result.string, source.string]
      ).run()
    }
    guard outcome.exitCode == 0 else { throw Failure("\(source) does not compile:\n\(outcome.errorText)") }
    return result
  }

  private static func isUpToDate(_ result: FilePath, _ source: FilePath) throws -> Bool {
    let headers = try FileManager.default.subpathsOfDirectory(atPath: Repository.programs.string)
      .filter { $0.hasSuffix(".h") }.map { Repository.programs.appending($0) }
    guard let built = modificationTime(result) else { return false }
    return ([source] + headers).allSatisfy { path in modificationTime(path).map { $0 < built } ?? false }
  }

  private static func modificationTime(_ path: FilePath) -> Date? {
    try? FileManager.default.attributesOfItem(atPath: path.string)[.modificationDate] as? Date
  }
}
