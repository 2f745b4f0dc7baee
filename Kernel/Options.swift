// SPDX-License-Identifier: Apache-2.0
import Channel
import Machine

/// What the tool asked for on the kernel's command line (Docs/Interfaces.md). Words that mean nothing here
/// are left alone.
enum Options {
  /// Messages below this are not sent: `log=LEVEL`.
  private(set) static var logLevel = MessageLevel.notice
  /// Whether system calls are shown: `strace`.
  private(set) static var showsSystemCalls = false
  /// Whether files that are looked for and do not exist are shown: `missing`.
  private(set) static var showsMissingFiles = false
  /// Standard streams that are closed from the start, a bit each: `closed=0`, `closed=1`, `closed=2`.
  private(set) static var closedStreams: UInt8 = 0
  /// The terminal that the program has, as rows and columns: `terminal=24,80`; nil: it has none.
  private(set) static var terminal: (rows: UInt64, columns: UInt64)? = nil
  /// Whether to go on without any source of randomness: `allow-weak-entropy`.
  private(set) static var allowsWeakEntropy = false

  static func parse() {
    forEachWord { word in
      if word.is("strace") { showsSystemCalls = true }
      if word.is("missing") { showsMissingFiles = true }
      if word.is("allow-weak-entropy") { allowsWeakEntropy = true }
      if word.is("closed=0") { closedStreams |= 1 }
      if word.is("closed=1") { closedStreams |= 2 }
      if word.is("closed=2") { closedStreams |= 4 }
      parseTerminal(word)
      if word.is("log=trace") { logLevel = .trace }
      if word.is("log=debug") { logLevel = .debug }
      if word.is("log=info") { logLevel = .info }
      if word.is("log=notice") { logLevel = .notice }
      if word.is("log=warning") { logLevel = .warning }
      if word.is("log=error") { logLevel = .error }
    }
  }

  private static func parseTerminal(_ word: Word) {
    var word = word
    guard word.skip("terminal="), let rows = word.number(), word.skip(","), let columns = word.number() else { return }
    terminal = (rows, columns)
  }

  /// A word of the command line, read from left to right.
  struct Word {
    fileprivate var position: Int
    fileprivate let end: Int

    /// What is left of it.
    var rest: [UInt8] { [UInt8](Boot.commandLine[position..<end]) }

    /// Whether nothing is left of it.
    var isEmpty: Bool { position == end }

    /// Whether what is left is `text`.
    func `is`(_ text: StaticString) -> Bool {
      text.byteCount == end - position && startsWith(text)
    }

    private func startsWith(_ text: StaticString) -> Bool {
      let line = Boot.commandLine
      return text.isFound(in: line.span, at: position)
    }

    /// Skips `text`; false if what is left does not begin so.
    mutating func skip(_ text: StaticString) -> Bool {
      guard text.byteCount <= end - position, startsWith(text) else { return false }
      position += text.byteCount
      return true
    }

    /// Takes a number, decimal or, with `0x`, hexadecimal; nil if there is none or it is too large.
    mutating func number() -> UInt64? {
      let base: UInt64 = skip("0x") ? 16 : 10
      let start = position
      var value: UInt64 = 0
      while position < end {
        let byte = Boot.commandLine[position]
        let digit: UInt64
        switch byte {
        case 48...57: digit = UInt64(byte - 48)
        case 97...102 where base == 16: digit = UInt64(byte - 87)
        default: return position > start ? value : nil
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: base)
        let (sum, carry) = product.addingReportingOverflow(digit)
        guard !overflow, !carry else { return nil }
        value = sum
        position += 1
      }
      return position > start ? value : nil
    }
  }

  /// Calls `body` for each word, in order.
  static func forEachWord(_ body: (Word) -> Void) {
    let line = Boot.commandLine
    var start = 0
    while start < line.count {
      guard line[start] > 32 else {
        start += 1
        continue
      }
      var end = start
      while end < line.count && line[end] > 32 { end += 1 }
      body(Word(position: start, end: end))
      start = end
    }
  }
}
