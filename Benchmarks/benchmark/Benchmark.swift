// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation

@main struct Benchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures Vorteil beside a small Linux.",
    discussion: "Works: " + Work.all.map(\.name).joined(separator: ", "))

  @Argument(help: "What to measure; everything if nothing is named.")
  var names: [String] = []

  @Flag(help: "Print a JSON object a line instead of a table.")
  var json = false

  @Flag(help: "Leave Linux out, and times, which mean nothing alone.")
  var vorteilOnly = false

  @Option(help: "microvm or q35. Without it boots are measured on both and the rest on microvm.")
  var machine: Machine?

  @Flag(help: "Keep the figures in Benchmarks/results.json and Docs/Benchmarks.md.")
  var save = false

  @Flag(help: "Only compare Vorteil's instruction counts with those kept; fail if one grew by over a tenth.")
  var check = false

  @Flag(help: "Show every command and every line that the machines print.")
  var verbose = false

  @Option(help: ArgumentHelp("The repository.", visibility: .hidden))
  var root = FileManager.default.currentDirectoryPath

  @Option(help: ArgumentHelp("A command to take for the tool.", visibility: .hidden))
  var tool: String?

  func validate() throws {
    for name in names where !Work.all.contains(where: { $0.name == name }) {
      throw ValidationError("There is no work '\(name)'. There are: \(Work.all.map(\.name).joined(separator: ", ")).")
    }
    if save && (vorteilOnly || check) { throw ValidationError("--save keeps the figures of both systems.") }
  }

  func run() async throws {
    let measurements = try await measure()
    if check { return try compare(measurements) }
    print(json ? measurements.map { $0.jsonLine + "\n" }.joined() : Table(measurements).text, terminator: "")
    if save { try await keep(measurements) }
  }

  private var files: BenchmarkFiles { BenchmarkFiles(root: root, toolOverride: tool) }

  private func measure() async throws -> [Measurement] {
    var linux: LinuxGuest?
    if !vorteilOnly && !check {
      let rate = try await Host.output(of: files.program("frequency")).trimmingCharacters(in: .whitespacesAndNewlines)
      linux = LinuxGuest(files: files, timeStampKilohertz: Int(rate) ?? 0)
    }
    let session = Session(
      runner: GuestRunner(files: files, isVerbose: verbose), vorteil: VorteilGuest(files: files), linux: linux,
      measuresTimes: linux != nil)
    var measurements: [Measurement] = []
    for machine in Machine.allCases {
      let works = works(on: machine)
      if !works.isEmpty { measurements += try await session.measure(works, on: machine) }
    }
    return measurements
  }

  /// What is to be measured on a machine.
  private func works(on machine: Machine) -> [Work] {
    Work.all.filter { work in
      guard names.isEmpty || names.contains(work.name) else { return false }
      if check && (work.unit != .instructions || work.processors > 1) { return false }
      if vorteilOnly && names.isEmpty && !work.unit.isExact { return false }
      if let chosen = self.machine { return chosen == machine }
      return machine == .microvm || work.kind == .boot
    }
  }

  private func recorded() throws -> RecordedResults {
    guard FileManager.default.fileExists(atPath: files.recordedResults) else { return RecordedResults() }
    return try RecordedResults(text: String(contentsOfFile: files.recordedResults, encoding: .utf8))
  }

  /// Names what grew and fails if anything did.
  private func compare(_ measurements: [Measurement]) throws {
    let recorded = try recorded()
    let regressions = recorded.regressions(in: measurements)
    guard regressions.isEmpty else {
      for regression in regressions { print(regression) }
      print("If this is on purpose, run `./bench --save` and commit Benchmarks/results.json.")
      throw ExitCode.failure
    }
    let compared = measurements.count { recorded.measurements[$0.key]?.vorteil != nil }
    print("bench: compared \(compared) instruction counts, none has grown by more than a tenth")
  }

  private func keep(_ measurements: [Measurement]) async throws {
    var results = try recorded()
    results.record(measurements)
    try results.text.write(toFile: files.recordedResults, atomically: true, encoding: .utf8)
    let report = try await Report(measurements: results.sorted, date: Host.date, machine: Host.description())
    try report.markdown.write(toFile: files.report, atomically: true, encoding: .utf8)
  }
}

extension Machine: ExpressibleByArgument {}
