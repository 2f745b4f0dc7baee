// SPDX-License-Identifier: Apache-2.0
import Machine

/// Waiting until something is so.
enum Wait {
  /// Returns when `isReady`. It is asked first, and again whenever `queue` is told of a change, with interrupts off,
  /// so that none is missed between the question and the wait. Throws ERESTARTSYS when a signal wants to be delivered.
  static func until(_ queue: WaitQueue, _ isReady: () -> Bool) throws(Errno) {
    _ = try until(queue, deadline: nil, isReady)
  }

  /// The same with an end in monotonic time; false if that came before `isReady`.
  static func until(
    _ queue: WaitQueue, deadline: UInt64?, _ isReady: () -> Bool
  ) throws(Errno) -> Bool {
    lookAround()
    if isReady() { return true }
    let thread = Thread.current!
    queue.add(thread)
    defer { queue.remove(thread) }
    return try untilWoken(deadline: deadline, isReady)
  }

  /// The same for a thread that has put itself, as a `Watcher`, wherever it may be told from.
  static func untilWoken(deadline: UInt64?, _ isReady: () -> Bool) throws(Errno) -> Bool {
    let thread = Thread.current!
    let timer = deadline.map { Timers.add(deadline: $0, .thread(thread.number)) }
    defer { if let timer { Timers.remove(timer) } }
    return try Processor.withoutInterrupts { () throws(Errno) in
      while true {
        lookAround()
        if isReady() { return true }
        if let deadline, Clock.monotonicNanoseconds() >= deadline { return false }
        if thread.isInterrupted { throw .ERESTARTSYS }
        Scheduler.wait()
      }
    }
  }

  /// Until the deadline, unless a signal comes.
  enum Outcome { case timedOut, interrupted }

  /// Waits for nothing but the time and signals.
  static func sleep(until deadline: UInt64?) -> Outcome {
    do throws(Errno) {
      _ = try untilWoken(deadline: deadline) { false }
      return .timedOut
    } catch {
      return .interrupted
    }
  }

  /// Waits for what is sure to happen soon, whatever signals there are. Nobody else runs meanwhile.
  static func uninterruptibly(until isReady: () -> Bool) {
    Processor.withoutInterrupts {
      while true {
        lookAround()
        // The first processor is told of input, and may be waiting for the lock.
        if Processors.current != 0 { Console.receive() }
        if isReady() { return }
        Interrupts.halt()
      }
    }
  }

  /// Does what interrupts noted.
  static func lookAround() {
    if PendingWork.take(.input) { Console.receive() }
    if PendingWork.take(.tick) { Ticks.tickWhileWaiting() }
  }
}
