// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite struct FileTests {
  /// `/` is the ext4 file system of the disk, `/tmp` is one in memory.
  @Test(
    arguments: [
      "Behaviour/file-content", "Behaviour/file-names", "Behaviour/file-attributes", "Behaviour/file-descriptors",
      "Behaviour/file-errors", "Behaviour/file-model", "Behaviour/special-files", "Behaviour/arguments-out-of-range",
      "Behaviour/depth", "Behaviour/limits",
    ], ["/", "/tmp"])
  func behavesAsOnTheHost(program: String, directory: String) async throws {
    var comparison = try await Comparison(TestProgram(program))
    comparison.writableDirectory = directory
    try await comparison.expectSame()
  }

  /// What a file system in memory does not do.
  @Test(arguments: ["Behaviour/file-ranges"])
  func changesRangesAsOnTheHost(program: String) async throws {
    var comparison = try await Comparison(TestProgram(program))
    comparison.writableDirectory = "/"
    try await comparison.expectSame()
  }
}

/// One process: it may become another program, but not two.
@Suite struct ProcessTests {
  @Test(arguments: [Flavour.glibcDynamic, .glibcStatic, .muslDynamic], ["/", "/tmp"])
  func executesAsOnTheHost(flavour: Flavour, directory: String) async throws {
    var comparison = try await Comparison(TestProgram("Behaviour/execute", flavour))
    comparison.writableDirectory = directory
    try await comparison.expectSame()
  }

  @Test(arguments: [Flavour.glibcDynamic, .muslStatic])
  func makesNoSecondProcess(flavour: Flavour) async throws {
    let outcome = try await MachineRun(TestProgram("Behaviour/one-process", flavour).built()).run()
    let expected = Outcome(
      output: Array(try Repository.text("Expected/one-process.txt").utf8), errors: [], exitCode: 0)
    expectEqual(outcome, expected)
    let mentions = outcome.messages.filter { $0.contains("one process") }
    #expect(mentions.count == 1, "the kernel says once that Vorteil runs one process:\n\(outcome.messageText)")
  }
}
