// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The last figures, kept in the repository: a JSON object a line, sorted.
struct RecordedResults {
  /// By how much an instruction count may exceed the recorded one.
  static let tolerance = 1.10

  private(set) var measurements: [Measurement.Key: Measurement] = [:]

  init(_ measurements: [Measurement] = []) { record(measurements) }

  /// Reads the form that `text` has.
  init(text: String) throws {
    let decoder = JSONDecoder()
    record(try text.split(separator: "\n").map { try decoder.decode(Measurement.self, from: Data($0.utf8)) })
  }

  /// Adds figures, in the place of those that were recorded for the same work.
  mutating func record(_ new: [Measurement]) {
    for measurement in new { measurements[measurement.key] = measurement }
  }

  var sorted: [Measurement] { measurements.values.sorted { $0.key < $1.key } }

  var text: String { sorted.map { $0.jsonLine + "\n" }.joined() }

  /// A sentence for every instruction count of Vorteil that grew by more than the tolerance or that
  /// could no longer be taken. What was never recorded is not judged.
  func regressions(in new: [Measurement]) -> [String] {
    new.filter { $0.unit == .instructions }.compactMap { measurement in
      guard let before = measurements[measurement.key]?.vorteil else { return nil }
      let name = "\(measurement.work) on \(measurement.machine.rawValue)"
      guard let now = measurement.vorteil else { return "\(name): not measured, \(Table.grouped(before)) before" }
      guard now > before * Self.tolerance else { return nil }
      return "\(name): \(Table.grouped(now)) instructions, \(Table.grouped(before)) before"
    }
  }
}
