// SPDX-License-Identifier: Apache-2.0
import Signals
import Testing

/// The two halves of the state of a process with one thread, and the calls on them that tests make.
private final class Process {
  var thread = ThreadSignals()
  var shared = SharedSignals()

  func post(_ number: Int, value: UInt64 = 0, toThread: Bool = false) -> Bool {
    var information = SignalInformation(number, code: value == 0 ? SignalInformation.user : SignalInformation.queue)
    information.value = value
    return SignalRules.post(information, toThread: toThread, &thread, &shared)
  }

  func set(_ number: Int, handler: UInt64, flags: UInt64 = 0, mask: SignalSet = SignalSet()) {
    var action = SignalAction()
    action.handler = handler
    action.flags = flags
    action.mask = mask
    SignalRules.setAction(number, action, &thread, &shared)
  }

  /// Delivers one signal: its number and what was to be done.
  func deliver() -> (Int, String, UInt64)? {
    guard let (information, delivery) = SignalRules.take(&thread, &shared) else { return nil }
    let number = Int(information.number)
    switch delivery {
    case .handle(let action):
      SignalRules.enterHandler(number, action, &thread)
      return (number, "handle", information.value)
    case .terminate: return (number, "terminate", information.value)
    case .core: return (number, "core", information.value)
    case .stop: return (number, "stop", information.value)
    case .nothing: return (number, "nothing", information.value)
    }
  }
}

@Suite struct SignalsTests {
  @Test func setsHoldSixtyFourNumbers() {
    var set = SignalSet()
    for number in [1, 31, 32, 64] { set.insert(number) }
    #expect(set == SignalSet(bits: 1 | 1 << 30 | 1 << 31 | 1 << 63))
    set.insert(0)
    set.insert(65)
    set.insert(-7)
    set.insert(.max)
    #expect(set.bits.nonzeroBitCount == 4)
    #expect(!set.contains(0) && !set.contains(65) && !set.contains(.min))
    set.remove(64)
    set.remove(31)
    #expect(set.first == 1)
    #expect(SignalSet().first == nil)
  }

  @Test func defaultActionsAreLinux() {
    // signal(7), "Standard signals".
    let core: Set<Int> = [3, 4, 5, 6, 7, 8, 11, 24, 25, 31]
    let stop: Set<Int> = [19, 20, 21, 22]
    let ignore: Set<Int> = [17, 23, 28]
    for number in 1...64 {
      let expected: DefaultAction =
        core.contains(number)
        ? .core
        : stop.contains(number) ? .stop : ignore.contains(number) ? .ignore : number == 18 ? .continue : .terminate
      #expect(DefaultAction(for: number) == expected, "\(number)")
    }
  }

  @Test func layoutsAreTheProgramsOwn() {
    #expect(MemoryLayout<SignalAction>.size == 32 && MemoryLayout<SignalInformation>.size == 48)
    #expect(MemoryLayout<SignalSet>.size == 8)
    let sent = SignalInformation(10, code: 0, process: -1, user: 7)
    #expect(sent.first == 0x7_ffff_ffff)
  }

  @Test func standardSignalsArePendingOnceAndRealTimeOnesQueue() {
    let process = Process()
    process.set(10, handler: 0x1000)
    process.set(40, handler: 0x1000)
    process.thread.block(exactly: SignalSet(bits: .max))
    for value in 1...3 as ClosedRange<UInt64> {
      #expect(process.post(10, value: value))
      #expect(process.post(40, value: value))
    }
    #expect(SignalRules.deliverable(process.thread, process.shared).isEmpty)
    process.thread.block(exactly: SignalSet())
    var seen: [(Int, UInt64)] = []
    while let (number, _, value) = process.deliver() {
      seen.append((number, value))
      process.thread.block(exactly: SignalSet())
    }
    #expect(seen.map(\.0) == [10, 40, 40, 40])
    #expect(seen.map(\.1) == [1, 1, 2, 3])
  }

