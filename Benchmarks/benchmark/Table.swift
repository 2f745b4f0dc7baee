// SPDX-License-Identifier: Apache-2.0

/// The measurements as people read them: a row a work, its time beside its count.
struct Table {
  private(set) var header: [String]
  private(set) var rows: [[String]] = []

  /// Columns after the second hold numbers and stand at the right.
  private static let firstNumberColumn = 2

  init(_ measurements: [Measurement], works: [Work] = Work.all) {
    header = ["work", "unit", "Vorteil", "Linux", "ratio", "target", "result", "time", "time ratio", "in time"]
    let byKey = Dictionary(measurements.map { ($0.key, $0) }) { $1 }
    for work in works {
      for machine in Machine.allCases {
        let key = Measurement.Key(work: work.name, machine: machine, unit: work.unit)
        guard let count = byKey[key] else { continue }
        rows.append(Self.row(work, count, time: work.timeUnit.flatMap { byKey[key.with($0)] }))
      }
    }
    if measurements.allSatisfy({ $0.linux == nil }) {
      removeColumns(["Linux", "ratio", "time", "time ratio", "in time"])
    }
  }

  private mutating func removeColumns(_ names: Set<String>) {
    let kept = header.indices.filter { !names.contains(header[$0]) }
    header = kept.map { header[$0] }
    rows = rows.map { row in kept.map { row[$0] } }
  }

  private static func row(_ work: Work, _ count: Measurement, time: Measurement?) -> [String] {
    let place = work.kind == .boot || count.machine != .microvm ? " (\(count.machine.rawValue))" : ""
    return [
      work.title + place, count.unit.rawValue, grouped(count.vorteil), grouped(count.linux),
      ratio(count.ratio), count.unit.isTime ? "" : grouped(count.target), verdict(count.met),
      time.map { "\(grouped($0.vorteil)) / \(grouped($0.linux)) \($0.unit == .ticks ? "ticks" : "ms")" } ?? "",
      ratio(time?.ratio), verdict(time?.met),
    ]
  }

  private static func verdict(_ met: Bool?) -> String { met.map { $0 ? "met" : "missed" } ?? "" }

  private static func ratio(_ value: Double?) -> String {
    guard let value else { return "" }
    let hundredths = Int((value * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }

  /// A figure with a space between its thousands; a dash for none.
  static func grouped(_ value: Double?) -> String {
    guard let value else { return "-" }
    let plain = Measurement.plain(value)
    let point = plain.firstIndex(of: ".") ?? plain.endIndex
    var digits = String(plain[..<point])
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return ([digits] + groups).joined(separator: " ") + plain[point...]
  }

  /// The table for a terminal.
  var text: String {
    let lines = [header] + rows
    let widths = header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      let cells = line.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return column < Self.firstNumberColumn ? cell + padding : padding + cell
      }
      var joined = cells.joined(separator: "  ")
      while joined.hasSuffix(" ") { joined.removeLast() }
      return joined + "\n"
    }.joined()
  }

  /// The table in Markdown.
  var markdown: String {
    let rule = header.indices.map { $0 < Self.firstNumberColumn ? "---" : "---:" }
    return ([header, rule] + rows).map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
  }
}
