// SPDX-License-Identifier: Apache-2.0
import Foundation
import Subprocess
import SystemPackage
import Testing

/// Signals to the tool while a program runs, and two machines side by side.
@Suite struct InterruptTests {
  struct Interrupt: Sendable, CustomTestStringConvertible {
    var way: String
    /// How often Ctrl-C is typed.
    var times: Int
    var exitCode: Int32
    var testDescription: String { way }
  }

  @Test(arguments: [
    Interrupt(way: "loop", times: 1, exitCode: 130), Interrupt(way: "pause", times: 1, exitCode: 130),
    Interrupt(way: "handler", times: 1, exitCode: 42), Interrupt(way: "read", times: 1, exitCode: 42),
    Interrupt(way: "ignored", times: 2, exitCode: 130), Interrupt(way: "interrupts-off", times: 2, exitCode: 130),
  ])
  func controlC(interrupt: Interrupt) async throws {
    let run = MachineRun(try await TestProgram("Behaviour/interrupted").built(), [interrupt.way])
    let outcome = try await Slots.machines.run {
      try await start(run) { _, send in
        for number in 0..<interrupt.times {
          // The tool tells two interrupts apart only when it has seen the first.
          if number > 0 { try await Task.sleep(for: .seconds(2)) }
          try send(.interrupt)
        }
      }
    }
    #expect(outcome.exitCode == interrupt.exitCode)
    #expect(outcome.output == "ready\n" + (interrupt.exitCode == 42 ? "caught\n" : ""))
  }

  @Test func killedToolLeavesNothing() async throws {
    let run = MachineRun(try await TestProgram("Behaviour/interrupted").built(), ["loop"])
    let outcome = try await Slots.machines.run {
      try await start(run) { process, send in
        #expect(hypervisors(of: process).count == 1, "a machine runs")
        try send(.kill)
      }
    }
    #expect(outcome.exitCode == 137)
    var left = hypervisors(of: outcome.process)
    for _ in 0..<60 where !left.isEmpty {
      try await Task.sleep(for: .milliseconds(500))
      left = hypervisors(of: outcome.process)
    }
    #expect(left.isEmpty, "the machine outlived its tool: \(left)")
  }

  @Test func twoMachinesRunSideBySide() async throws {
    let waiting = MachineRun(try await TestProgram("Behaviour/interrupted").built(), ["handler"])
    let outcome = try await Slots.machines.run {
      try await start(waiting) { _, send in
        // Not in a slot of its own: whoever holds one must not wait for another.
        let other = try await MachineRun("/bin/busybox", ["echo", "the other"]).command.run()
        expectEqual(MachineOutcome(other), output: "the other\n")
        try send(.interrupt)
      }
    }
    #expect(outcome.exitCode == 42)
  }

  /// The hypervisors that the tool `process` started: they get its files under its number.
  private func hypervisors(of process: Int32) -> [String] {
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return processes.filter { Int32($0) != nil }.compactMap { number in
      guard let content = FileManager.default.contents(atPath: "/proc/\(number)/cmdline") else { return nil }
      let line = String(decoding: content, as: UTF8.self)
      return line.hasPrefix("qemu") || line.contains("/qemu-system") ? line : nil
    }.filter { $0.contains("/proc/\(process)/fd/") }
  }

  /// Starts a machine and, when the program has written "ready", lets `body` act on the tool.
  private func start(
    _ run: MachineRun, _ body: @escaping @Sendable (Int32, (Subprocess.Signal) throws -> Void) async throws -> Void
  ) async throws -> (process: Int32, exitCode: Int32, output: String) {
    let command = try run.command
    return try await withLimit(command.limit, run.source.string) {
      let result = try await Subprocess.run(
        command.configuration, input: .inputWriter, output: .sequence, error: .discarded
      ) { execution in
        var output = ""
        var hasActed = false
        for try await line in execution.standardOutput.strings() {
          output += line + "\n"
          if line == "ready", !hasActed {
            hasActed = true
            try await body(execution.processIdentifier.value) { try execution.send(signal: $0) }
          }
        }
        return (execution.processIdentifier.value, output)
      }
      return (result.closureResult.0, result.terminationStatus.shellCode, result.closureResult.1)
    }
  }
}