  @Test func aFullQueueRefusesQueuedSignalsOnly() {
    let process = Process()
    process.thread.block(exactly: SignalSet(bits: .max))
    for index in 0..<UInt64(PendingSignals.capacity) { #expect(process.post(34, value: index + 1)) }
    #expect(!process.post(34, value: 1))
    #expect(!process.post(35, value: 1))
    #expect(process.post(36))
    #expect(process.post(15))
    #expect(process.shared.pending.count == PendingSignals.capacity)
    #expect(process.shared.pending.set == SignalSet(bits: 1 << 14 | 1 << 33 | 1 << 35))
    process.thread.block(exactly: SignalSet(bits: ~(1 << 14)))
    let taken = SignalRules.take(&process.thread, &process.shared)
    #expect(taken?.0.number == 15 && taken?.0.code == SignalInformation.user)
  }

  @Test func killAndStopCannotBeAvoided() {
    let process = Process()
    process.thread.block(exactly: SignalSet(bits: .max))
    #expect(process.thread.blocked == SignalSet(bits: .max).subtracting(.unblockable))
    process.shared.actions[9].handler = SignalAction.ignoreHandler
    #expect(process.post(9))
    #expect(process.deliver()! == (9, "terminate", 0))
    #expect(process.post(19))
    #expect(process.deliver()! == (19, "stop", 0))
  }

  @Test func ignoredSignalsVanishUnlessBlocked() {
    let process = Process()
    #expect(process.post(17) && process.shared.pending.set.isEmpty)
    process.set(15, handler: SignalAction.ignoreHandler)
    #expect(process.post(15) && process.shared.pending.set.isEmpty)
    process.thread.block(exactly: SignalSet(15))
    #expect(process.post(15) && process.shared.pending.set == SignalSet(15))
    process.thread.block(exactly: SignalSet())
    #expect(process.deliver()! == (15, "nothing", 0))
    // Pending, then ignored: gone.
    process.thread.block(exactly: SignalSet(12))
    #expect(process.post(12))
    process.set(12, handler: SignalAction.ignoreHandler)
    #expect(process.shared.pending.set.isEmpty)
  }

  @Test func stopAndContinueCancelEachOther() {
    let process = Process()
    process.thread.block(exactly: SignalSet(bits: .max))
    #expect(process.post(20) && process.post(21))
    process.set(18, handler: 0x1000)
    #expect(process.post(18))
    #expect(process.shared.pending.set == SignalSet(18))
    #expect(process.post(20))
    #expect(process.shared.pending.set == SignalSet(20))
    process.shared.isStopped = true
    #expect(process.post(18) && !process.shared.isStopped)
  }

  @Test func forcedSignalsReachTheirThread() {
    let process = Process()
    process.set(11, handler: 0x1000)
    SignalRules.force(SignalInformation(11, code: 1, address: 0x10), &process.thread, &process.shared)
    #expect(process.deliver()! == (11, "handle", 0))
    // Its own handler faults again: SIGSEGV is blocked, so it ends the program.
    SignalRules.force(SignalInformation(11, code: 1, address: 0x20), &process.thread, &process.shared)
    #expect(process.deliver()! == (11, "core", 0))
    let ignoring = Process()
    ignoring.set(8, handler: SignalAction.ignoreHandler)
    SignalRules.force(SignalInformation(8, code: 1), &ignoring.thread, &ignoring.shared)
    #expect(ignoring.deliver()! == (8, "core", 0))
  }

  @Test func processorExceptionsComeFirst() {
    let process = Process()
    #expect(process.post(1, toThread: true) && process.post(34, toThread: true) && process.post(11, toThread: true))
    #expect(process.deliver()!.0 == 11)
    #expect(process.deliver()!.0 == 1)
    #expect(process.deliver()!.0 == 34)
    #expect(process.deliver() == nil)
  }

  @Test func handlersMaskAndReset() {
    let process = Process()
    process.set(10, handler: 0x1000, mask: SignalSet(bits: 1 << 11 | 1 << 8))
    #expect(process.post(10))
    _ = process.deliver()
    // SIGUSR1 itself and SIGUSR2; SIGKILL in a mask means nothing.
    #expect(process.thread.blocked == SignalSet(bits: 1 << 9 | 1 << 11))
    process.thread.block(exactly: SignalSet())
    process.set(10, handler: 0x1000, flags: SignalAction.noDefer | SignalAction.resetHandler)
    process.thread.maskToRestore = SignalSet(3)
    #expect(process.thread.maskToSave == SignalSet(3))
    #expect(process.post(10))
    _ = process.deliver()
    #expect(process.thread.blocked.isEmpty && process.thread.maskToRestore == nil)
    #expect(process.shared.actions[10].handler == SignalAction.defaultHandler)
    process.set(10, handler: 0x1000, flags: 0x400 | SignalAction.restart)
    #expect(process.shared.actions[10].flags == SignalAction.restart)
  }

  @Test func awaitedSignalsAreKept() {
    let process = Process()
    process.thread.awaited = SignalSet(17)
    #expect(process.post(17) && process.shared.pending.set == SignalSet(17))
  }

  @Test func alternateStacks() {
    let process = Process()
    func change(_ base: UInt64, _ size: UInt64, _ flags: UInt32, at pointer: UInt64 = 0x9000) -> SignalRules.StackChange
    {
      SignalRules.setAlternateStack(
        base: base, size: size, flags: flags, stackPointer: pointer, minimumSize: 2048, &process.thread)
    }
    #expect(process.thread.alternateStack.state(0x100) == AlternateStack.disabled)
    #expect(change(0x1000, 2047, 0) == .tooSmall)
    #expect(change(0x1000, 0x1000, 3) == .badFlags)
    #expect(change(0x1000, 0x1000, 0) == .done)
    #expect(process.thread.alternateStack.state(0x1000) == 0)
    #expect(process.thread.alternateStack.state(0x1001) == AlternateStack.onStack)
    #expect(process.thread.alternateStack.state(0x2000) == AlternateStack.onStack)
    #expect(process.thread.alternateStack.state(0x2001) == 0)
    #expect(change(0x5000, 0x1000, 0, at: 0x1800) == .inUse)
    #expect(change(.max - 0x800, 0x1000, 0) == .done)
    #expect(process.thread.alternateStack.state(.max) == AlternateStack.onStack)
    #expect(change(0x1000, 0x1000, AlternateStack.autoDisarm) == .done)
    #expect(process.thread.alternateStack.state(0x1800) == 0)
    process.set(10, handler: 0x1000, flags: SignalAction.onStack)
    #expect(process.post(10))
    _ = process.deliver()
    #expect(process.thread.alternateStack.size == 0)
    #expect(change(0, 0, AlternateStack.disabled) == .done)
  }

  @Test func aNewProgramForgetsFunctions() {
    let process = Process()
    process.set(10, handler: 0x1000, flags: SignalAction.restart)
    process.set(12, handler: SignalAction.ignoreHandler)
    process.shared.actions.resetForNewProgram()
    #expect(process.shared.actions[10] == SignalAction())
    #expect(process.shared.actions[12].handler == SignalAction.ignoreHandler)
  }
}
