// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// All threads of the process.
enum Threads {
  /// In the order of their numbers.
  private(set) static var all: [Thread] = []
  private static var lastNumber: Int32 = ProcessGroup.process
  /// Linux's greatest (PID_MAX_LIMIT).
  private static let greatestNumber: Int32 = 4_194_303
  /// The status with which the first thread ended before the others: the process's, in the end.
  private static var firstStatus: Int32 = 0

  static var count: Int { all.count }
  /// Whether there is only one.
  static var isAlone: Bool { all.count == 1 }

  /// Makes the machine's own first flow of control the first thread. Once.
  static func start() {
    let thread = Thread(number: ProcessGroup.process, stack: .current())
    Thread.current = thread
    thread.standsOn = 0
    all.append(thread)
  }

  /// The thread with this number; nil if there is none.
  static func find(_ number: Int32) -> Thread? {
    let index = position(number)
    return index < all.count && all[index].number == number ? all[index] : nil
  }

  /// The index of the first thread whose number is not less.
  private static func position(_ number: Int32) -> Int {
    var low = 0
    var high = all.count
    while low < high {
      let middle = (low &+ high) / 2
      if all[middle].number < number { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// A thread with a number of its own, not yet running.
  static func make() throws(Errno) -> Thread {
    // The array is copied when it grows.
    try reserveKernelMemory(bytes: all.count &* 16 &+ 64)
    guard UInt64(all.count) < limits.processes else { throw .EAGAIN }
    let thread: Thread
    if let old = unused.popLast() { thread = old } else { thread = try new() }
    repeat {
      lastNumber = lastNumber == greatestNumber ? 300 : lastNumber + 1
    } while find(lastNumber) != nil
    thread.number = lastNumber
    all.insert(thread, at: position(lastNumber))
    return thread
  }

  /// Threads that have ended, for later ones. They are never freed: what still held one when it left for good, on a
  /// stack to which nobody returns, can never let go of it.
  private static var unused: [Thread] = []

  private static func new() throws(Errno) -> Thread {
    // From now on there are two, and registers to be kept.
    guard Thread.current.reserveRegisters() else { throw .ENOMEM }
    // The list of those that have ended must not need memory then.
    if unused.capacity <= all.count { unused.reserveCapacity(all.count &* 2 &+ 8) }
    guard let stack = newStack() else { throw .EAGAIN }
    let thread = Thread(number: 0, stack: stack)
    guard thread.reserveRegisters() else {
      stack.release()
      throw .ENOMEM
    }
    return thread
  }

  /// Nobody stands on the stack of `thread` any more, which has ended.
  static func recycle(_ thread: Thread) {
    thread.reset()
    unused.append(thread)
  }

  /// A kernel stack; where they stand is drawn when the first one is needed.
  static func newStack() -> KernelStack? {
    if !KernelStack.hasPlace { KernelStack.start(random: Random.next()) }
    return KernelStack.allocate()
  }

  /// Ends the running thread (exit(2)); with the last one, the process.
  static func exit(_ status: Int32) -> Never {
    let thread = Thread.current!
    if thread.number == ProcessGroup.process { firstStatus = status }
    RobustList.release(thread)
    // pthread_join waits for this.
    if thread.clearAddress != 0 {
      if ProgramMemory.store(UInt32(0), at: thread.clearAddress),
        let key = try? FutexWaits.key(thread.clearAddress, isPrivate: false)
      {
        FutexWaits.wake(key, count: 1)
      }
    }
    if all.count == 1 { Process.exit(firstStatus) }
    all.remove(at: position(thread.number))
    Signals.passOn()
    if let waiting = waitingForEnd { waiting.wake() }
    Scheduler.leave(thread)
  }

  private static var waitingForEnd: Thread?

  /// Ends all others, for `execve`: the running thread is the first one from now on.
  static func endOthers() {
    let current = Thread.current!
    guard all.count > 1 else { return }
    for thread in all where thread !== current {
      thread.mustEnd = true
      thread.interrupt()
    }
    waitingForEnd = current
    Processor.withoutInterrupts {
      while all.count > 1 { Scheduler.wait(current) }
    }
    waitingForEnd = nil
    current.number = ProcessGroup.process
  }

  /// The thread that should take care of a signal to the process: one that waits for it or does not block it, the
  /// running one and the first one before others.
  static func target(of signal: Int) -> Thread {
    let current = Thread.current!
    // A processor that waits may stand on the stack of an idler, or of a thread that has ended.
    return isAlone && current.state == .running ? current : oneOfMany(signal, current)
  }

  @inline(never)
  private static func oneOfMany(_ signal: Int, _ current: Thread) -> Thread {
    func takes(_ thread: Thread) -> Bool {
      !thread.signals.blocked.contains(signal) || thread.signals.awaited.contains(signal)
    }
    if current.number != 0 && current.state != .ended && takes(current) { return current }
    for thread in all where takes(thread) { return thread }
    return all[0]
  }
}

/// A thread that is to begin: `clone` has made it, and the registers of its maker become its own when all of them are
/// known, on the way back to the program.
struct NewThread {
  let thread: Thread
  /// 0: the maker's.
  let stackPointer: UInt64
  /// nil: the maker's.
  let threadPointer: UInt64?

  /// Lets the one that `maker` has made begin. `frame` is the maker's, complete.
  @inline(never)
  static func start(_ maker: Thread, _ frame: TrapFrame) {
    guard let new = maker.newThread else { return }
    maker.newThread = nil
    new.start(frame)
  }

  private func start(_ frame: TrapFrame) {
    var own = frame
    own.rax = 0
    // It has not made a call that might be repeated.
    own.vector = 0
    if stackPointer != 0 { own.rsp = stackPointer }
    thread.inheritRegisters(threadPointer: threadPointer)
    thread.stack.prepare(own)
    Scheduler.makeReady(thread)
  }
}
