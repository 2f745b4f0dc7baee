// SPDX-License-Identifier: Apache-2.0
import Testing

/// Descriptors that do not stand for files with names.
@Suite struct DescriptorTests {
  @Test(
    arguments: ["Behaviour/event-descriptors", "Behaviour/epoll", "Behaviour/memory-seals"],
    [Flavour.glibcDynamic, .muslStatic])
  func behavesAsOnTheHost(program: String, flavour: Flavour) async throws {
    try await Comparison(TestProgram(program, flavour)).expectSame()
  }

  /// Those that have to do with files.
  @Test(arguments: ["Behaviour/local-sockets", "Behaviour/splice", "Behaviour/inotify"], ["/", "/tmp"])
  func behavesAsOnTheHost(program: String, directory: String) async throws {
    var comparison = try await Comparison(TestProgram(program))
    comparison.writableDirectory = directory
    try await comparison.expectSame()
  }
}
