// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Docs/Compatibility.md is made of the table of system calls: what the page promises is what the kernel
/// dispatches. After a change of the table, VORTEIL_UPDATE=1 writes the page anew.
@Suite struct CompatibilityPageTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private struct Row {
    var number: Int
    var name: String
    /// What stands behind the row as a comment: limits of the implementation.
    var note: String
  }

  private static func rows() throws -> [Row] {
    let source = try String(contentsOf: root.appending(path: "Kernel/Syscalls/Table.swift"), encoding: .utf8)
    let pattern = #/case (\d+): SystemCall\(\s*"([a-z0-9_]+)"/#
    var rows: [Row] = []
    // A row may go on in the next lines; its note is the last comment before the next row.
    for part in source.split(separator: "\n  case ").dropFirst() {
      let text = "case " + part
      guard let match = text.firstMatch(of: pattern) else { continue }
      let note = text.split(separator: "\n").compactMap { line in
        line.range(of: "// ").map { String(line[$0.upperBound...]) }
      }
      rows.append(Row(number: Int(match.1)!, name: String(match.2), note: note.joined(separator: " ")))
    }
    return rows
  }

  private static func page(_ rows: [Row]) -> String {
    var text = """
      # Compatibility

      The system calls that Vorteil has, by Linux's numbers for x86-64. This page is made of
      `Kernel/Syscalls/Table.swift` by a test. Every other number returns ENOSYS; `vorteil run --missing` names the ones
      that a program asked for. Calls whose subject does not exist in a machine with one process return the error that Linux
      would give, as the note says.

      | number | name | note |
      |---|---|---|

      """
    for row in rows { text += "| \(row.number) | `\(row.name)` | \(row.note) |\n" }
    return text
  }

  @Test func theTableIsInOrder() throws {
    let rows = try Self.rows()
    #expect(rows.count > 100)
    for (row, next) in zip(rows, rows.dropFirst()) {
      #expect(row.number < next.number, "\(row.name) stands before \(next.name)")
    }
  }

  @Test func thePageIsTheTable() throws {
    let file = Self.root.appending(path: "Docs/Compatibility.md")
    let page = Self.page(try Self.rows())
    if ProcessInfo.processInfo.environment["VORTEIL_UPDATE"] == "1" {
      try page.write(to: file, atomically: true, encoding: .utf8)
    }
    let current = try String(contentsOf: file, encoding: .utf8)
    #expect(current == page, "run VORTEIL_UPDATE=1 ./test CompatibilityPage")
  }
}
