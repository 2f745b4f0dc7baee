// SPDX-License-Identifier: Apache-2.0

/// A set of signals as Linux keeps it: bit n - 1 is signal n, for n in 1...64.
public struct SignalSet: Equatable, BitwiseCopyable, Sendable {
  public var bits: UInt64

  @inlinable public init(bits: UInt64 = 0) { self.bits = bits }
  /// The set of one signal.
  @inlinable public init(_ number: Int) { bits = Self.bit(number) }

  /// Numbers outside of 1...64 have no bit.
  @inlinable static func bit(_ number: Int) -> UInt64 {
    number >= 1 && number <= 64 ? 1 &<< UInt64(truncatingIfNeeded: number &- 1) : 0
  }

  @inlinable public var isEmpty: Bool { bits == 0 }
  @inlinable public func contains(_ number: Int) -> Bool { bits & Self.bit(number) != 0 }
  @inlinable public mutating func insert(_ number: Int) { bits |= Self.bit(number) }
  @inlinable public mutating func remove(_ number: Int) { bits &= ~Self.bit(number) }
  @inlinable public func union(_ other: SignalSet) -> SignalSet { SignalSet(bits: bits | other.bits) }
  @inlinable public func subtracting(_ other: SignalSet) -> SignalSet { SignalSet(bits: bits & ~other.bits) }
  @inlinable public func intersection(_ other: SignalSet) -> SignalSet { SignalSet(bits: bits & other.bits) }

  /// The signal that is delivered first: one that the processor raised, so that its handler sees the
  /// instruction that caused it, then the lowest number (Linux: kernel/signal.c, next_signal).
  @inlinable public var first: Int? {
    let synchronous = bits & Self.synchronous.bits
    let candidates = synchronous != 0 ? synchronous : bits
    return candidates == 0 ? nil : candidates.trailingZeroBitCount &+ 1
  }

  /// Signals that processor exceptions raise.
  @inlinable public static var synchronous: SignalSet {
    SignalSet(
      bits: bit(Signal.illegal) | bit(Signal.trap) | bit(Signal.bus) | bit(Signal.floatingPoint)
        | bit(Signal.segmentation) | bit(Signal.badSystemCall))
  }
  /// SIGKILL and SIGSTOP: they can be neither caught, blocked nor ignored.
  @inlinable public static var unblockable: SignalSet { SignalSet(bits: bit(Signal.kill) | bit(Signal.stop)) }
  /// Signals whose default action is to stop.
  @inlinable public static var stopping: SignalSet {
    SignalSet(
      bits: bit(Signal.stop) | bit(Signal.terminalStop) | bit(Signal.terminalInput) | bit(Signal.terminalOutput))
  }
}

/// The signals of Linux on x86-64 (arch/x86/include/uapi/asm/signal.h) that the kernel itself names.
public enum Signal {
  public static let hangup = 1
  public static let interrupt = 2
  public static let illegal = 4
  public static let trap = 5
  public static let abort = 6
  public static let bus = 7
  public static let floatingPoint = 8
  public static let kill = 9
  public static let segmentation = 11
  public static let pipe = 13
  public static let alarm = 14
  public static let child = 17
  public static let `continue` = 18
  public static let stop = 19
  public static let terminalStop = 20
  public static let terminalInput = 21
  public static let terminalOutput = 22
  public static let urgent = 23
  public static let processorTime = 24
  public static let fileSizeLimit = 25
  public static let virtualAlarm = 26
  public static let profile = 27
  public static let windowChange = 28
  public static let badSystemCall = 31
  /// The first real-time signal as the kernel counts them (glibc keeps 32 and 33 for itself).
  public static let firstRealTime = 32
  public static let last = 64

  @inlinable public static func isValid(_ number: Int) -> Bool { number >= 1 && number <= last }

  /// Its name as in `signal.h`; real-time signals have no names of their own.
  public static func name(_ number: Int) -> StaticString {
    switch number {
    case 1: "SIGHUP"
    case 2: "SIGINT"
    case 3: "SIGQUIT"
    case 4: "SIGILL"
    case 5: "SIGTRAP"
    case 6: "SIGABRT"
    case 7: "SIGBUS"
    case 8: "SIGFPE"
    case 9: "SIGKILL"
    case 10: "SIGUSR1"
    case 11: "SIGSEGV"
    case 12: "SIGUSR2"
    case 13: "SIGPIPE"
    case 14: "SIGALRM"
    case 15: "SIGTERM"
    case 16: "SIGSTKFLT"
    case 17: "SIGCHLD"
    case 18: "SIGCONT"
    case 19: "SIGSTOP"
    case 20: "SIGTSTP"
    case 21: "SIGTTIN"
    case 22: "SIGTTOU"
    case 23: "SIGURG"
    case 24: "SIGXCPU"
    case 25: "SIGXFSZ"
    case 26: "SIGVTALRM"
    case 27: "SIGPROF"
    case 28: "SIGWINCH"
    case 29: "SIGIO"
    case 30: "SIGPWR"
    case 31: "SIGSYS"
    case 32...64: "a real-time signal"
    default: "no signal"
    }
  }
}

/// What happens to a process on a signal that it has no opinion about (signal(7)).
public enum DefaultAction: UInt8, Sendable {
  case terminate
  /// Terminates and says why (elsewhere: dumps core).
  case core
  case ignore
  case stop
  case `continue`

  public init(for number: Int) {
    switch number {
    case 3...8, 11, 24, 25, 31: self = .core
    case Signal.child, Signal.urgent, Signal.windowChange: self = .ignore
    case Signal.continue: self = .continue
    case 19...22: self = .stop
    default: self = .terminate
    }
  }
}
