// SPDX-License-Identifier: Apache-2.0
import Terminals
import Testing

/// The rules of the terminal. That they are Linux's is what VirtualMachineTests/TerminalTests compares.
@Suite struct LineDisciplineTests {
  /// A keyboard, a screen and a program.
  private struct Bench {
    var discipline = LineDiscipline()
    var screen: [UInt8] = []
    var signals: [UInt8] = []

    mutating func type(_ text: String) { type(Array(text.utf8)) }

    mutating func type(_ bytes: [UInt8]) {
      var effects = TerminalEffects()
      for byte in bytes { discipline.receive(byte, &effects) }
      screen += effects.echo
      signals += effects.signals
    }

    mutating func write(_ text: String) { screen += discipline.process(Array(text.utf8).span) }

    mutating func change(_ body: (inout TerminalAttributes) -> Void) {
      var attributes = discipline.attributes
      body(&attributes)
      discipline.set(attributes)
    }

    /// Nil: a read would wait.
    mutating func read(_ limit: Int = 5000) -> String? {
      discipline.isReadable() ? String(decoding: discipline.read(limit), as: UTF8.self) : nil
    }

    var shown: String { String(decoding: screen, as: UTF8.self) }
  }

  @Test func aLineIsReadWhenItIsEnded() {
    var bench = Bench()
    bench.type("ab")
    #expect(bench.read() == nil && bench.discipline.readableCount == 0)
    bench.type("c\rd")
    #expect(bench.discipline.readableCount == 4)
    #expect(bench.read(2) == "ab")
    #expect(bench.read() == "c\n")
    #expect(bench.read() == nil)
    #expect(bench.shown == "abc\r\nd")
  }

  @Test(arguments: [
    ("abc\u{7f}\u{7f}d\n", "ad\n", "abc\u{8} \u{8}\u{8} \u{8}d\r\n"),
    ("\u{7f}a\n", "a\n", "a\r\n"),
    ("one two \u{17}x\n", "one x\n", "one two \u{8} \u{8}\u{8} \u{8}\u{8} \u{8}\u{8} \u{8}x\r\n"),
    ("ab\u{15}c\n", "c\n", "ab\u{8} \u{8}\u{8} \u{8}c\r\n"),
    ("a\tb\u{7f}\u{7f}c\n", "ac\n", "a\tb\u{8} \u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}c\r\n"),
    ("\u{1}\u{7f}a\n", "a\n", "^A\u{8} \u{8}\u{8} \u{8}a\r\n"),
    ("ä€\u{7f}\n", "ä\n", "ä€\u{8} \u{8}\r\n"),
    ("\u{16}\u{3}\u{16}\n\n", "\u{3}\n\n", "^\u{8}^C^\u{8}^J\r\n"),
    ("ab\u{12}c\n", "abc\n", "ab^R\r\nabc\r\n"),
    ("a\r", "a\n", "a\r\n"),
  ])
  func linesAreEdited(typed: String, read: String, shown: String) {
    var bench = Bench()
    bench.type(typed)
    #expect(bench.read() == read)
    #expect(bench.shown == shown)
  }

  @Test func theEndOfFileEndsALineWithoutBeingInIt() {
    var bench = Bench()
    bench.type("ab\u{4}\u{4}c\n")
    #expect(bench.discipline.readableCount == 4)
    #expect(bench.read() == "ab")
    #expect(bench.read() == "")
    #expect(bench.read() == "c\n")
    #expect(bench.shown == "abc\r\n")
  }

  @Test func signalsEmptyTheInput() {
    var bench = Bench()
    bench.type("ab\u{3}c\u{1c}\u{1a}d\n")
    #expect(bench.signals == [2, 3, 20])
    #expect(bench.read() == "d\n")
    bench.change { $0.local.insert(.noFlush) }
    bench.type("ab\u{3}c\n")
    #expect(bench.read() == "abc\n")
    bench.change { $0.local.remove(.signals) }
    bench.type("\u{3}\n")
    #expect(bench.read() == "\u{3}\n")
    bench.change {
      $0.local.insert(.signals)
      $0[.interrupt] = 0
    }
    bench.type([0, 3, 10])
    #expect(bench.read() == "\0\u{3}\n" && bench.signals.count == 4)
  }

