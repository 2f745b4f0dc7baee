// SPDX-License-Identifier: Apache-2.0
import Testing

/// Programs without an interpreter, of each C library and kind of linking.
@Suite struct StaticPrograms {
  static let flavours: [Flavour] = [.glibcStatic, .glibcStaticPIE, .muslStatic]

  @Test(arguments: startPrograms, flavours)
  func behavesAsOnTheHost(program: String, flavour: Flavour) async throws {
    try await Comparison(TestProgram(program, flavour)).expectSame()
  }

  @Test(arguments: flavours)
  func getsArgumentsAndEnvironment(flavour: Flavour) async throws {
    try await expectArgumentsAndEnvironment(flavour)
  }

  @Test(arguments: flavours)
  func copiesItsInput(flavour: Flavour) async throws {
    try await expectCopy(flavour)
  }
}

/// Programs that their loader starts, with a C library as a shared one.
@Suite struct DynamicPrograms {
  static let flavours: [Flavour] = [.glibcDynamic, .muslDynamic]

  @Test(arguments: startPrograms, flavours)
  func behavesAsOnTheHost(program: String, flavour: Flavour) async throws {
    try await Comparison(TestProgram(program, flavour)).expectSame()
  }

  @Test(arguments: flavours)
  func getsArgumentsAndEnvironment(flavour: Flavour) async throws {
    try await expectArgumentsAndEnvironment(flavour)
  }

  @Test(arguments: flavours)
  func copiesItsInput(flavour: Flavour) async throws {
    try await expectCopy(flavour)
  }
}

/// What a program of any kind must find when it starts.
private let startPrograms = [
  "Behaviour/auxiliary-vector", "Behaviour/vdso", "Behaviour/identity", "Behaviour/segments", "Behaviour/flags",
  "Behaviour/registers", "Behaviour/red-zone", "Behaviour/jumps-over-halt",
]

private func expectArgumentsAndEnvironment(_ flavour: Flavour) async throws {
  let arguments = [
    "plain", "", " blanks and\ttabs ", "--option=value", "quotes ' \" \\ $HOME *", "Grüße ☃", "--", "two\nlines",
  ]
  var comparison = try await Comparison(
    TestProgram("Behaviour/arguments", flavour), arguments + [String(repeating: "long ", count: 5000)])
  comparison.environment = [
    "TEST_PLAIN": "value", "TEST_EMPTY": "", "TEST_EQUALS": "a=b=c", "TEST_BLANKS": "  two  words ",
    "TEST_TEXT": "Grüße ☃", "TEST_LONG": String(repeating: "x", count: 10_000),
  ]
  try await comparison.expectSame()
}

private func expectCopy(_ flavour: Flavour) async throws {
  var comparison = try await Comparison(TestProgram("Behaviour/copy", flavour))
  var generator = LinearGenerator(seed: 1)
  comparison.input = (0..<1_000_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
  try await comparison.expectSame()
}

/// The same numbers in every run.
struct LinearGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 31)
  }
}
