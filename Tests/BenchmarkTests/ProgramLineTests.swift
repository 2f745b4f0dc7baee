// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import benchmark

@Suite struct ProgramLineTests {
  @Test func readsEveryKind() {
    #expect(ProgramLine("B main tsc=123") == .main)
    #expect(ProgramLine("B end") == .end)
    #expect(
      ProgramLine("B op getppid iters=20000 min=340 med=352")
        == .operation(name: "getppid", leastTicks: 340, medianTicks: 352, count: 20000))
    #expect(ProgramLine("B figure timerfd_late value=51000") == .figure(name: "timerfd_late", value: 51000))
    #expect(ProgramLine("B op getrandom16 FAIL errno=38") == .failed(name: "getrandom16", errorNumber: 38))
  }

  @Test func ignoresWhatFirmwareLeftOnTheLineAndTheSerialLineEnd() {
    #expect(ProgramLine("\u{1b}[2J B main tsc=1\r") == .main)
  }

  @Test(arguments: [
    "", "B", "B op", "B op x", "B op x min=1", "Booting", "B other", "Bmain", "B figure x", "B figure x y=1",
  ])
  func isNothingElse(_ line: String) { #expect(ProgramLine(line) == nil) }

  @Test func collectsTheOutcomeOfARun() {
    var outcome = GuestOutcome()
    for line in ["hello from a kernel", "B main tsc=1", "B op stat iters=5 min=8 med=9", "B op signal FAIL errno=38"] {
      outcome.add(line, after: .milliseconds(250))
    }
    #expect(outcome.millisecondsToMain == 250)
    #expect(outcome.ticks == ["stat": 8])
    #expect(outcome.failures == ["signal": 38])
    #expect(outcome.messages == ["hello from a kernel"])
    #expect(!outcome.hasEnded)
  }
}
