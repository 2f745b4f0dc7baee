// SPDX-License-Identifier: Apache-2.0
import Machine

/// Waiting: the one loop in which the machine stands still until something happens.
enum Wait {
  /// Returns when `isReady`. It is asked first, and again after every interrupt, with interrupts off, so
  /// that none is missed between the question and the halt. Whoever waits for a moment in time arms the
  /// timer before. Throws ERESTARTSYS when a signal wants to be delivered.
  static func until(_ isReady: () -> Bool) throws(Errno) {
    try Processor.withoutInterrupts { () throws(Errno) in
      while true {
        lookAround()
        if isReady() { return }
        if Signals.isInterrupting { throw .ERESTARTSYS }
        Interrupts.halt()
      }
    }
  }

  /// The same, whatever signals there are: for what is sure to happen soon.
  static func uninterruptibly(until isReady: () -> Bool) {
    Processor.withoutInterrupts {
      while true {
        lookAround()
        if isReady() { return }
        Interrupts.halt()
      }
    }
  }

  /// Does what interrupts noted.
  private static func lookAround() {
    if PendingWork.take(.input) { Console.receive() }
    if PendingWork.take(.tick) { Ticks.tickWhileWaiting() }
  }
}