  @Test func rawBytesAreReadAsTheyCome() {
    var bench = Bench()
    bench.change {
      $0.local = []
      $0.input = []
      $0.output = []
    }
    bench.type("a\r\u{3}\u{4}")
    #expect(bench.discipline.isReadable(minimum: 4) && !bench.discipline.isReadable(minimum: 5))
    #expect(bench.discipline.readableCount == 4)
    #expect(bench.read(2) == "a\r")
    #expect(bench.read() == "\u{3}\u{4}")
    bench.write("x\n\t")
    #expect(bench.shown == "x\n\t" && bench.signals.isEmpty)
  }

  @Test func changingTheModeKeepsWhatWasTyped() {
    var bench = Bench()
    bench.type("ab\ncd")
    bench.change { $0.local.remove(.canonical) }
    #expect(bench.read(4) == "ab\nc")
    bench.type("e")
    bench.change { $0.local.insert(.canonical) }
    #expect(bench.read() == "de", "a line without an end")
    bench.type("fg\n")
    #expect(bench.read() == "fg\n")
  }

  @Test func outputStopsAndStarts() {
    var bench = Bench()
    bench.type("\u{13}")
    #expect(bench.discipline.isOutputStopped)
    bench.type("a")
    #expect(bench.discipline.isOutputStopped)
    bench.type("\u{11}")
    #expect(!bench.discipline.isOutputStopped)
    bench.change { $0.input.insert(.anyByteStarts) }
    bench.type("\u{13}b")
    #expect(!bench.discipline.isOutputStopped)
    bench.type("\u{13}\u{3}")
    #expect(!bench.discipline.isOutputStopped, "a signal is to be seen")
    bench.type("\u{13}")
    bench.change { $0.input.remove(.flowControl) }
    #expect(!bench.discipline.isOutputStopped)
    #expect(bench.read() == nil)
  }

  @Test func aLineThatIsTooLongKeepsItsEnd() {
    var bench = Bench()
    bench.type([UInt8](repeating: 0x61, count: 5000))
    #expect(bench.discipline.room > 0, "or nothing could ever end it")
    bench.type("\n")
    #expect(bench.discipline.room == 0)
    #expect(bench.read()?.utf8.count == 4096)
    #expect(bench.discipline.room == 4095)
  }

  @Test func whatIsNotReadIsAskedForNoFurther() {
    var bench = Bench()
    for _ in 0..<2048 { bench.type("a\n") }
    #expect(bench.discipline.room == 0)
    #expect(bench.read() == "a\n")
    #expect(bench.discipline.room > 0)
  }

  /// As `struct termios` and `struct termios2`, and back.
  @Test func attributesKeepTheirBytes() {
    let attributes = TerminalAttributes()
    let bytes = attributes.encoded(isExtended: false)
    #expect(bytes.count == TerminalAttributes.size)
    #expect(attributes.encoded(isExtended: true).count == TerminalAttributes.extendedSize)
    #expect(attributes.changed(to: bytes.span).encoded(isExtended: false) == bytes)
    #expect(Array(bytes[0..<4]) == [0, 0x45, 0, 0] && bytes[17] == 3 && bytes[23] == 1)
    var slow = bytes
    slow[8] = slow[8] & 0xf0 | 13
    let changed = attributes.changed(to: slow.span).encoded(isExtended: true)
    #expect(Array(changed[36...]) == [0x80, 0x25, 0, 0, 0x80, 0x25, 0, 0], "9600 baud")
  }

  /// Nothing that can be typed, written or set stops it.
  @Test func standsEverything() {
    var generator = SystemRandomNumberGenerator()
    var bench = Bench()
    for _ in 0..<3000 {
      switch UInt8.random(in: 0..<20, using: &generator) {
      case 0:
        let bytes = (0..<44).map { _ in UInt8.random(in: 0...255, using: &generator) }
        bench.discipline.set(bench.discipline.attributes.changed(to: bytes.span))
      case 1: bench.discipline.set(TerminalAttributes())
      case 2...4: _ = bench.read(Int.random(in: 1...100, using: &generator))
      case 5: bench.write("a\tb\r\n\u{8}é")
      default:
        let count = Int.random(in: 0...max(0, min(300, bench.discipline.room)), using: &generator)
        bench.type((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
      }
      #expect(bench.discipline.readableCount <= 4096)
      bench.screen = []
      bench.signals = []
    }
  }
}
