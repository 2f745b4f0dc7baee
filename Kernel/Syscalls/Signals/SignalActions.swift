// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// The kernel's `sigset_t` has 64 bits; a program that says otherwise is of another architecture.
@inline(__always)
func checkSetSize(_ size: UInt64) throws(Errno) {
  if size != 8 { throw .EINVAL }
}

/// A signal set of the program.
func signalSet(at address: UInt64) throws(Errno) -> SignalSet {
  guard let bits = ProgramMemory.loadWord(at: address) else { throw .EFAULT }
  return SignalSet(bits: bits)
}

func sysRtSigaction(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkSetSize(call.fourth)
  let number = Int(int(call.first))
  guard Signal.isValid(number) else { throw .EINVAL }
  let old = Signals.shared.actions[number]
  if call.second != 0 {
    guard let action = ProgramMemory.load(SignalAction.self, at: call.second) else { throw .EFAULT }
    guard !SignalSet.unblockable.contains(number) else { throw .EINVAL }
    SignalRules.setAction(number, action, &Signals.thread, &Signals.shared)
    if SignalAction.isIgnored(number, Signals.shared.actions[number].handler) {
      for other in Threads.all { other.signals.pending.discard(SignalSet(number)) }
    }
  }
  if call.third != 0 { try check(ProgramMemory.store(old, at: call.third)) }
  return 0
}

func sysRtSigprocmask(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkSetSize(call.fourth)
  let old = Signals.thread.blocked
  if call.second != 0 {
    let set = try signalSet(at: call.second)
    switch int(call.first) {
    case 0: Signals.setMask(old.union(set))
    case 1: Signals.setMask(old.subtracting(set))
    case 2: Signals.setMask(set)
    default: throw .EINVAL
    }
  }
  if call.third != 0 { try check(ProgramMemory.storeWord(old.bits, at: call.third)) }
  return 0
}

func sysRtSigpending(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.second <= 8 else { throw .EINVAL }
  let pending = Signals.thread.pending.set.union(Signals.shared.pending.set).intersection(Signals.thread.blocked)
  var bits = pending.bits
  if call.second < 8 { bits &= 1 << (call.second * 8) - 1 }
  guard call.second != 0 else { return 0 }
  var bytes: [UInt8] = []
  for index in 0..<call.second { bytes.append(UInt8(truncatingIfNeeded: bits >> (index * 8))) }
  try check(ProgramMemory.write(bytes.span, to: call.first))
  return 0
}

func sysRtSigsuspend(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkSetSize(call.second)
  let set = try signalSet(at: call.first)
  Signals.replaceMask(set)
  _ = Wait.sleep(until: nil)
  throw .ERESTARTNOHAND
}

/// The mask that `ppoll` and `pselect6` put in place while they wait; `address` 0: none.
func replaceSignalMask(_ address: UInt64, size: UInt64) throws(Errno) {
  guard address != 0 else { return }
  try checkSetSize(size)
  Signals.replaceMask(try signalSet(at: address))
}

func sysPause(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  _ = Wait.sleep(until: nil)
  throw .ERESTARTNOHAND
}

/// The frame that the handler's return leaves behind decides all registers, `rax` among them.
func sysRtSigreturn(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if Signals.leaveHandler(&call) { return call.rax }
  Signals.refuseFrame()
  return 0
}

func sysSigaltstack(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  struct Stack: BitwiseCopyable {
    var base: UInt64
    var flags: UInt32
    var padding: UInt32
    var size: UInt64
  }
  let current = Signals.thread.alternateStack
  let old = Stack(
    base: current.base, flags: current.state(call.rsp) | current.flags & AlternateStack.autoDisarm, padding: 0,
    size: current.size)
  if call.first != 0 {
    guard let new = ProgramMemory.load(Stack.self, at: call.first) else { throw .EFAULT }
    let result = SignalRules.setAlternateStack(
      base: new.base, size: new.size, flags: new.flags, stackPointer: call.rsp,
      minimumSize: AlternateStack.minimumSize, &Signals.thread)
    switch result {
    case .done: break
    case .inUse: throw .EPERM
    case .badFlags: throw .EINVAL
    case .tooSmall: throw .ENOMEM
    }
  }
  if call.second != 0 { try check(ProgramMemory.store(old, at: call.second)) }
  return 0
}

func sysRtSigtimedwait(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try checkSetSize(call.fourth)
  let wanted = try signalSet(at: call.first).subtracting(.unblockable)
  var deadline: UInt64? = nil
  if call.third != 0 {
    let time = try TimeSpecification.load(at: call.third)
    guard time.isValid else { throw .EINVAL }
    deadline = Clock.monotonicNanoseconds().addingSaturating(time.nanosecondsSaturating)
  }
  Signals.thread.awaited = wanted
  defer { Signals.thread.awaited = SignalSet() }
  let mask = SignalSet(bits: ~wanted.bits)
  var found: SignalInformation?
  do throws(Errno) {
    let isThere = try Wait.untilWoken(deadline: deadline) {
      found = Signals.thread.pending.take(blocked: mask) ?? Signals.shared.pending.take(blocked: mask)
      return found != nil
    }
    guard isThere else { throw .EAGAIN }
  } catch {
    // Linux never restarts this one: EINTR even where nothing handles the signal.
    throw error == .ERESTARTSYS ? .EINTR : error
  }
  guard let information = found else { throw .EINTR }
  if call.second != 0 { try check(Signals.store(information, at: call.second)) }
  return UInt64(UInt32(bitPattern: information.number))
}

extension Signals {
  /// Blocks exactly the signals of `mask`; what that unblocks is delivered before the program goes on.
  static func setMask(_ mask: SignalSet) {
    let current = Thread.current!
    current.signals.block(exactly: mask)
    if current.isInterrupted { PendingWork.add(.signal) }
    passOn()
  }

  /// Blocks exactly the signals of `mask` until the call at hand is over: `sigsuspend`, `ppoll`, `pselect`.
  /// The old mask comes back by itself when signals are looked at, after a handler if there is one.
  static func replaceMask(_ mask: SignalSet) {
    thread.maskToRestore = thread.blocked
    thread.block(exactly: mask)
    PendingWork.add(.signal)
    passOn()
  }

  /// Writes a whole `siginfo_t`.
  static func store(_ information: SignalInformation, at address: UInt64) -> Bool {
    ProgramMemory.store(information, at: address)
      && ProgramMemory.clear(address &+ UInt64(MemoryLayout<SignalInformation>.size), count: 80)
  }
}
