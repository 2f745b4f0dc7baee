// SPDX-License-Identifier: Apache-2.0

/// `c_iflag`: what becomes of the bytes that are typed (include/uapi/asm-generic/termbits.h, termios(3)).
public struct TerminalInputFlags: OptionSet, Sendable {
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Bytes lose their eighth bit.
  public static let strip = TerminalInputFlags(rawValue: 0o40)
  public static let newlineToReturn = TerminalInputFlags(rawValue: 0o100)
  public static let ignoreReturn = TerminalInputFlags(rawValue: 0o200)
  public static let returnToNewline = TerminalInputFlags(rawValue: 0o400)
  public static let toLowerCase = TerminalInputFlags(rawValue: 0o1000)
  /// VSTOP and VSTART stop and start the output.
  public static let flowControl = TerminalInputFlags(rawValue: 0o2000)
  /// Any byte starts it.
  public static let anyByteStarts = TerminalInputFlags(rawValue: 0o4000)
  /// Erasing knows UTF-8.
  public static let utf8 = TerminalInputFlags(rawValue: 0o40000)
}

/// `c_oflag`: what becomes of the bytes that the program writes.
public struct TerminalOutputFlags: OptionSet, Sendable {
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Without it the others mean nothing.
  public static let process = TerminalOutputFlags(rawValue: 0o1)
  public static let toUpperCase = TerminalOutputFlags(rawValue: 0o2)
  public static let newlineToReturnNewline = TerminalOutputFlags(rawValue: 0o4)
  public static let returnToNewline = TerminalOutputFlags(rawValue: 0o10)
  public static let noReturnAtStart = TerminalOutputFlags(rawValue: 0o20)
  public static let newlineReturns = TerminalOutputFlags(rawValue: 0o40)
  /// Both bits of TABDLY: tabs become spaces.
  public static let expandTabs = TerminalOutputFlags(rawValue: 0o14000)
}

/// `c_cflag`: the line, which is none here; all are remembered.
public struct TerminalControlFlags: OptionSet, Sendable {
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Bits that say how fast the line is.
  public static let speed = TerminalControlFlags(rawValue: 0o10017)
  public static let sizeMask = TerminalControlFlags(rawValue: 0o60)
  public static let eightBits = TerminalControlFlags(rawValue: 0o60)
  public static let receiver = TerminalControlFlags(rawValue: 0o200)
  public static let parity = TerminalControlFlags(rawValue: 0o400)
  public static let hangUp = TerminalControlFlags(rawValue: 0o2000)
}

/// `c_lflag`: editing, echo and signals.
public struct TerminalLocalFlags: OptionSet, Sendable {
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let signals = TerminalLocalFlags(rawValue: 0o1)
  public static let canonical = TerminalLocalFlags(rawValue: 0o2)
  public static let echo = TerminalLocalFlags(rawValue: 0o10)
  public static let echoErase = TerminalLocalFlags(rawValue: 0o20)
  public static let echoKill = TerminalLocalFlags(rawValue: 0o40)
  public static let echoNewline = TerminalLocalFlags(rawValue: 0o100)
  public static let noFlush = TerminalLocalFlags(rawValue: 0o200)
  /// Control characters are echoed as `^X`.
  public static let echoControl = TerminalLocalFlags(rawValue: 0o1000)
  /// A killed line is erased on the screen.
  public static let echoKillErases = TerminalLocalFlags(rawValue: 0o4000)
  public static let extended = TerminalLocalFlags(rawValue: 0o100000)
}

/// The places in `c_cc`.
public enum TerminalCharacter: Int, Sendable {
  case interrupt = 0
  case quit = 1
  case erase = 2
  case kill = 3
  case endOfFile = 4
  /// VTIME, in tenths of a second, and VMIN: no characters.
  case time = 5
  case minimum = 6
  case start = 8
  case stop = 9
  case suspend = 10
  case endOfLine = 11
  case reprint = 12
  case wordErase = 14
  case literalNext = 15
  case endOfLine2 = 16
}
