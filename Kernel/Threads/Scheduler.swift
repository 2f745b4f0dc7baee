// SPDX-License-Identifier: Apache-2.0
import Machine

/// Which thread runs where. A thread runs until it waits, or, in the program, until others have waited for their turn for
/// a tick. In the kernel it is never taken off its processor, and the kernel's lock keeps all others out.
///
/// A thread that waits while its processor has nothing else to do stays on it, on its own stack: when it is woken it
/// goes on without a switch.
enum Scheduler {
  /// One of each processor; they are never freed. Not an array, which would be asked at each use whether it has been
  /// made.
  private static var queues = InlineArray<64, Borrowed<RunQueue>?>(repeating: nil)
  private static var queueCount = 0

  @inline(__always)
  private static func queue(_ processor: Int) -> Borrowed<RunQueue> { queues[processor]! }
  private static var own: Borrowed<RunQueue> { @inline(__always) get { queue(Processors.current) } }

  private static func addQueue() {
    queues[queueCount] = Borrowed(forever: RunQueue())
    queueCount += 1
  }
  /// The real-time threads that could run, of all processors, by rank: as long as one is here that may run on a
  /// processor, no thread of lower rank does.
  private static var urgent = ThreadList()

  /// Finds the other processors and starts them. Once, at the end of booting.
  static func start() {
    addQueue()
    let identifiers = ProcessorList.find()
    guard identifiers.count > 1, makeIdler() else { return }
    for _ in 1..<min(identifiers.count, Processors.maximum) { addQueue() }
    let count = Processors.start(identifiers) { Threads.newStack() }
    queueCount = count
    if count > 1 {
      VDSOImage.setProcessorSource(VDSO.dataFrame, Processor.hasProcessorNumber ? .processor : .systemCall)
    }
    Log.info { message in
      message.append(decimal: UInt64(count))
      message.append(" processors run")
    }
    if count < identifiers.count {
      Log.warning("not all processors of the machine could be started")
    }
  }

  /// Whether somebody waits for the processor.
  static var hasReady: Bool { !urgent.isEmpty || own.with { !$0.isEmpty } }

  /// Lets `thread` run when its turn comes.
  static func makeReady(_ thread: Thread) {
    thread.state = .ready
    if thread.rank > 0 {
      urgent.insert(thread, beforeEquals: false)
      return attract(thread)
    }
    let target = processor(for: thread)
    queue(target).with { queue in
      queue.addWoken(thread)
      if queue.isIdle {
        // It looks at its queue before it is idle again: who comes meanwhile need not interrupt it once more.
        queue.isIdle = false
        if target != Processors.current { Processors.interrupt(target) }
      } else if thread.rank > queue.rank {
        reschedule(target)
      }
    }
  }

  /// Lets a processor look whether its thread must give way.
  private static func reschedule(_ target: Int) {
    if target == Processors.current { PendingWork.add(.resume) } else { Processors.interrupt(target) }
  }

  /// Lets the processor look that should take `thread` from the urgent ones: an idle one, else the one that runs the
  /// thread of lowest rank.
  @inline(never)
  private static func attract(_ thread: Thread) {
    var target = thread.standsOn
    if target == nil {
      var lowest = thread.rank
      for index in 0..<queueCount where thread.mayRun(on: index) {
        let rank = queue(index).with { $0.isIdle ? .min : $0.rank }
        if rank < lowest || rank == lowest && target != nil && index == thread.lastProcessor {
          lowest = rank
          target = index
        }
      }
    }
    guard let target else { return }
    queue(target).with {
      $0.isIdle = false
      $0.rank = max($0.rank, thread.rank)
    }
    reschedule(target)
  }

  /// Where the thread stands; else where it last ran, if that processor is idle; else an idle one.
  @inline(__always)
  private static func processor(for thread: Thread) -> Int { queueCount == 1 ? 0 : oneOfMany(thread) }

  @inline(never)
  private static func oneOfMany(_ thread: Thread) -> Int {
    if let stands = thread.standsOn { return stands }
    let last = thread.lastProcessor
    if thread.mayRun(on: last) && queue(last).with({ $0.isIdle }) { return last }
    for index in 0..<queueCount where thread.mayRun(on: index) && queue(index).with({ $0.isIdle }) { return index }
    if thread.mayRun(on: last) { return last }
    for index in 0..<queueCount where thread.mayRun(on: index) { return index }
    return 0
  }

