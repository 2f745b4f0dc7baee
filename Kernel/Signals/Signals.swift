// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// The signals of the one process: sending, and delivering on the way back to the program.
///
/// The rules are Core's (`SignalRules`); here they meet the program's registers and memory. What belongs
/// to a thread and what to the process is kept apart already, though there is one thread.
enum Signals {
  static var thread = ThreadSignals()
  static var shared = SharedSignals()

  /// The last exception of the program, for `sigcontext` (trapno, err, cr2) and the crash report.
  static var lastException = (vector: UInt64(0), errorCode: UInt64(0), faultAddress: UInt64(0))
  /// Whether the last SIGSEGV came from a signal frame, not from an instruction.
  static var hasRefusedFrame = false
  /// What `restart_syscall` would go on with.
  static var interruptedSleep: InterruptedSleep? = nil

  // MARK: sending

  /// Sends a signal from the kernel to the process: SIGINT of the terminal, SIGPIPE, SIGALRM …
  /// Not for interrupt handlers.
  static func post(_ number: Int, code: Int32 = SignalInformation.kernel) {
    _ = post(SignalInformation(number, code: code), toThread: false)
  }

  /// Sends a signal. False: the queue is full.
  static func post(_ information: SignalInformation, toThread: Bool) -> Bool {
    let isQueued = SignalRules.post(information, toThread: toThread, &thread, &shared)
    PendingWork.add(.signal)
    return isQueued
  }

  /// Sends a signal that the program cannot avoid: it did something that cannot go on.
  static func force(_ information: SignalInformation) {
    SignalRules.force(information, &thread, &shared)
    PendingWork.add(.signal)
  }

  /// Whether a call that waits should stop waiting (`Errno.ERESTARTSYS`), for a signal is to be delivered.
  static var isInterrupting: Bool { !SignalRules.deliverable(thread, shared).isEmpty }

  /// What a signal handler would find after `execve`: none of the old program's functions.
  static func resetForExec() {
    shared.actions.resetForNewProgram()
    thread.alternateStack = AlternateStack()
    interruptedSleep = nil
    RestartableSequence.reset()
    PosixTimers.deleteAll()
    HaltDetection.reset()
  }

  // MARK: delivering

  /// Delivers what can be delivered. After it `frame` says how the program goes on.
  static func deliver(_ frame: inout TrapFrame) {
    repeat {
      while let (information, delivery) = SignalRules.take(&thread, &shared) {
        switch delivery {
        case .handle(let action):
          interruptCall(&frame, isRestarted: action.has(SignalAction.restart))
          if RestartableSequence.interrupt(&frame) && enterHandler(information, action, &frame) {
            SignalRules.enterHandler(Int(information.number), action, &thread)
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
      if let mask = thread.maskToRestore {
        thread.maskToRestore = nil
        thread.block(exactly: mask)
      }
      if !isPossibleAddress(frame.rip) { refuseAddress(frame.rip) }
    } while isInterrupting
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
    hasRefusedFrame = true
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
      lastException = (Vector.pageFault, 0x15, rip)
      force(SignalInformation(Signal.segmentation, code: SegmentationCode.notMapped, address: rip))
    } else {
      lastException = (Vector.generalProtection, 0, lastException.faultAddress)
      force(SignalInformation(Signal.segmentation, code: SignalInformation.kernel))
    }
  }

  /// The program ends by a signal.
  private static func end(_ information: SignalInformation, _ frame: TrapFrame) -> Never {
    CrashReport.write(information, frame)
    Process.kill(bySignal: Int(information.number))
  }

  /// Stopped until SIGCONT, or SIGKILL, comes: from the tool, as nobody else is there to send it.
  private static func stop(_ number: Int) {
    shared.isStopped = true
    Log.info { message in
      message.append("the program was stopped by ")
      message.append(Signal.name(number))
    }
    Wait.uninterruptibly { !shared.isStopped }
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
