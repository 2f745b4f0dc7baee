// SPDX-License-Identifier: Apache-2.0

/// The alternate signal stack of a thread (sigaltstack(2)).
public struct AlternateStack: BitwiseCopyable, Sendable {
  public var base: UInt64 = 0
  public var size: UInt64 = 0
  public var flags: UInt32 = Self.disabled

  @inlinable public init() {}

  @inlinable public static var onStack: UInt32 { 1 }
  @inlinable public static var disabled: UInt32 { 2 }
  @inlinable public static var autoDisarm: UInt32 { 1 << 31 }
  /// MINSIGSTKSZ of Linux on x86-64.
  @inlinable public static var minimumSize: UInt64 { 2048 }

  /// Whether `stackPointer` lies on it. The end counts, the base does not: stacks grow down.
  @inlinable public func spans(_ stackPointer: UInt64) -> Bool {
    stackPointer > base && stackPointer &- base <= size
  }

  /// Whether the thread runs on it as far as the rules go: one that disarms itself is never "in use".
  @inlinable public func isInUse(_ stackPointer: UInt64) -> Bool {
    flags & Self.autoDisarm == 0 && spans(stackPointer)
  }

  /// SS_DISABLE, SS_ONSTACK or 0 for a thread at `stackPointer`.
  @inlinable public func state(_ stackPointer: UInt64) -> UInt32 {
    size == 0 ? Self.disabled : isInUse(stackPointer) ? Self.onStack : 0
  }
}

/// A thread's part of the signal state.
public struct ThreadSignals {
  /// Blocked signals; never SIGKILL or SIGSTOP.
  public private(set) var blocked = SignalSet()
  /// Sent to this thread alone.
  public var pending = PendingSignals()
  public var alternateStack = AlternateStack()
  /// The mask to go back to when the call that replaced it (`sigsuspend`, `ppoll` …) is over.
  public var maskToRestore: SignalSet? = nil
  /// What `sigtimedwait` waits for: these count as interruptions although they are blocked.
  public var awaited = SignalSet()

  public init() {}

  public mutating func block(exactly mask: SignalSet) { blocked = mask.subtracting(.unblockable) }

  /// The mask that a handler's frame saves.
  public var maskToSave: SignalSet { maskToRestore ?? blocked }
}

/// The part that all threads of the process share.
public struct SharedSignals {
  public var actions = SignalActions()
  /// Sent to the process.
  public var pending = PendingSignals()
  public var isStopped = false

  public init() {}
}

/// What is to be done about a signal that was taken.
public enum SignalDelivery {
  /// Call the program's function.
  case handle(SignalAction)
  case terminate
  /// Terminate with a report.
  case core
  case stop
  case nothing
}

/// The rules that connect the two parts (POSIX.1-2017, 2.4; signal(7); Linux kernel/signal.c).
public enum SignalRules {
  /// Sends to the process (`thread` false) or to the thread. False: refused, because the queue is full.
  public static func post(
    _ information: SignalInformation, toThread: Bool, _ thread: inout ThreadSignals, _ shared: inout SharedSignals
  ) -> Bool {
    let number = Int(information.number)
    guard Signal.isValid(number) else { return true }
    if number == Signal.continue {
      // Continuing happens when the signal is sent, whatever becomes of the signal.
      shared.isStopped = false
      thread.pending.discard(.stopping)
      shared.pending.discard(.stopping)
    } else if SignalSet.stopping.contains(number) {
      thread.pending.discard(SignalSet(Signal.continue))
      shared.pending.discard(SignalSet(Signal.continue))
    }
    if number == Signal.kill { shared.isStopped = false }
    // A blocked signal is kept even if it is ignored: the program may change its mind before it unblocks it.
    if SignalAction.isIgnored(number, shared.actions[number].handler) && !thread.blocked.contains(number)
      && !thread.awaited.contains(number)
    {
      return true
    }
    return toThread ? thread.pending.add(information) : shared.pending.add(information)
  }

