// SPDX-License-Identifier: Apache-2.0
import Machine

/// The coarse tick: while the program runs, the timer interrupts it every ten milliseconds at the latest,
/// because some things are only seen by looking (a `hlt`, CPU time used up, a clock that can be made
/// better). While it waits, nothing ticks.
enum Ticks {
  /// Ticks that found the program in its own code, and in the kernel: they divide the CPU time into user
  /// and system time, as on Linux with tick accounting.
  private(set) static var inProgram: UInt64 = 0
  private(set) static var inKernel: UInt64 = 0

  /// Starts ticking. Called once, before the program's first instruction.
  static func start() {
    ProcessorTime.start()
    Timers.arm(now: Clock.monotonicNanoseconds(), isProgramRunning: true)
  }

  /// Whether the tick was left out because the kernel waited when the timer went off.
  private static var isOverdue = false

  /// The timer went off while the kernel waits: only deadlines count. The tick itself is made up for
  /// before the program goes on.
  static func tickWhileWaiting() {
    isOverdue = true
    let now = Clock.monotonicNanoseconds()
    Timers.hasFired()
    Timers.expire(now: now)
    Timers.arm(now: now, isProgramRunning: false)
    PendingWork.add(.signal)
  }

  /// Looks around, if it is time to. Called on the way back to the program.
  @inline(__always)
  static func tickIfDue(_ frame: inout TrapFrame) {
    if PendingWork.take(.tick) || isOverdue { tick(&frame) }
  }

  @inline(never)
  private static func tick(_ frame: inout TrapFrame) {
    isOverdue = false
    if frame.vector == Vector.timer {
      inProgram &+= 1
    } else {
      inKernel &+= 1
    }
    if Clock.refine() { VDSO.update() }
    let now = Clock.monotonicNanoseconds()
    Timers.hasFired()
    Timers.expire(now: now)
    IntervalTimers.check(ProcessorTime.total(now: now))
    Timers.arm(now: now, isProgramRunning: true)
  }
}

/// The processor time that the process used: all time since it started, without what it spent waiting.
enum ProcessorTime {
  private static var started: UInt64 = 0
  private static var idle: UInt64 = 0

  static func start() {
    started = Clock.monotonicNanoseconds()
    idle = 0
  }

  /// Lets the processor wait for an interrupt, and does not count that as the program's time.
  static func halt() {
    // Before the program runs, nobody counts, and nobody needs the clock yet.
    if started == 0 { return Processor.waitForInterrupt() }
    let start = Clock.monotonicNanoseconds()
    Processor.waitForInterrupt()
    idle &+= Clock.monotonicNanoseconds() &- start
  }

  static func total(now: UInt64) -> UInt64 {
    let elapsed = now &- started
    return elapsed > idle ? elapsed &- idle : 0
  }

  /// User and system time, in nanoseconds.
  static func divided(now: UInt64) -> (user: UInt64, system: UInt64) {
    let total = total(now: now)
    let ticks = Ticks.inProgram &+ Ticks.inKernel
    if ticks == 0 { return (total, 0) }
    // total * inProgram / ticks, in two parts that both stay inside of 64 bits.
    let (share, rest) = total.quotientAndRemainder(dividingBy: ticks)
    let user = share * Ticks.inProgram + rest &* Ticks.inProgram / ticks
    return (user, total &- user)
  }
}
