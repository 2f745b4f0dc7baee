// SPDX-License-Identifier: Apache-2.0
import Machine

/// The coarse tick: while the program runs, the timer interrupts it every four milliseconds at the latest,
/// because some things are only seen by looking (a `hlt`, CPU time used up, a clock that can be made
/// better), and others wait for their turn. While it waits, nothing ticks.
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

  /// A further processor ticks as soon as it runs the program.
  static func startProcessor() { overdue |= ownBit }

  /// The processors whose tick was left out because the kernel waited when the timer went off, a bit each.
  private static var overdue: UInt64 = 0
  private static var ownBit: UInt64 { 1 << UInt64(Processors.current) }

  /// The timer went off while the kernel waits: only deadlines count. The tick itself is made up for
  /// before the program goes on.
  static func tickWhileWaiting() {
    overdue |= ownBit
    let now = Clock.monotonicNanoseconds()
    Timers.hasFired()
    Timers.expire(now: now)
    Timers.arm(now: now, isProgramRunning: false)
    PendingWork.add(.signal)
  }

  /// Looks around, if it is time to, and says whether it was. Called on the way back to the program.
  @inline(__always)
  static func tickIfDue(_ frame: inout TrapFrame) -> Bool {
    guard PendingWork.take(.tick) || overdue & ownBit != 0 else { return false }
    tick(&frame)
    return true
  }

  @inline(never)
  private static func tick(_ frame: inout TrapFrame) {
    overdue &= ~ownBit
    if frame.vector == Vector.timer {
      inProgram &+= 1
    } else {
      inKernel &+= 1
    }
    if Clock.refine() { VDSO.update() }
    let now = Clock.monotonicNanoseconds()
    Timers.hasFired()
    Timers.expire(now: now)
    ProcessorTimers.check(now: now)
    Timers.arm(now: now, isProgramRunning: true)
  }
}

/// The processor time that the process used: all time of each processor since it started, without what it spent
/// waiting.
enum ProcessorTime {
  private static var hasStarted = false
  /// Of all threads, until each processor's `since`.
  private static var used: UInt64 = 0
  /// When each processor's thread began to run; 0: it does not.
  private static var since = InlineArray<64, UInt64>(repeating: 0)

  static func start() {
    hasStarted = true
    go()
  }

  /// The processor does nothing from now on.
  static func stop() {
    guard hasStarted else { return }
    let processor = Processors.current
    Thread.running.with { account($0, processor, Clock.monotonicNanoseconds()) }
    since[processor] = 0
  }

  /// The processor goes on.
  static func go() {
    if hasStarted { since[Processors.current] = Clock.monotonicNanoseconds() }
  }

  @inline(__always)
  private static func account(_ thread: Thread, _ processor: Int, _ now: UInt64) {
    let start = since[processor]
    guard start != 0, now > start else { return }
    thread.usedTime &+= now &- start
    used &+= now &- start
  }

  /// Another thread goes on, or `thread` itself.
  @inline(__always)
  static func switched(from thread: Thread, on processor: Int) {
    guard hasStarted else { return }
    let now = Clock.monotonicNanoseconds()
    account(thread, processor, now)
    since[processor] = now
  }

  /// Lets the processor wait for an interrupt, and does not count that as the program's time.
  static func halt() {
    // Before the program runs, nobody counts, and nobody needs the clock yet.
    stop()
    Processor.waitForInterrupt()
    go()
  }

  private static func running(_ processor: Int, _ now: UInt64) -> UInt64 {
    let start = since[processor]
    return start != 0 && now > start ? now &- start : 0
  }

  /// The time that `thread` has used.
  static func total(of thread: Thread, now: UInt64) -> UInt64 {
    guard thread.state == .running, let processor = thread.standsOn else { return thread.usedTime }
    return thread.usedTime &+ running(processor, now)
  }

  /// How many processors run the process.
  static var runningProcessors: UInt64 {
    var result: UInt64 = 0
    for processor in 0..<Processors.count where since[processor] != 0 { result &+= 1 }
    return result
  }

  static func total(now: UInt64) -> UInt64 {
    var result = used
    for processor in 0..<Processors.count { result &+= running(processor, now) }
    return result
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
