// SPDX-License-Identifier: Apache-2.0

/// What differs between two texts, line by line, cut off after `limit` lines; empty when they are equal.
func difference(expected: [UInt8], actual: [UInt8], limit: Int = 30) -> String {
  guard expected != actual else { return "" }
  let old = lines(expected), new = lines(actual)
  // The cost of a difference grows with the square of its size: beyond this, the first differing line is enough.
  guard old.count + new.count < 5000 else { return firstDifference(old, new) }
  let changes = new.difference(from: old).map { change -> (offset: Int, text: String) in
    switch change {
    case .remove(let offset, let line, _): (offset, "-\(offset + 1): \(line)")
    case .insert(let offset, let line, _): (offset, "+\(offset + 1): \(line)")
    }
  }
  let result = changes.sorted { ($0.offset, $1.text) < ($1.offset, $0.text) }.map(\.text)
  let shown = result.prefix(limit).joined(separator: "\n")
  return result.count > limit ? shown + "\n… and \(result.count - limit) more lines" : shown
}

private func firstDifference(_ old: [String], _ new: [String]) -> String {
  let index = zip(old, new).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(old.count, new.count)
  let lineOf = { (lines: [String]) in index < lines.count ? lines[index] : "(the end)" }
  return "line \(index + 1) of \(old.count) and \(new.count) lines:\n-\(lineOf(old))\n+\(lineOf(new))"
}

/// The lines of a text, each at most 300 characters long, with unprintable bytes escaped.
private func lines(_ bytes: [UInt8]) -> [String] {
  bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
    String(decoding: line.prefix(300), as: UTF8.self).unicodeScalars.map {
      $0.value < 32 || $0.value == 127 ? "\\\($0.value)" : String($0)
    }.joined()
  }
}
