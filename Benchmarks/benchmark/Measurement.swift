// SPDX-License-Identifier: Apache-2.0
import Foundation

/// One figure of one work on Vorteil and on Linux: a line of `--json` and of results.json.
struct Measurement: Codable, Equatable {
  /// What a measurement is about; there is one of each in a set of results.
  struct Key: Hashable, Comparable {
    var work: String
    var machine: Machine
    var unit: Unit

    static func < (left: Key, right: Key) -> Bool {
      (left.work, left.machine, left.unit.rawValue) < (right.work, right.machine, right.unit.rawValue)
    }
  }

  var work: String
  var machine: Machine
  var unit: Unit
  /// Nil where it could not be measured.
  var vorteil: Double?
  /// Nil where it could not be, or was not to be, measured.
  var linux: Double?
  /// At most this is to be reached; of a time, Linux's own.
  var target: Double?
  /// Nil where nothing is to be reached.
  var met: Bool?

  var key: Key { Key(work: work, machine: machine, unit: unit) }

  var ratio: Double? {
    guard let vorteil, let linux, linux > 0 else { return nil }
    return vorteil / linux
  }

  /// Judges the figures of `work`. In time nothing may be slower than Linux in the same run; user
  /// code must take the same instructions (to 1 %), its time is only shown.
  init(_ work: Work, on machine: Machine, unit: Unit, vorteil: Double?, linux: Double?) {
    self.work = work.name
    self.machine = machine
    self.unit = unit
    self.vorteil = vorteil
    self.linux = linux
    if work.isCalibration {
      target = unit.isTime ? nil : linux
      if let target { met = vorteil.map { abs($0 - target) <= target / 100 } ?? false }
    } else {
      target = unit.isTime ? linux : work.target(on: machine) ?? (unit == .timesOne ? linux : nil)
      if let target { met = vorteil.map { unit == .timesOne ? $0 >= target : $0 <= target } ?? false }
    }
  }

  /// The measurement as one line of JSON, keys in reading order.
  var jsonLine: String {
    func number(_ value: Double?) -> String { value.map(Self.plain) ?? "null" }
    let judgement = met.map { $0 ? "true" : "false" } ?? "null"
    return """
      {"work": "\(work)", "machine": "\(machine.rawValue)", "unit": "\(unit.rawValue)", \
      "vorteil": \(number(vorteil)), "linux": \(number(linux)), \
      "target": \(number(target)), "met": \(judgement)}
      """
  }

  /// A figure with a decimal or two where it is small enough to matter.
  static func plain(_ value: Double) -> String {
    if value < 10 && value != value.rounded() { return String(format: "%.2f", value) }
    return value < 100 && value != value.rounded()
      ? String(format: "%.1f", value) : String(format: "%.0f", value)
  }
}
