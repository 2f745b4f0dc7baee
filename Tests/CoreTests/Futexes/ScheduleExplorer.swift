// SPDX-License-Identifier: Apache-2.0
import Futexes

/// A few threads that share words and futexes: everything that decides what can happen next.
///
/// Each step of a thread is one atomic operation on the shared state, with what the thread computes from it alone.
struct SimulatedMachine {
  struct Thread {
    /// The next step; one behind the last when the thread has ended.
    var step = 0
    /// The thread's own variables.
    var registers: [UInt32] = [0, 0]
    /// What the thread waits for, asleep.
    var wait: FutexHandle?
    var isDead = false
  }

  var words: [UInt32]
  var table = FutexTable<UInt32>(bucketCount: 2)
  var threads: [Thread]
  /// Threads in the critical section now.
  var inside: [Int] = []
  /// What must never happen, and did.
  var violation: String?

  /// Even words are private, odd ones in a shared mapping.
  private func key(_ word: Int) -> FutexKey {
    word % 2 == 0 ? FutexKey(privateAddress: UInt64(word) * 4) : FutexKey(object: 1, offset: UInt64(word) * 4)
  }

  /// Atomically: if the word is `expected` it becomes `new`; returns what it was.
  mutating func compareExchange(_ word: Int, _ expected: UInt32, _ new: UInt32) -> UInt32 {
    let old = words[word]
    if old == expected { words[word] = new }
    return old
  }

  mutating func exchange(_ word: Int, _ new: UInt32) -> UInt32 {
    defer { words[word] = new }
    return words[word]
  }

  /// Returns what the word was.
  mutating func add(_ word: Int, _ difference: Int32) -> UInt32 {
    defer { words[word] &+= UInt32(bitPattern: difference) }
    return words[word]
  }

  /// FUTEX_WAIT: the comparison and the queueing are one step.
  mutating func wait(_ word: Int, _ expected: UInt32, _ thread: Int) {
    if words[word] == expected { sleep(word, thread) }
  }

  /// FUTEX_WAIT as it must not be: whatever the word is.
  mutating func sleep(_ word: Int, _ thread: Int) {
    threads[thread].wait = table.enqueue(key(word), waiter: UInt32(thread))
  }

  mutating func wake(_ word: Int, _ count: Int) {
    var woken: [(UInt32, FutexHandle)] = []
    table.wake(key(word), count: count) { woken.append(($0, $1)) }
    for (thread, handle) in woken { awake(thread, handle) }
  }

  private mutating func awake(_ thread: UInt32, _ handle: FutexHandle) {
    if threads[Int(thread)].wait != handle { violation = "woke who did not wait" }
    threads[Int(thread)].wait = nil
  }

  /// FUTEX_CMP_REQUEUE. False: the word is not `expected`.
  mutating func requeue(_ source: Int, _ target: Int, _ wakeCount: Int, expected: UInt32) -> Bool {
    guard words[source] == expected else { return false }
    var woken: [(UInt32, FutexHandle)] = []
    var moved: [(UInt32, FutexHandle, FutexHandle)] = []
    _ = table.requeue(
      from: key(source), to: key(target), wakeCount: wakeCount, requeueCount: .max, woken: { woken.append(($0, $1)) },
      moved: { moved.append(($0, $1, $2)) })
    for (thread, handle) in woken { awake(thread, handle) }
    for (thread, old, new) in moved {
      if threads[Int(thread)].wait != old { violation = "moved who did not wait" }
      threads[Int(thread)].wait = new
    }
    return true
  }

  mutating func enter(_ thread: Int) {
    inside.append(thread)
    if inside.count > 1 { violation = "threads \(inside) are in the critical section" }
  }

  mutating func leave(_ thread: Int) { inside.removeAll { $0 == thread } }

  /// What distinguishes states. Which memory an entry has does not count, the order of those who wait does.
  var digest: [UInt64] {
    var result: [UInt64] = []
    result.reserveCapacity(words.count * 2 + threads.count * 2)
    for word in words.indices {
      // Who waits, in base 16, behind the word.
      var waiting: UInt64 = 0
      table.forEach(key(word)) { thread, _ in waiting = waiting << 4 | UInt64(thread + 1) }
      result.append(waiting << 32 | UInt64(words[word]))
    }
    for thread in threads {
      result.append(UInt64(thread.step) << 2 | (thread.wait != nil ? 2 : 0) | (thread.isDead ? 1 : 0))
      result.append(UInt64(thread.registers[0]) << 32 | UInt64(thread.registers[1]))
    }
    return result
  }
}

/// A thread's program.
struct SimulatedProgram {
  /// A place in the program to which steps can jump.
  struct Label {
    fileprivate let number: Int
  }
  /// The `Int` is the thread. Returns where to go on; nil: with the next step.
  typealias Step = (inout SimulatedMachine, Int) -> Label?

