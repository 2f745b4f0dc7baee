// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// The signals of the one process: sending, and delivering on the way back to the program.
///
/// The rules are Core's (`SignalRules`); here they meet the program's registers and memory.
enum Signals {
  /// The running thread's part.
  static var thread: ThreadSignals {
    // Not a getter, which would copy all of it.
    @inline(__always) _read { yield Thread.current.signals }
    @inline(__always) _modify { yield &Thread.current.signals }
  }
  static var shared = SharedSignals()

  // MARK: sending

  /// Sends a signal from the kernel to the process: SIGINT of the terminal, SIGPIPE, SIGALRM …
  /// Not for interrupt handlers.
  static func post(_ number: Int, code: Int32 = SignalInformation.kernel) {
    _ = post(SignalInformation(number, code: code), to: nil)
  }

  /// Sends a signal to a thread, or to the process (nil). False: the queue is full.
  static func post(_ information: SignalInformation, to thread: Thread?) -> Bool {
    let number = Int(information.number)
    let target = thread ?? Threads.target(of: number)
    if number == Signal.continue || number == Signal.kill || SignalSet.stopping.contains(number) {
      return postStopping(information, number, target, toThread: thread != nil)
    }
    let isQueued = SignalRules.post(information, toThread: thread != nil, &target.signals, &shared)
    target.interrupt()
    waiters.wake()
    PendingWork.add(.signal)
    return isQueued
  }

  /// The same for a signal that stops all threads or lets them go on.
  @inline(never)
  private static func postStopping(
    _ information: SignalInformation, _ number: Int, _ target: Thread, toThread: Bool
  ) -> Bool {
    // Each ends what is pending of the other, whoever it was sent to.
    if number != Signal.kill {
      let opposite = number == Signal.continue ? SignalSet.stopping : SignalSet(Signal.continue)
      for other in Threads.all { other.signals.pending.discard(opposite) }
    }
    let isQueued = SignalRules.post(information, toThread: toThread, &target.signals, &shared)
    for other in Threads.all { other.interrupt() }
    waiters.wake()
    PendingWork.add(.signal)
    return isQueued
  }

  /// The running thread has written where nobody reads any more.
  static func brokenPipe() {
    _ = post(
      SignalInformation(
        Signal.pipe, code: SignalInformation.user, process: ProcessGroup.process, user: identity.userID),
      to: Thread.current)
  }

  /// The running thread ends, or blocks more than before: a signal to the process that was to be its concern is that of
  /// another one now (Linux: retarget_shared_pending).
  @inline(__always)
  static func passOn() {
    if !shared.pending.set.isEmpty { passOnPending() }
  }

  @inline(never)
  private static func passOnPending() {
    for other in Threads.all where other.isInterrupted { other.interrupt() }
  }

  /// Who wants to know that a signal was sent: `signalfd`.
  static var waiters = WaitPlace()

  /// Sends a signal that the program cannot avoid: it did something that cannot go on.
  static func force(_ information: SignalInformation) {
    SignalRules.force(information, &thread, &shared)
    PendingWork.add(.signal)
  }

  /// What a signal handler would find after `execve`: none of the old program's functions.
  static func resetForExec() {
    shared.actions.resetForNewProgram()
    thread.alternateStack = AlternateStack()
    Thread.current.interruptedSleep = nil
    Thread.current.sequence = RestartableSequence()
    Thread.current.clearAddress = 0
    Thread.current.robustListHead = 0
    PosixTimers.deleteAll()
    HaltDetection.reset()
  }

  // MARK: delivering

  /// Delivers what can be delivered. After it `frame` says how the program goes on.
  static func deliver(_ frame: inout TrapFrame) {
    let current = Thread.current!
    repeat {
      while let (information, delivery) = SignalRules.take(&current.signals, &shared) {
        switch delivery {
        case .handle(let action):
          interruptCall(&frame, isRestarted: action.has(SignalAction.restart))
          if current.sequence.interrupt(&frame) && enterHandler(information, action, &frame, current) {
            SignalRules.enterHandler(Int(information.number), action, &current.signals)
            passOn()
          } else {
            refuseHandler(of: Int(information.number))
          }
        case .terminate, .core: end(information, frame)
        case .stop: stop(Int(information.number))
        case .nothing: break
        }
      }
      restartCall(&frame)
      // `sigsuspend` without a handler: what it let through is done, and its mask ends here. That may
      // unblock nothing new, but it may block what is still pending.
      if let mask = current.signals.maskToRestore {
        current.signals.maskToRestore = nil
        current.signals.block(exactly: mask)
      }
      if !isPossibleAddress(frame.rip) { refuseAddress(frame.rip) }
    } while !SignalRules.deliverable(current.signals, shared).isEmpty
  }

