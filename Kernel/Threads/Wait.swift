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
    let end = Thread.running.with { thread in
      queue.add(thread)
      let end = untilWoken(thread, deadline: deadline, isReady)
      queue.remove(thread)
      return end
    }
    if end == .interrupted { throw .ERESTARTSYS }
    return end == nil
  }

  /// The same for a thread that has put itself, as a `Watcher`, wherever it may be told from.
  static func untilWoken(deadline: UInt64?, _ isReady: () -> Bool) throws(Errno) -> Bool {
    let end = Thread.running.with { untilWoken($0, deadline: deadline, isReady) }
    if end == .interrupted { throw .ERESTARTSYS }
    return end == nil
  }

  /// Why a wait has ended before what was waited for.
  enum End { case timedOut, interrupted }

  /// The same for `thread`, which runs; nil if `isReady`.
  @inline(__always)
  static func untilWoken(_ thread: Thread, deadline: UInt64?, _ isReady: () -> Bool) -> End? {
    let timer = deadline == nil ? nil : addTimer(thread, deadline)
    let end = Processor.withoutInterrupts { () -> End? in
      lookAround()
      while !isReady() {
        if let end = once(thread, deadline) { return end }
      }
      return nil
    }
    if let timer { Timers.remove(timer) }
    return end
  }

  /// Waits until somebody wakes `thread`, which runs with interrupts off, or says why not.
  @inline(never)
  private static func once(_ thread: Thread, _ deadline: UInt64?) -> End? {
    if let deadline, Clock.monotonicNanoseconds() >= deadline { return .timedOut }
    if thread.isInterrupted { return .interrupted }
    Scheduler.wait(thread)
    lookAround()
    return nil
  }

  @inline(never)
  private static func addTimer(_ thread: Thread, _ deadline: UInt64?) -> Timers.Handle? {
    deadline.map { Timers.add(deadline: $0, .thread(thread.number)) }
  }

  /// Waits for nothing but the time and signals.
  static func sleep(until deadline: UInt64?) -> End {
    Thread.running.with { untilWoken($0, deadline: deadline) { false } } ?? .interrupted
  }

  /// Waits for what is sure to happen, whatever signals there are, and lets others run meanwhile.
  static func patiently(_ queue: WaitQueue, _ isReady: () -> Bool) {
    Thread.running.with { thread in
      queue.add(thread)
      Processor.withoutInterrupts {
        lookAround()
        while !isReady() {
          Scheduler.wait(thread)
          lookAround()
        }
      }
      queue.remove(thread)
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
  @inline(__always)
  static func lookAround() {
    if hasNotes { takeNotes() }
  }

  /// Whether interrupts noted anything that must not wait.
  @inline(__always)
  static var hasNotes: Bool { PendingWork.contains(.device) || PendingWork.contains(.tick) }

  @inline(never)
  private static func takeNotes() {
    if PendingWork.take(.device) { Devices.attend() }
    if PendingWork.take(.tick) { Ticks.tickWhileWaiting() }
  }
}
