// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite struct SignalTests {
  @Test(
    arguments: ["Behaviour/signals", "Behaviour/faults", "Behaviour/signal-context", "Behaviour/timers"],
    [Flavour.glibcDynamic, .muslStatic])
  func behavesAsOnTheHost(program: String, flavour: Flavour) async throws {
    try await Comparison(TestProgram(program, flavour)).expectSame()
  }
}