  /// A handler's frame could not be made: SIGSEGV, which ends the program if it was the one at fault
  /// (Linux: force_sigsegv).
  private static func refuseHandler(of number: Int) {
    if number == Signal.segmentation {
      shared.actions[number].handler = SignalAction.defaultHandler
    }
    refuseFrame()
  }

  /// SIGSEGV for a signal frame that cannot be written or read.
  static func refuseFrame() {
    Thread.current.hasRefusedFrame = true
    force(SignalInformation(Signal.segmentation, code: SignalInformation.kernel))
  }

  /// Where the program is to go on must be an address at which it may be: `iretq` would fault in the
  /// kernel on a non-canonical one, and the kernel's own code is not the program's to enter.
  @inline(__always)
  static func isPossibleAddress(_ rip: UInt64) -> Bool { rip < 0x7fff_ffff_f000 && !isKernelAddress(rip) }

  @inline(never)
  private static func refuseAddress(_ rip: UInt64) {
    let isCanonical = (Int64(bitPattern: rip) << 16) >> 16 == Int64(bitPattern: rip)
    if isCanonical {
      Thread.current.lastException = (Vector.pageFault, 0x15, rip)
      force(SignalInformation(Signal.segmentation, code: SegmentationCode.notMapped, address: rip))
    } else {
      Thread.current.lastException = (Vector.generalProtection, 0, Thread.current.lastException.faultAddress)
      force(SignalInformation(Signal.segmentation, code: SignalInformation.kernel))
    }
  }

  /// The program ends by a signal.
  private static func end(_ information: SignalInformation, _ frame: TrapFrame) -> Never {
    CrashReport.write(information, frame)
    Process.kill(bySignal: Int(information.number))
  }

  /// Stopped until SIGCONT, or SIGKILL, comes: from the tool, as nobody else is there to send it. With a terminal
  /// the tool stops as well, and is told so that it can.
  private static func stop(_ number: Int) {
    shared.isStopped = true
    for other in Threads.all where other !== Thread.current { other.interrupt() }
    Log.info { message in
      message.append("the program was stopped by ")
      message.append(Signal.name(number))
    }
    if Terminal.isPresent { Console.sayStopped(by: number) }
    waitForContinue()
  }

  /// Waits while the process is stopped. Only SIGCONT and SIGKILL end that.
  static func waitForContinue() {
    Processor.withoutInterrupts {
      while shared.isStopped { Thread.running.with { Scheduler.wait($0) } }
    }
  }

  // MARK: interrupted calls

  /// `syscall` is two bytes long; RCX and R11 it overwrote anyway.
  private static func repeatCall(_ frame: inout TrapFrame, _ number: UInt64) {
    frame.rax = number
    frame.rip &-= 2
    frame.vector = 0
  }

  /// A handler will run: the call that it interrupts is made again afterwards or fails with EINTR.
  private static func interruptCall(_ frame: inout TrapFrame, isRestarted: Bool) {
    guard frame.vector == TrapFrame.systemCallVector else { return }
    switch 0 &- frame.rax {
    case UInt64(Errno.ERESTARTSYS.rawValue) where isRestarted:
      repeatCall(&frame, frame.systemCallNumber)
    case UInt64(Errno.ERESTARTSYS.rawValue), UInt64(Errno.ERESTARTNOHAND.rawValue),
      UInt64(Errno.ERESTART_RESTARTBLOCK.rawValue):
      frame.rax = 0 &- UInt64(Errno.EINTR.rawValue)
    default: break
    }
    frame.vector = 0
  }

  /// No handler ran: the program does not notice that the call was interrupted.
  private static func restartCall(_ frame: inout TrapFrame) {
    guard frame.vector == TrapFrame.systemCallVector else { return }
    switch 0 &- frame.rax {
    case UInt64(Errno.ERESTARTSYS.rawValue), UInt64(Errno.ERESTARTNOHAND.rawValue):
      repeatCall(&frame, frame.systemCallNumber)
    case UInt64(Errno.ERESTART_RESTARTBLOCK.rawValue):
      repeatCall(&frame, 219)  // restart_syscall
    default: break
    }
  }
}

/// `si_code` of SIGSEGV (include/uapi/asm-generic/siginfo.h).
enum SegmentationCode {
  static var notMapped: Int32 { 1 }
  static var notAllowed: Int32 { 2 }
}
