// SPDX-License-Identifier: Apache-2.0

/// A line that a benchmark program wrote for the runner; the format stands in Programs/bench.h.
enum ProgramLine: Equatable {
  case main
  case operation(name: String, leastTicks: Double, medianTicks: Double, count: Double)
  case figure(name: String, value: Double)
  case failed(name: String, errorNumber: Int)
  case end

  /// Reads a line; nil if it is something else, such as a message of a kernel. What stands before
  /// the first "B " is ignored: firmware writes to the same serial line without ending its own.
  init?(_ line: some StringProtocol) {
    let words = line.split(whereSeparator: \.isWhitespace)
    guard let start = words.firstIndex(of: "B"), start + 1 < words.endIndex else { return nil }
    switch words[start + 1] {
    case "main": self = .main
    case "end": self = .end
    case "op":
      guard start + 2 < words.endIndex else { return nil }
      let name = String(words[start + 2])
      let values = Self.values(words[(start + 3)...])
      if let least = values["min"], let median = values["med"] {
        self = .operation(name: name, leastTicks: least, medianTicks: median, count: values["iters"] ?? 1)
      } else if let number = values["errno"] {
        self = .failed(name: name, errorNumber: Int(number))
      } else {
        return nil
      }
    case "figure":
      guard start + 3 < words.endIndex, let value = Self.values(words[(start + 3)...])["value"] else { return nil }
      self = .figure(name: String(words[start + 2]), value: value)
    default: return nil
    }
  }

  /// The words of the form KEY=NUMBER.
  private static func values(_ words: ArraySlice<some StringProtocol>) -> [String: Double] {
    var values: [String: Double] = [:]
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1)
      if parts.count == 2, let value = Double(String(parts[1])) { values[String(parts[0])] = value }
    }
    return values
  }
}