  /// The next thread for this processor: its own, or another's that waits there for its turn.
  private static func takeReady() -> Borrowed<Thread>? {
    let current = Processors.current
    if !urgent.isEmpty, let thread = urgent.take(for: current) { return thread }
    if let thread = queue(current).with({ $0.take(for: current) }) { return thread }
    return queueCount == 1 ? nil : takeFromOthers(current)
  }

  @inline(never)
  private static func takeFromOthers(_ current: Int) -> Borrowed<Thread>? {
    for offset in 1..<max(queueCount, 1) {
      let other = (current &+ offset) % queueCount
      if let thread = queue(other).with({ $0.take(for: current) }) { return thread }
    }
    return nil
  }

  /// `current`, which runs, stands still until somebody wakes it. Returns with interrupts off, as they were.
  @inline(never)
  static func wait(_ current: Thread) {
    current.state = .waiting
    switchTo(next(), from: current)
  }

  /// What this processor does next; waits until there is something.
  @inline(never)
  private static func next() -> Borrowed<Thread> {
    while true {
      if let next = takeReady() { return next }
      // What was noted while interrupts were on is not noted again: the timer, for one, would never be set again.
      if Wait.hasNotes { Wait.lookAround() } else { idle() }
    }
  }

  @inline(never)
  private static func idle() {
    own.with { $0.isIdle = true }
    ProcessorTime.stop()
    Processors.unlock()
    Processor.waitForInterrupt()
    if Processors.count > 1 { Processors.lock() }
    ProcessorTime.go()
    own.with { $0.isIdle = false }
    Wait.lookAround()
  }

  /// Lets the others that could run go first.
  static func yield() {
    Processor.withoutInterrupts {
      Thread.running.with { current in
        // Its processors were changed while it waited for the kernel's lock.
        if !current.mayRun(on: Processors.current) { return move(current) }
        current.state = .ready
        // Nobody else takes it before the switch is done: the kernel's lock is held until then.
        if current.rank > 0 { urgent.insert(current, beforeEquals: false) } else { own.with { $0.add(current) } }
        switchTo(next(), from: current)
      }
    }
  }

  /// Lets another thread run where it comes before `thread`, which runs: one of higher rank, or, as the timer has
  /// `ticked`, one that waits for its turn. Returns whether others ran.
  @inline(__always)
  static func giveWay(_ thread: Thread, ticked: Bool) -> Bool {
    // Nearly always: an ordinary thread, which nobody has moved, and no other is urgent.
    if !ticked && urgent.isEmpty && thread.rank == 0 && thread.mayRun(on: Processors.current) {
      own.with { $0.rank = 0 }
      return false
    }
    return giveWayToOthers(thread, ticked: ticked)
  }

  @inline(never)
  private static func giveWayToOthers(_ thread: Thread, ticked: Bool) -> Bool {
    let current = Processors.current
    // Its processors were changed: in this one's queue nobody would take it.
    if !thread.mayRun(on: current) {
      move(thread)
      return true
    }
    own.with { $0.rank = thread.rank }
    if !ticked && urgent.isEmpty && thread.rank >= 0 { return false }
    var waiting = urgent.first
    while let other = waiting, other.with({ !$0.mayBeTaken(by: current) }) { waiting = other.with { $0.next } }
    if let waiting, waiting.with({ $0.rank > thread.rank }) {
      putBack(thread)
      return true
    }
    if ticked && queueCount > 1 { balance(current) }
    let hasWoken = thread.rank <= 0 && own.with { $0.hasWoken }
    guard ticked && hasReady || hasWoken && thread.rank < 0 else { return false }
    if thread.isTurnOver {
      if thread.rank > 0 { thread.turnEnds = thread.usedTime &+ thread.turn }
      yield()
    } else if hasWoken {
      putBack(thread)
    } else {
      return false
    }
    return true
  }

  /// The processor `current` takes over one who stands in a longer line than its own: every fourth tick, so that three
  /// threads that only compute share two processors in turns of 16 ms, and a line that is short for a moment costs nothing.
  @inline(never)
  private static func balance(_ current: Int) {
    let own = queue(current).object
    own.ticks &+= 1
    if own.ticks & 3 != 0 { return }
    for index in 0..<queueCount {
      let other = queue(index).object
      if own.hasFewer(than: other), let thread = other.takeFromLine(for: current) {
        // Before all others: it has waited, and they have not, or less.
        return own.putBack(thread.object)
      }
    }
  }

  /// The running thread gives way before its turn is over.
  @inline(never)
  private static func putBack(_ thread: Thread) {
    Processor.withoutInterrupts {
      thread.state = .ready
      if thread.rank > 0 { urgent.insert(thread, beforeEquals: true) } else { own.with { $0.putBack(thread) } }
      let next = next()
      // Perhaps there is another processor for it: that will find it when this one has left the kernel.
      if thread.rank > 0 && !(next === thread) {
        thread.standsOn = nil
        attract(thread)
      }
      switchTo(next, from: thread)
    }
  }

