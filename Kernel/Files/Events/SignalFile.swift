// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// The descriptor of signalfd(2): reading takes signals that would otherwise be delivered, those of the thread that
/// reads before those of the process.
final class SignalFile: UnnamedNode {
  /// What it takes; never SIGKILL or SIGSTOP.
  private var mask: SignalSet

  init(_ mask: SignalSet) { self.mask = mask.subtracting(.unblockable) }

  func setMask(_ new: SignalSet) {
    mask = new.subtracting(.unblockable)
    Signals.waiters.wake(.input)
  }

  private var isPending: Bool {
    !Signals.thread.pending.set.union(Signals.shared.pending.set).intersection(mask).isEmpty
  }

  override func readiness() -> Readiness { isPending ? .readable : [] }
  override func readinessQueue() -> WaitQueue { Signals.waiters.queue }

  private func take() -> SignalInformation? {
    let others = SignalSet(bits: ~mask.bits)
    return Signals.thread.pending.take(blocked: others) ?? Signals.shared.pending.take(blocked: others)
  }

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    let size = MemoryLayout<SignalRecord>.size
    let room = count / size
    guard room > 0 else { throw .EINVAL }
    if !isPending {
      guard mayWait else { throw .EAGAIN }
      try Wait.until(Signals.waiters.queue) { self.isPending }
    }
    var done = 0
    while done < room, let information = take() {
      guard ProgramMemory.store(SignalRecord(information), at: address &+ UInt64(done &* size)) else {
        if done == 0 { throw .EFAULT }
        break
      }
      done &+= 1
    }
    return done &* size
  }
}

/// `struct signalfd_siginfo` (include/uapi/linux/signalfd.h).
private struct SignalRecord: BitwiseCopyable {
  var number: UInt32
  var error: Int32
  var code: Int32
  var process: UInt32 = 0
  var user: UInt32 = 0
  var descriptor: Int32 = 0
  var timer: UInt32 = 0
  var band: UInt32 = 0
  var overruns: UInt32 = 0
  var trap: UInt32 = 0
  var status: Int32 = 0
  var integer: Int32 = 0
  var pointer: UInt64 = 0
  var userTime: UInt64 = 0
  var systemTime: UInt64 = 0
  var address: UInt64 = 0
  /// `ssi_addr_lsb` and what has no meaning yet.
  var rest = InlineArray<6, UInt64>(repeating: 0)

  /// Which part of `siginfo_t`'s union counts is said by the code (kernel/signal.c, siginfo_layout).
  init(_ information: SignalInformation) {
    number = UInt32(bitPattern: information.number)
    error = information.errorNumber
    code = information.code
    let low = UInt32(truncatingIfNeeded: information.first)
    let high = UInt32(truncatingIfNeeded: information.first >> 32)
    if code == SignalInformation.timer {
      timer = low
      overruns = high
    } else if code > 0 && code < SignalInformation.kernel {
      // Raised by an instruction, or by somebody who says that it was.
      address = information.first
      return
    } else {
      process = low
      user = high
    }
    if code < 0 && code != SignalInformation.thread {
      pointer = information.value
      integer = Int32(truncatingIfNeeded: information.value)
    }
  }
}
