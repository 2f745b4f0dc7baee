// SPDX-License-Identifier: Apache-2.0

/// On which line of a TOML document each key stands.
///
/// TOMLKit says where a *syntax* error is, but not where a key came from. The scanner here need not judge: it is only
/// asked about documents that TOMLKit has accepted.
struct KeyLines {
  private var lines: [String: Int] = [:]

  /// Keys are named as in `program[1].env.HOME`.
  init(_ text: String) {
    var scanner = Scanner(text)
    var table = ""
    var arrayCounts: [String: Int] = [:]
    while scanner.skipToStatement() {
      let line = scanner.line
      if scanner.take("[") {
        let isArray = scanner.take("[")
        table = Self.indexed(scanner.takeKey(), by: arrayCounts)
        if isArray {
          let index = arrayCounts[table, default: 0]
          arrayCounts[table] = index + 1
          table += "[\(index)]"
        }
        lines[table] = line
        scanner.skipLine()
      } else {
        let key = scanner.takeKey().joined(separator: ".")
        lines[table.isEmpty ? key : "\(table).\(key)"] = line
        scanner.skipValue()
      }
    }
  }

  /// The line of `key`, or of the nearest table or inline table around it.
  func line(of key: String) -> Int {
    var key = Substring(key)
    while true {
      if let line = lines[String(key)] { return line }
      guard let end = key.lastIndex(where: { $0 == "." || $0 == "[" }) else { return 1 }
      key = key[..<end]
    }
  }

  /// `[program.env]` means the table of the last `[[program]]`.
  private static func indexed(_ path: [String], by arrayCounts: [String: Int]) -> String {
    var result = ""
    for (position, part) in path.enumerated() {
      result += result.isEmpty ? part : "." + part
      if position < path.count - 1, let count = arrayCounts[result] { result += "[\(count - 1)]" }
    }
    return result
  }
}

/// Walks over the characters of a TOML document and counts lines.
private struct Scanner {
  private var rest: Substring
  private(set) var line = 1

  init(_ text: String) { rest = Substring(text) }

  private mutating func advance() {
    if let character = rest.popFirst(), character.isNewline { line += 1 }
  }

  /// Skips blanks, empty lines and comments; false at the end of the document.
  mutating func skipToStatement() -> Bool {
    while let character = rest.first {
      if character == "#" {
        skipLine()
      } else if character.isWhitespace {
        advance()
      } else {
        return true
      }
    }
    return false
  }

  mutating func skipLine() {
    while let character = rest.first, !character.isNewline { advance() }
  }

  mutating func take(_ character: Character) -> Bool {
    guard rest.first == character else { return false }
    advance()
    return true
  }

  /// Takes a dotted key, with or without quotes, up to its `=` or `]`.
  mutating func takeKey() -> [String] {
    var parts = [""]
    while let character = rest.first, character != "=", character != "]" {
      if character == "." {
        parts.append("")
        advance()
      } else if character == "\"" || character == "'" {
        advance()
        while let quoted = rest.first, quoted != character {
          parts[parts.count - 1].append(quoted)
          advance()
        }
        advance()
      } else {
        if !character.isWhitespace { parts[parts.count - 1].append(character) }
        advance()
      }
    }
    return parts
  }

  /// Skips `= value` up to the end of its last line.
  mutating func skipValue() {
    var depth = 0
    while let character = rest.first {
      switch character {
      case "\"", "'": skipString(character)
      case "#": skipLine()
      case "[", "{":
        depth += 1
        advance()
      case "]", "}":
        depth -= 1
        advance()
      default:
        if character.isNewline, depth <= 0 { return }
        advance()
      }
    }
  }

  private mutating func skipString(_ quote: Character) {
    let triple = String(repeating: quote, count: 3)
    let end = rest.hasPrefix(triple) ? triple : String(quote)
    for _ in end { advance() }
    while !rest.isEmpty, !rest.hasPrefix(end) {
      if quote == "\"", rest.first == "\\" { advance() }
      advance()
    }
    for _ in end { advance() }
  }
}
