// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite struct MemoryTests {
  @Test(
    arguments: [
      "Behaviour/memory-mappings", "Behaviour/memory-moves", "Behaviour/memory-heap", "Behaviour/memory-at-random",
    ],
    [Flavour.glibcDynamic, .muslStatic])
  func behavesAsOnTheHost(program: String, flavour: Flavour) async throws {
    try await Comparison(TestProgram(program, flavour)).expectSame()
  }

  /// `/` is the ext4 file system of the disk, `/tmp` is one in memory.
  @Test(arguments: [Flavour.glibcDynamic, .muslStatic], ["/", "/tmp"])
  func mapsFilesAsTheHost(flavour: Flavour, directory: String) async throws {
    var comparison = try await Comparison(TestProgram("Behaviour/memory-files", flavour))
    comparison.writableDirectory = directory
    try await comparison.expectSame()
  }
}
