// SPDX-License-Identifier: Apache-2.0

/// What a program wants done on a signal: `struct kernel_sigaction`, 32 bytes, in the program's layout.
public struct SignalAction: Equatable, BitwiseCopyable, Sendable {
  /// `defaultHandler`, `ignoreHandler` or the address of a function.
  public var handler: UInt64 = 0
  public var flags: UInt64 = 0
  /// Where the handler returns to: the C library's call of rt_sigreturn.
  public var restorer: UInt64 = 0
  /// Blocked while the handler runs, besides the signal itself.
  public var mask = SignalSet()

  @inlinable public init() {}

  @inlinable public static var defaultHandler: UInt64 { 0 }
  @inlinable public static var ignoreHandler: UInt64 { 1 }

  /// Whether the program's own function is to be called.
  @inlinable public var isHandled: Bool { handler > Self.ignoreHandler }

  // include/uapi/asm-generic/signal-defs.h, arch/x86/include/uapi/asm/signal.h
  @inlinable public static var noChildStop: UInt64 { 0x1 }
  @inlinable public static var noChildWait: UInt64 { 0x2 }
  @inlinable public static var information: UInt64 { 0x4 }
  @inlinable public static var hasRestorer: UInt64 { 0x0400_0000 }
  @inlinable public static var onStack: UInt64 { 0x0800_0000 }
  @inlinable public static var restart: UInt64 { 0x1000_0000 }
  @inlinable public static var noDefer: UInt64 { 0x4000_0000 }
  @inlinable public static var resetHandler: UInt64 { 0x8000_0000 }
  /// Flags that this kernel knows; others are cleared when an action is stored, so that a program that
  /// asks for SA_UNSUPPORTED (0x400) sees the answer (sigaction(2), "Dynamically probing for flag bits").
  @inlinable public static var knownFlags: UInt64 {
    noChildStop | noChildWait | information | hasRestorer | onStack | restart | noDefer | resetHandler
  }

  @inlinable public func has(_ flag: UInt64) -> Bool { flags & flag != 0 }

  /// Whether a signal with this handler has no effect when it is delivered. (Not a question to the whole
  /// table: that would be copied for it.)
  @inlinable @inline(__always)
  public static func isIgnored(_ number: Int, _ handler: UInt64) -> Bool {
    if handler == ignoreHandler { return !SignalSet.unblockable.contains(number) }
    guard handler == defaultHandler else { return false }
    let action = DefaultAction(for: number)
    return action == .ignore || action == .continue
  }
}

/// The actions for all signals: one table for the whole process.
public struct SignalActions: BitwiseCopyable {
  @usableFromInline var table = InlineArray<64, SignalAction>(repeating: SignalAction())

  @inlinable public init() {}

  /// The action for a valid signal.
  @inlinable @inline(__always) public subscript(_ number: Int) -> SignalAction {
    get { table[number &- 1] }
    set { table[number &- 1] = newValue }
  }

  /// What `execve` leaves: functions are gone, ignored signals stay ignored.
  public mutating func resetForNewProgram() {
    for index in 0..<64 {
      var action = SignalAction()
      if table[index].handler == SignalAction.ignoreHandler { action.handler = SignalAction.ignoreHandler }
      table[index] = action
    }
  }
}

/// What is known about one occurrence of a signal: the first 48 bytes of `siginfo_t` in the program's
/// layout, which is all that Linux stores (the other 80 are zero).
public struct SignalInformation: Equatable, BitwiseCopyable, Sendable {
  public var number: Int32 = 0
  public var errorNumber: Int32 = 0
  public var code: Int32 = 0
  var padding: Int32 = 0
  /// The union: sender's process in the low half and user in the high half; or the fault's address; or
  /// the timer and its overruns.
  public var first: UInt64 = 0
  /// The value of `sigqueue` or of a timer.
  public var value: UInt64 = 0
  public var third: UInt64 = 0
  public var fourth: UInt64 = 0

  @inlinable public init() {}

  /// Without more detail than a code.
  public init(_ number: Int, code: Int32) {
    self.number = Int32(truncatingIfNeeded: number)
    self.code = code
  }

  /// A fault of the processor at `address`.
  public init(_ number: Int, code: Int32, address: UInt64) {
    self.init(number, code: code)
    first = address
  }

  /// Sent by a process.
  public init(_ number: Int, code: Int32, process: Int32, user: UInt32) {
    self.init(number, code: code)
    first = UInt64(UInt32(bitPattern: process)) | UInt64(user) << 32
  }

  // Codes (include/uapi/asm-generic/siginfo.h).
  /// SI_USER: `kill`.
  @inlinable public static var user: Int32 { 0 }
  /// SI_KERNEL.
  @inlinable public static var kernel: Int32 { 0x80 }
  /// SI_QUEUE: `sigqueue`.
  @inlinable public static var queue: Int32 { -1 }
  /// SI_TIMER: a POSIX timer.
  @inlinable public static var timer: Int32 { -2 }
  /// SI_TKILL: `tgkill`.
  @inlinable public static var thread: Int32 { -6 }
}