  /// Sends a signal that the thread cannot avoid, because it cannot go on without it: if it is blocked or
  /// ignored, its action becomes the default one.
  public static func force(
    _ information: SignalInformation, _ thread: inout ThreadSignals, _ shared: inout SharedSignals
  ) {
    let number = Int(information.number)
    guard Signal.isValid(number) else { return }
    let isBlocked = thread.blocked.contains(number)
    if isBlocked || shared.actions[number].handler == SignalAction.ignoreHandler {
      shared.actions[number].handler = SignalAction.defaultHandler
    }
    if isBlocked { thread.block(exactly: thread.blocked.subtracting(SignalSet(number))) }
    // An older one of the same number would hide this one's address.
    thread.pending.discard(SignalSet(number))
    _ = thread.pending.add(information)
  }

  /// Pending signals that are not blocked.
  @inlinable
  public static func deliverable(_ thread: borrowing ThreadSignals, _ shared: borrowing SharedSignals) -> SignalSet {
    thread.pending.set.union(shared.pending.set).subtracting(thread.blocked)
  }

  /// Takes the next signal to deliver and says what to do about it; nil if there is none.
  public static func take(
    _ thread: inout ThreadSignals, _ shared: inout SharedSignals
  ) -> (SignalInformation, SignalDelivery)? {
    guard let information = thread.pending.take(blocked: thread.blocked) ?? shared.pending.take(blocked: thread.blocked)
    else { return nil }
    let number = Int(information.number)
    let action = shared.actions[number]
    if action.isHandled {
      if action.has(SignalAction.resetHandler) { shared.actions[number].handler = SignalAction.defaultHandler }
      return (information, .handle(action))
    }
    if action.handler == SignalAction.ignoreHandler && !SignalSet.unblockable.contains(number) {
      return (information, .nothing)
    }
    switch DefaultAction(for: number) {
    case .terminate: return (information, .terminate)
    case .core: return (information, .core)
    case .stop: return (information, .stop)
    case .ignore, .continue: return (information, .nothing)
    }
  }

  /// The mask while `action`'s handler for `number` runs.
  public static func enterHandler(_ number: Int, _ action: SignalAction, _ thread: inout ThreadSignals) {
    var mask = thread.blocked.union(action.mask)
    if !action.has(SignalAction.noDefer) { mask.insert(number) }
    thread.block(exactly: mask)
    thread.maskToRestore = nil
    if thread.alternateStack.flags & AlternateStack.autoDisarm != 0 { thread.alternateStack = AlternateStack() }
  }

  /// Stores an action. What is then ignored is no longer pending (POSIX.1-2017, 2.4.3).
  public static func setAction(
    _ number: Int, _ action: SignalAction, _ thread: inout ThreadSignals, _ shared: inout SharedSignals
  ) {
    var stored = action
    stored.flags &= SignalAction.knownFlags
    stored.mask = action.mask.subtracting(.unblockable)
    shared.actions[number] = stored
    if SignalAction.isIgnored(number, stored.handler) {
      thread.pending.discard(SignalSet(number))
      shared.pending.discard(SignalSet(number))
    }
  }

  /// Sets the alternate stack as `sigaltstack` does.
  public enum StackChange { case done, inUse, badFlags, tooSmall }
  public static func setAlternateStack(
    base: UInt64, size: UInt64, flags: UInt32, stackPointer: UInt64, minimumSize: UInt64, _ thread: inout ThreadSignals
  ) -> StackChange {
    if thread.alternateStack.isInUse(stackPointer) && thread.alternateStack.size != 0 { return .inUse }
    let mode = flags & ~AlternateStack.autoDisarm
    guard mode == 0 || mode == AlternateStack.onStack || mode == AlternateStack.disabled else { return .badFlags }
    if mode == AlternateStack.disabled {
      thread.alternateStack = AlternateStack()
      thread.alternateStack.flags = flags
      return .done
    }
    guard size >= minimumSize else { return .tooSmall }
    thread.alternateStack.base = base
    thread.alternateStack.size = size
    thread.alternateStack.flags = flags
    return .done
  }
}
