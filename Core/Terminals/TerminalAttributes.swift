// SPDX-License-Identifier: Apache-2.0

/// How a terminal behaves: Linux's `struct termios` and `struct termios2` (include/uapi/asm-generic/termbits.h).
public struct TerminalAttributes: Sendable {
  /// Of `struct termios`, in bytes: four words of flags, the number of the line discipline, 19 characters.
  public static let size = 36
  /// Of `struct termios2`: two speeds more.
  public static let extendedSize = 44
  private static let characterCount = 19

  public var input: TerminalInputFlags = [.returnToNewline, .flowControl, .utf8]
  public var output: TerminalOutputFlags = [.process, .newlineToReturnNewline]
  /// 38400 baud (15), as every terminal without a line has it.
  public var control = TerminalControlFlags(rawValue: 15).union([.eightBits, .receiver])
  public var local: TerminalLocalFlags = [
    .signals, .canonical, .echo, .echoErase, .echoKill, .echoControl, .echoKillErases, .extended,
  ]
  public var lineDiscipline: UInt8 = 0
  /// INIT_C_CC.
  private var characters: InlineArray<19, UInt8> = [
    3, 0x1c, 0x7f, 0x15, 4, 0, 1, 0, 0x11, 0x13, 0x1a, 0, 0x12, 0x0f, 0x17, 0x16, 0, 0, 0,
  ]
  private var inputSpeed: UInt32 = 38400
  private var outputSpeed: UInt32 = 38400

  /// As a new terminal has them.
  public init() {}

  public subscript(character: TerminalCharacter) -> UInt8 {
    get { characters[character.rawValue] }
    set { characters[character.rawValue] = newValue }
  }

  /// Whether `byte` is the one that does what `character` says; a character of 0 is switched off.
  func matches(_ byte: UInt8, _ character: TerminalCharacter) -> Bool { byte != 0 && self[character] == byte }

  // MARK: as the program has them

  /// These attributes changed to what stands in `bytes`: of `size` or `extendedSize`.
  public func changed(to bytes: Span<UInt8>) -> TerminalAttributes {
    var result = self
    result.input = TerminalInputFlags(rawValue: Self.word(bytes, at: 0))
    result.output = TerminalOutputFlags(rawValue: Self.word(bytes, at: 4))
    result.control = TerminalControlFlags(rawValue: Self.word(bytes, at: 8))
    // A pseudoterminal's line always has eight bits and no parity (drivers/tty/pty.c, pty_set_termios).
    result.control.subtract([.sizeMask, .parity])
    result.control.formUnion([.eightBits, .receiver])
    result.local = TerminalLocalFlags(rawValue: Self.word(bytes, at: 12))
    result.lineDiscipline = bytes[16]
    for index in 0..<Self.characterCount { result.characters[index] = bytes[17 + index] }
    if bytes.count >= Self.extendedSize {
      result.inputSpeed = Self.word(bytes, at: 36)
      result.outputSpeed = Self.word(bytes, at: 40)
    } else if let speed = Self.speed(result.control) {
      result.inputSpeed = speed
      result.outputSpeed = speed
    }
    return result
  }

  /// As `struct termios`, or as `struct termios2`.
  public func encoded(isExtended: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    for word in [input.rawValue, output.rawValue, control.rawValue, local.rawValue] { Self.append(word, to: &bytes) }
    bytes.append(lineDiscipline)
    for index in 0..<Self.characterCount { bytes.append(characters[index]) }
    if isExtended {
      Self.append(inputSpeed, to: &bytes)
      Self.append(outputSpeed, to: &bytes)
    }
    return bytes
  }

  private static func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt32 {
    var value: UInt32 = 0
    for index in 0..<4 { value |= UInt32(bytes[offset + index]) << UInt32(8 * index) }
    return value
  }

  private static func append(_ word: UInt32, to bytes: inout [UInt8]) {
    for index in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(8 * index))) }
  }

  /// In baud (drivers/tty/tty_baudrate.c); nil if the flags say that the speeds are numbers of their own (BOTHER).
  private static func speed(_ flags: TerminalControlFlags) -> UInt32? {
    let speeds: InlineArray<31, UInt32> = [
      0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400,
      460800, 500000, 576000, 921600, 1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000,
      4_000_000,
    ]
    let number = flags.intersection(.speed).rawValue
    if number & 0o10000 == 0 { return speeds[Int(number)] }
    return number == 0o10000 ? nil : speeds[Int(number & 15) + 15]
  }
}
