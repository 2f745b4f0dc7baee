// SPDX-License-Identifier: Apache-2.0
public import HostSystem

/// The words of `text` as a POSIX shell would split them: blanks separate; backslash, '…' and "…" quote. Nothing is
/// expanded: `$NAME`, `*` and the like stay as they are.
public func shellWords(_ text: String) throws(Failure) -> [String] {
  var words: [String] = []
  var word: String?
  var rest = Substring(text)
  while let character = rest.popFirst() {
    switch character {
    case " ", "\t", "\n", "\r\n":
      if let finished = word { words.append(finished) }
      word = nil
    case "\\":
      guard let next = rest.popFirst() else { throw Failure("the arguments end with a backslash: \(text)") }
      // A quoted line end is no character at all.
      word = (word ?? "") + (next == "\n" ? "" : String(next))
    case "'":
      guard let end = rest.firstIndex(of: "'") else { throw Failure("a ' is never closed in the arguments: \(text)") }
      word = (word ?? "") + rest[..<end]
      rest = rest[rest.index(after: end)...]
    case "\"":
      word = try (word ?? "") + doubleQuoted(&rest, in: text)
    default:
      word = (word ?? "") + String(character)
    }
  }
  if let finished = word { words.append(finished) }
  return words
}

/// Takes the rest of a "…" from `rest`, its closing quote included. POSIX Shell Command Language, 2.2.3.
private func doubleQuoted(_ rest: inout Substring, in text: String) throws(Failure) -> String {
  var result = ""
  while let character = rest.popFirst() {
    switch character {
    case "\"":
      return result
    case "\\":
      guard let next = rest.popFirst() else { break }
      switch next {
      case "\"", "\\", "$", "`": result.append(next)
      case "\n": break
      default: result += "\\" + String(next)
      }
    default:
      result.append(character)
    }
  }
  throw Failure("a \" is never closed in the arguments: \(text)")
}
