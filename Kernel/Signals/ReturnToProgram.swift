// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// The last stop before the program runs again while work is pending, from entry.S and from interrupts
/// that hit the program. Interrupts are off, and stay off until the program runs: nothing can become
/// pending unseen.
@_silgen_name("kernel_return_to_program")
public func kernelReturnToProgram(_ frame: inout TrapFrame) {
  if (Vector.firstInterrupt..<Vector.spurious).contains(frame.vector) { HaltDetection.look(&frame) }
  let thread = Thread.current!
  Scheduler.releaseEnded()
  if thread.newThread != nil { NewThread.start(thread, frame) }
  while true {
    PendingWork.remove(.resume)
    if PendingWork.take(.device) { Devices.attend() }
    let ticked = Ticks.tickIfDue(&frame)
    if Scheduler.giveWay(thread, ticked: ticked) && !thread.sequence.interrupt(&frame) { Signals.refuseFrame() }
    if thread.toldProcessor != Processors.current {
      thread.toldProcessor = Processors.current
      if !thread.sequence.tell(processor: Processors.current) || !thread.sequence.interrupt(&frame) {
        Signals.refuseFrame()
      }
    }
    if thread.mustEnd { Threads.exit(0) }
    if Signals.shared.isStopped { Signals.waitForContinue() }
    let mustDeliver = PendingWork.take(.signal)
    if mustDeliver || !Signals.isPossibleAddress(frame.rip) { Signals.deliver(&frame) }
    // Delivering may have waited (for a page, for SIGCONT) and let interrupts in meanwhile.
    if PendingWork.isEmpty { break }
  }
  // A program that turned interrupts off gets them back here.
  frame.rflags |= ProgramFlags.interrupt
}