  /// Changes the rank of `thread`, wherever it is.
  @inline(never)
  static func setRank(_ thread: Thread, _ rank: Int8) {
    switch thread.state {
    case .ready:
      remove(thread)
      thread.rank = rank
      makeReady(thread)
    case .running:
      thread.rank = rank
      if let target = thread.standsOn { reschedule(target) }
    case .waiting, .ended: thread.rank = rank
    }
  }

  /// Takes a thread that is ready out of its queue.
  private static func remove(_ thread: Thread) {
    if urgent.remove(thread) { return }
    for index in 0..<queueCount where queue(index).with({ $0.remove(thread) }) { return }
  }

  /// `thread` may run on other processors from now on: it leaves its own if it must.
  static func move(_ thread: Thread) {
    guard let stands = thread.standsOn else {
      // It stands in the queue of a processor that may not run it any more.
      if thread.state == .ready {
        remove(thread)
        makeReady(thread)
      }
      return
    }
    if thread.mayRun(on: stands) { return }
    if thread !== Thread.current { return Processors.interrupt(stands) }
    Processor.withoutInterrupts {
      thread.state = .ready
      // Nobody takes it before the switch, for the kernel's lock is held until then.
      thread.standsOn = nil
      makeReady(thread)
      // Not the thread's own stack: another processor may be on it as soon as the lock is given back.
      switchTo(takeReady() ?? Borrowed(idlers[Processors.current]), from: thread)
    }
  }

  /// The running thread has ended and never comes back.
  static func leave(_ thread: Thread) -> Never {
    thread.state = .ended
    // Nothing else holds it while the processor waits for work on its stack.
    thread.holdsItself = thread
    Processor.withoutInterrupts { switchTo(next(), from: thread) }
    Panic.stop("a thread that had ended ran again")
  }

  /// What is left of a thread that has ended: nobody can free the stack that it stands on.
  private static var ended: Thread?

  /// `next` goes on instead of `current`, which runs.
  private static func switchTo(_ next: Borrowed<Thread>, from current: Thread) {
    next.with { next in
      let processor = Processors.current
      next.state = .running
      queue(processor).with { $0.rank = next.rank }
      if next === current { return }
      ProcessorTime.switched(from: current, on: processor)
      if current.state == .ended { ended = current } else { current.saveRegisters() }
      current.standsOn = nil
      next.standsOn = processor
      next.lastProcessor = processor
      next.restoreRegisters()
      Thread.current = next
      // Whatever was noted was noted for whoever ran.
      if next.hasWork(on: processor) { PendingWork.add(.signal) }
      current.stack.switchTo(next.stack)
      // Here `current` runs again; a thread that has just begun does not come here.
      releaseEnded()
    }
  }

  /// Frees what the thread that ran before left.
  @inline(__always)
  static func releaseEnded() {
    if ended != nil { release() }
  }

  @inline(never)
  private static func release() {
    if let thread = ended { Threads.recycle(thread) }
    ended = nil
  }

  /// One of each processor, where there are several: what it stands on when it has nothing to do and the thread that
  /// it ran may run elsewhere.
  private static var idlers: [Thread] = []

  /// Makes the first processor's.
  private static func makeIdler() -> Bool {
    guard let stack = Threads.newStack() else { return false }
    let thread = Thread(number: 0, stack: stack)
    thread.state = .waiting
    thread.stack.prepareIdle()
    idlers.append(thread)
    return true
  }

  /// A further processor, as soon as it has started. It stands on its idler's stack.
  static func runProcessor() -> Never {
    Processors.lock()
    Processors.forgetAll()
    let thread = Thread(number: 0, stack: .current())
    thread.standsOn = Processors.current
    Thread.current = thread
    // They come in any order.
    while idlers.count <= Processors.current { idlers.append(thread) }
    idlers[Processors.current] = thread
    Ticks.startProcessor()
    runIdle()
  }

  /// Runs whoever comes.
  static func runIdle() -> Never {
    while true {
      releaseEnded()
      Thread.running.with { wait($0) }
    }
  }
}

@_silgen_name("kernel_processor_main")
public func kernelProcessorMain() -> Never { Scheduler.runProcessor() }

@_silgen_name("kernel_processor_idle")
public func kernelProcessorIdle() -> Never { Scheduler.runIdle() }
