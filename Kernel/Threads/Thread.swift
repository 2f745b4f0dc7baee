// SPDX-License-Identifier: Apache-2.0
import Futexes
import Machine
import Signals

/// One thread of the program: its registers while it does not run, and what belongs to it alone.
final class Thread: Watcher {
  enum State: UInt8 {
    case running
    /// In the scheduler's queue.
    case ready
    /// Nothing but `wake` brings it back.
    case waiting
    case ended
  }

  /// What `gettid` says; the first thread's is the process's.
  var number: Int32
  var state = State.running
  /// The next one in the scheduler's queue (`ThreadList`).
  var next: Borrowed<Thread>?

  // MARK: registers

  let stack: KernelStack
  /// nil as long as nobody else is there to run.
  private var vectors: Frame?
  private var fsBase: UInt64 = 0
  private var gsBase: UInt64 = 0

  // MARK: signals

  var signals = ThreadSignals()
  /// The last exception of the program, for `sigcontext` (trapno, err, cr2) and the crash report.
  var lastException = (vector: UInt64(0), errorCode: UInt64(0), faultAddress: UInt64(0))
  /// Whether the last SIGSEGV came from a signal frame, not from an instruction.
  var hasRefusedFrame = false
  /// What `restart_syscall` would go on with.
  var interruptedSleep: InterruptedSleep? = nil

  // MARK: what the C library registered

  var sequence = RestartableSequence()
  /// Where to store 0 and wake one when the thread ends (set_tid_address(2)); 0: nowhere.
  var clearAddress: UInt64 = 0
  var robustListHead: UInt64 = 0

  /// The futex for which it waits; nil: none, or somebody has woken it.
  var futex: FutexHandle?
  /// The same for one that waits for several (futex_waitv(2)), and which of them somebody woke.
  var futexes: [FutexHandle] = []
  var wokenFutex: Int?
  /// The mutex for which it will wait (FUTEX_WAIT_REQUEUE_PI).
  var requeueTarget: FutexKey?

  // MARK: scheduling

  /// As the program set it (`setScheduling`).
  var scheduling = Scheduling()
  /// `scheduling.rank`, or a higher one of somebody who waits for what this thread holds.
  var rank: Int8 = 0
  /// `scheduling.turn`.
  var turn = Scheduling.ordinaryTurn
  /// The `usedTime` at which its turn is over.
  var turnEnds = Scheduling.ordinaryTurn
  /// The number of the thread that holds the mutex for which it waits (`PriorityMutex`); 0: none.
  var blockedBy: Int32 = 0

  /// `comm`: at most fifteen bytes, which the program may change.
  private(set) var name: [UInt8] = []

  func rename(_ name: [UInt8]) {
    self.name = name
    // The first thread's is that of the process.
    if number == ProcessGroup.process { process.name = name }
  }

  /// The thread must end as soon as it may: another one calls `execve`.
  var mustEnd = false
  /// The thread that it has just made, to be started on the way back to the program, where all registers are known.
  var newThread: NewThread?
  /// Processor time used, in nanoseconds, until it last began to run.
  var usedTime: UInt64 = 0

  init(number: Int32, stack: KernelStack) {
    self.number = number
    self.stack = stack
  }

  deinit { if let vectors { PhysicalMemory.release(vectors) } }

  /// Itself, from its end until `reset`.
  var holdsItself: Thread?

  /// As good as new, but with its stack and the memory for its registers.
  func reset() {
    signals = ThreadSignals()
    lastException = (0, 0, 0)
    hasRefusedFrame = false
    interruptedSleep = nil
    sequence = RestartableSequence()
    clearAddress = 0
    robustListHead = 0
    futex = nil
    futexes = []
    wokenFutex = nil
    mustEnd = false
    newThread = nil
    usedTime = 0
    standsOn = nil
    affinity = .max
    toldProcessor = 0
    scheduling = Scheduling()
    rank = 0
    blockedBy = 0
    holdsItself = nil
  }

  /// Makes sure of memory for the registers. False: there is none.
  func reserveRegisters() -> Bool {
    if vectors == nil { vectors = PhysicalMemory.allocateZeroed() }
    return vectors != nil
  }

  /// The thread that runs on this processor.
  static var current: Thread! {
    @inline(__always) get { Processors.currentObject(Thread.self) }
    @inline(__always) set { Processors.setCurrentObject(newValue) }
  }

  /// The same, for a few instructions: who uses it for long asks `current` once.
  static var running: Borrowed<Thread> { @inline(__always) get { Processors.borrowedObject(Thread.self) } }

  /// The processor on which it runs, or on which its stack is in use while it waits there; nil: none.
  var standsOn: Int?
  /// Where it last ran.
  var lastProcessor = 0
  /// The processors on which it may run, a bit each (sched_setaffinity(2)).
  var affinity: UInt64 = .max
  /// The processor whose number the program was last told (`RestartableSequence`).
  var toldProcessor = 0

  @inline(__always) func mayRun(on processor: Int) -> Bool { affinity &>> UInt64(processor) & 1 != 0 }

  /// Whether `processor` may go on with it: only the one on which it stands, if there is one.
  @inline(__always) func mayBeTaken(by processor: Int) -> Bool {
    standsOn == nil ? mayRun(on: processor) : standsOn == processor
  }

  /// Puts the program's registers that the kernel does not use away.
  @inline(__always)
  func saveRegisters() {
    if let vectors { VectorState.save(to: vectors) }
    (fsBase, gsBase) = Processor.segmentBases
  }

  @inline(__always)
  func restoreRegisters() {
    if let vectors { VectorState.restoreSaved(from: vectors) }
    Processor.segmentBases = (fsBase, gsBase)
  }

  /// Begins with the vector registers, GS and, without one of its own, FS of the thread that runs.
  func inheritRegisters(threadPointer: UInt64?) {
    saveRegisters()
    if let threadPointer { fsBase = threadPointer }
  }

  // MARK: waiting

  /// Lets a thread that waits look again. Has no effect on one that does not wait.
  func wake() {
    if state == .waiting { Scheduler.makeReady(self) }
  }

  /// Makes it look for signals, wherever it is.
  func interrupt() {
    wake()
    if state == .running, let standsOn, standsOn != Processors.current { Processors.interrupt(standsOn) }
  }

  override func notify(_ changes: Readiness) { wake() }

  /// Whether it has to look around before it goes back to the program.
  @inline(__always)
  func hasWork(on processor: Int) -> Bool {
    isInterrupted || Signals.shared.isStopped || toldProcessor != processor || signals.maskToRestore != nil
  }

  /// Whether a call that waits should stop waiting: a signal is to be delivered, or the thread must end.
  var isInterrupted: Bool { mustEnd || !SignalRules.deliverable(signals, Signals.shared).isEmpty }
}