  private var steps: [Step] = []
  private var places: [Int] = []

  var count: Int { steps.count }

  /// A place that is not known yet.
  mutating func label() -> Label {
    places.append(-1)
    return Label(number: places.count - 1)
  }

  /// The place of the step that is added next.
  mutating func labelHere() -> Label {
    let result = label()
    place(result)
    return result
  }

  /// Says that a label is the place of the step that is added next.
  mutating func place(_ label: Label) { places[label.number] = steps.count }

  mutating func branch(_ step: @escaping Step) { steps.append(step) }

  mutating func run(_ step: @escaping (inout SimulatedMachine, Int) -> Void) {
    branch { machine, thread in
      step(&machine, thread)
      return nil
    }
  }

  /// Does a step for a thread and returns the number of the one that follows.
  func make(_ step: Int, _ machine: inout SimulatedMachine, _ thread: Int) -> Int {
    steps[step](&machine, thread).map { places[$0.number] } ?? step + 1
  }
}

/// Runs every schedule of a few threads: all orders in which their steps can follow each other. States that were
/// reached before are not left again, so the number of schedules does not matter, only that of states.
struct ScheduleExplorer {
  var programs: [SimulatedProgram]
  /// The words at the beginning.
  var words: [UInt32]
  /// Threads whose waits may end at any time, by a timeout or a signal.
  var impatient: Set<Int> = []
  /// What happens when a thread dies, which it may between any two steps.
  var mortal: [Int: (inout SimulatedMachine, Int) -> Void] = [:]
  /// What must be true once all threads have ended.
  var isRightAtTheEnd: (SimulatedMachine) -> Bool = { _ in true }

  struct Outcome {
    /// What went wrong, and the threads in the order of their steps; nil if nothing can.
    var failure: String?
    /// Different states that were reached.
    var states: Int
  }

  private enum Move: CustomStringConvertible {
    case step(Int)
    case interrupt(Int)
    case die(Int)

    var description: String {
      switch self {
      case .step(let thread): "\(thread)"
      case .interrupt(let thread): "interrupt \(thread)"
      case .die(let thread): "die \(thread)"
      }
    }
  }

  private func moves(_ machine: SimulatedMachine) -> [Move] {
    var result: [Move] = []
    for (number, thread) in machine.threads.enumerated() {
      if thread.isDead || thread.step >= programs[number].count { continue }
      if thread.wait == nil { result.append(.step(number)) }
      if thread.wait != nil && impatient.contains(number) { result.append(.interrupt(number)) }
      if mortal[number] != nil { result.append(.die(number)) }
    }
    return result
  }

  private func make(_ move: Move, _ machine: inout SimulatedMachine) {
    switch move {
    case .step(let thread):
      machine.threads[thread].step = programs[thread].make(machine.threads[thread].step, &machine, thread)
    case .interrupt(let thread):
      if let wait = machine.threads[thread].wait, !machine.table.remove(wait) { machine.violation = "stale handle" }
      machine.threads[thread].wait = nil
    case .die(let thread):
      if let wait = machine.threads[thread].wait { machine.table.remove(wait) }
      machine.threads[thread].wait = nil
      machine.threads[thread].isDead = true
      machine.leave(thread)
      mortal[thread]?(&machine, thread)
    }
  }

  private func verdict(_ machine: SimulatedMachine) -> String? {
    if let violation = machine.violation { return violation }
    let asleep = machine.threads.indices.filter { machine.threads[$0].wait != nil }
    let canRun = machine.threads.indices.contains {
      let thread = machine.threads[$0]
      return thread.wait == nil && !thread.isDead && thread.step < programs[$0].count
    }
    if canRun { return nil }
    // Nobody will ever wake them; a timeout would only hide that the wake-up was lost.
    if !asleep.isEmpty { return "threads \(asleep) sleep for ever" }
    return isRightAtTheEnd(machine) ? nil : "wrong result \(machine.words)"
  }

  func run() -> Outcome {
    let start = SimulatedMachine(words: words, threads: programs.map { _ in .init() })
    var seen: Set<[UInt64]> = [start.digest]
    // How each state was reached: from which other, by what.
    var origins: [(state: Int, move: Move)] = []
    var stack: [(machine: SimulatedMachine, state: Int)] = [(start, -1)]
    while let (machine, state) = stack.popLast() {
      if let failure = verdict(machine) {
        var path: [Move] = []
        var position = state
        while position >= 0 {
          path.append(origins[position].move)
          position = origins[position].state
        }
        return Outcome(failure: "\(failure) after \(Array(path.reversed()))", states: seen.count)
      }
      for move in moves(machine) {
        var next = machine
        make(move, &next)
        guard next.violation != nil || seen.insert(next.digest).inserted else { continue }
        origins.append((state, move))
        stack.append((next, origins.count - 1))
      }
    }
    return Outcome(failure: nil, states: seen.count)
  }
}
