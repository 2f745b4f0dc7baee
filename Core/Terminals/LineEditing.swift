// SPDX-License-Identifier: Apache-2.0

/// Editing of the line that is being typed.
extension LineDiscipline {
  private enum Erasure {
    case character, word, line
  }

  /// Does what `byte` means for the line; false if it means nothing.
  mutating func edits(_ byte: UInt8, _ effects: inout TerminalEffects) -> Bool {
    let isExtended = attributes.local.contains(.extended)
    if attributes.matches(byte, .erase) {
      erase(.character, &effects)
    } else if attributes.matches(byte, .kill) {
      kill(&effects)
    } else if isExtended, attributes.matches(byte, .wordErase) {
      erase(.word, &effects)
    } else if isExtended, attributes.matches(byte, .literalNext) {
      setLiteral()
      if attributes.local.isSuperset(of: [.echo, .echoControl]) {
        echoRaw(UInt8(ascii: "^"), &effects)
        echoRaw(8, &effects)
      }
    } else if isExtended, attributes.local.contains(.echo), attributes.matches(byte, .reprint) {
      echo(byte, &effects)
      echoRaw(UInt8(ascii: "\n"), &effects)
      for index in 0..<queue.incompleteCount { echo(queue.incomplete(at: index), &effects) }
    } else {
      return false
    }
    return true
  }

  private mutating func kill(_ effects: inout TerminalEffects) {
    guard queue.incompleteCount > 0 else { return }
    let local = attributes.local
    if local.contains(.echo), local.isSuperset(of: [.echoKill, .echoKillErases, .echoErase]) {
      erase(.line, &effects)
      return
    }
    queue.removeLast(queue.incompleteCount)
    guard local.contains(.echo) else { return }
    echo(attributes[.kill], &effects)
    if local.contains(.echoKill) { echoRaw(UInt8(ascii: "\n"), &effects) }
  }

  private mutating func erase(_ erasure: Erasure, _ effects: inout TerminalEffects) {
    var hasSeenWord = false
    while queue.incompleteCount > 0 {
      var start = queue.incompleteCount
      var byte: UInt8
      repeat {
        start -= 1
        byte = queue.incomplete(at: start)
      } while byte.isContinuation(attributes) && start > 0
      // Not a character: half of one.
      if byte.isContinuation(attributes) { break }
      if erasure == .word {
        if byte.isPartOfWord { hasSeenWord = true } else if hasSeenWord { break }
      }
      queue.removeLast(queue.incompleteCount - start)
      if attributes.local.contains(.echo) { showErased(byte, erasure, &effects) }
      if erasure == .character { break }
    }
  }

  private mutating func showErased(_ byte: UInt8, _ erasure: Erasure, _ effects: inout TerminalEffects) {
    let showsControl = attributes.local.contains(.echoControl)
    if erasure == .character, !attributes.local.contains(.echoErase) {
      echo(attributes[.erase], &effects)
    } else if byte == UInt8(ascii: "\t") {
      let width = widthOfLastTab()
      for _ in 0..<width { effects.echo.append(8) }
      output.moved(by: -width)
    } else {
      // A control character is two wide, or was not to be seen.
      let width = byte.isControl ? (showsControl ? 2 : 0) : 1
      for _ in 0..<width {
        echoRaw(8, &effects)
        echoRaw(UInt8(ascii: " "), &effects)
        echoRaw(8, &effects)
      }
    }
  }

  /// The width of a tab that stood at the end of the line.
  private func widthOfLastTab() -> Int {
    var columns = 0
    var index = queue.incompleteCount
    while index > 0 {
      index -= 1
      let byte = queue.incomplete(at: index)
      if byte == UInt8(ascii: "\t") { return 8 - columns & 7 }
      if byte.isControl {
        if attributes.local.contains(.echoControl) { columns += 2 }
      } else if !byte.isContinuation(attributes) {
        columns += 1
      }
    }
    return 8 - (columns + output.lineColumn) & 7
  }
}
