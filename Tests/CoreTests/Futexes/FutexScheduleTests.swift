// SPDX-License-Identifier: Apache-2.0
import Futexes
import Testing

/// The classical algorithms on futexes (Drepper, "Futexes Are Tricky", 2011), run in all schedules. Every test comes
/// with mistakes that it must find: otherwise it would say nothing.
private enum Mistake {
  case none
  /// The kernel queues a thread without looking at the word.
  case waitsWithoutComparing
  /// The kernel looks at the word, and queues the thread a moment later.
  case comparesTooEarly
  case doesNotWake
  /// Requeues everybody to a mutex of which nobody knows that others wait for it.
  case wakesNoneOfTheRequeued
  /// A dying thread whose lock was about to change hands wakes nobody.
  case forgetsPending
  /// Not a mistake, but not what Linux does either.
  case wakesAlwaysIfPending
  /// Locks without saying that others may wait.
  case forgetsContention
}

extension SimulatedProgram {
  /// futex(FUTEX_WAIT): the thread sleeps if the word is what `expected` returns.
  fileprivate mutating func wait(
    _ word: Int, _ mistake: Mistake, while expected: @escaping (SimulatedMachine.Thread) -> UInt32
  ) {
    switch mistake {
    case .waitsWithoutComparing: run { machine, thread in machine.sleep(word, thread) }
    case .comparesTooEarly:
      let end = label()
      branch { machine, thread in machine.words[word] == expected(machine.threads[thread]) ? nil : end }
      run { machine, thread in machine.sleep(word, thread) }
      place(end)
    default: run { machine, thread in machine.wait(word, expected(machine.threads[thread]), thread) }
    }
  }

  fileprivate mutating func wake(_ word: Int, _ count: Int, _ mistake: Mistake) {
    if mistake != .doesNotWake { run { machine, _ in machine.wake(word, count) } }
  }

  fileprivate mutating func jump(_ label: Label) { branch { _, _ in label } }

  /// Reading and writing are two steps: without the lock, an addition could be lost.
  fileprivate mutating func criticalSection(addingTo word: Int) {
    run { machine, thread in
      machine.enter(thread)
      machine.threads[thread].registers[0] = machine.words[word]
    }
    run { machine, thread in
      machine.words[word] = machine.threads[thread].registers[0] + 1
      machine.threads[thread].registers[0] = 0
      machine.leave(thread)
    }
  }

  /// Drepper's second mutex: 0 free, 1 locked, 2 locked and perhaps waited for.
  fileprivate mutating func lockSecond(_ word: Int, _ mistake: Mistake) {
    let announce = label()
    let sleep = label()
    let end = label()
    branch { machine, _ in
      let old = machine.compareExchange(word, 0, 1)
      return old == 0 ? end : old == 2 ? sleep : announce
    }
    let retry = label()
    place(announce)
    branch { machine, _ in machine.compareExchange(word, 1, 2) == 0 ? retry : sleep }
    place(sleep)
    wait(word, mistake) { _ in 2 }
    place(retry)
    branch { machine, _ in
      let old = machine.compareExchange(word, 0, 2)
      return old == 0 ? end : old == 2 ? sleep : announce
    }
    place(end)
  }

  /// Drepper's third: an exchange takes the place of two comparisons.
  fileprivate mutating func lockThird(_ word: Int, _ mistake: Mistake) {
    let exchange = label()
    let sleep = label()
    let end = label()
    branch { machine, _ in
      let old = machine.compareExchange(word, 0, 1)
      return old == 0 ? end : old == 2 ? sleep : exchange
    }
    relock(word, mistake, exchange, sleep)
    place(end)
  }

  /// Locks as one who has waited: says that others may wait.
  fileprivate mutating func relock(_ word: Int, _ mistake: Mistake) { relock(word, mistake, label(), label()) }

  private mutating func relock(_ word: Int, _ mistake: Mistake, _ exchange: Label, _ sleep: Label) {
    let locked: UInt32 = mistake == .forgetsContention ? 1 : 2
    let end = label()
    place(exchange)
    branch { machine, _ in machine.exchange(word, locked) == 0 ? end : nil }
    place(sleep)
    wait(word, mistake) { _ in locked }
    jump(exchange)
    place(end)
  }

  /// Wakes all who wait for a condition: one, and the others when they have the mutex.
  fileprivate mutating func broadcast(_ mistake: Mistake) {
    run { machine, thread in machine.threads[thread].registers[0] = machine.add(1, 1) + 1 }
    let retry = labelHere()
    branch { machine, thread in
      let expected = machine.threads[thread].registers[0]
      if machine.requeue(1, 0, mistake == .wakesNoneOfTheRequeued ? 0 : 1, expected: expected) { return nil }
      machine.threads[thread].registers[0] = machine.words[1]
      return retry
    }
  }

  /// Of the second and the third.
  fileprivate mutating func unlock(_ word: Int, _ mistake: Mistake) {
    let end = label()
    branch { machine, _ in machine.add(word, -1) == 1 ? end : nil }
    run { machine, _ in machine.words[word] = 0 }
    wake(word, 1, mistake)
    place(end)
  }
}

@Suite struct FutexScheduleTests {
  private typealias Lock = (inout SimulatedProgram, Int, Mistake) -> Void
  private let locks: [Lock] = [{ $0.lockSecond($1, $2) }, { $0.lockThird($1, $2) }]

  /// Word 0 is the mutex, word 1 counts.
  private func mutex(_ lock: Lock, threads: Int, rounds: Int, _ mistake: Mistake) -> ScheduleExplorer {
    var program = SimulatedProgram()
    for _ in 0..<rounds {
      lock(&program, 0, mistake)
      program.criticalSection(addingTo: 1)
      program.unlock(0, mistake)
    }
    return ScheduleExplorer(
      programs: .init(repeating: program, count: threads), words: [0, 0],
      isRightAtTheEnd: { $0.words == [0, UInt32(threads * rounds)] })
  }

  @Test(arguments: [0, 1], [(2, 1), (2, 2), (3, 1), (3, 2)]) func mutexes(kind: Int, size: (Int, Int)) {
    var explorer = mutex(locks[kind], threads: size.0, rounds: size.1, .none)
    let patient = explorer.run()
    #expect(patient.failure == nil)
    #expect(patient.states > 50)
    // A wait that ends for no reason is as good as any.
    explorer.impatient = [0, 2]
    let impatient = explorer.run()
    #expect(impatient.failure == nil)
    #expect(impatient.states >= patient.states)
  }

  @Test(arguments: [0, 1]) func mistakesInMutexesAreFound(kind: Int) {
    for mistake in [Mistake.waitsWithoutComparing, .comparesTooEarly, .doesNotWake] {
      let failure = mutex(locks[kind], threads: 2, rounds: 1, mistake).run().failure
      #expect(failure?.contains("sleep for ever") == true, "\(mistake)")
    }
    // Without a lock at all.
    let unlocked: Lock = { _, _, _ in }
    let failure = mutex(unlocked, threads: 2, rounds: 1, .none).run().failure
    #expect(failure?.contains("critical section") == true)
  }

  /// A lock that has waited must say that others may still wait; with two threads there are none.
  @Test func forgottenContentionNeedsThreeThreads() {
    #expect(mutex(locks[1], threads: 3, rounds: 1, .forgetsContention).run().failure?.contains("for ever") == true)
  }

  /// Word 0 is the mutex, 1 the condition variable's sequence number, 2 the condition.
  private func condition(waiters: Int, wakesInside: Bool, _ mistake: Mistake) -> ScheduleExplorer {
    var waiter = SimulatedProgram()
    let isTrue = waiter.label()
    waiter.lockThird(0, .none)
    let loop = waiter.labelHere()
    waiter.branch { machine, thread in
      machine.threads[thread].registers[0] = machine.words[1]
      return machine.words[2] == 0 ? nil : isTrue
    }
    waiter.unlock(0, .none)
    waiter.wait(1, mistake) { $0.registers[0] }
    waiter.relock(0, .none)
    waiter.jump(loop)
    waiter.place(isTrue)
    waiter.criticalSection(addingTo: 3)
    waiter.unlock(0, .none)

    var setter = SimulatedProgram()
    setter.lockThird(0, .none)
    setter.run { machine, _ in machine.words[2] = 1 }
    if wakesInside { setter.broadcast(mistake) }
    setter.unlock(0, .none)
    if !wakesInside { setter.broadcast(mistake) }
    return ScheduleExplorer(
      programs: .init(repeating: waiter, count: waiters) + [setter], words: [0, 0, 0, 0],
      isRightAtTheEnd: { $0.words == [0, 1, 1, UInt32(waiters)] })
  }

  @Test(arguments: [1, 2, 3], [false, true]) func conditionVariables(waiters: Int, wakesInside: Bool) {
    var explorer = condition(waiters: waiters, wakesInside: wakesInside, .none)
    #expect(explorer.run().failure == nil)
    explorer.impatient = [0]
    #expect(explorer.run().failure == nil)
  }

  @Test func mistakesInConditionVariablesAreFound() {
    for mistake in [Mistake.waitsWithoutComparing, .comparesTooEarly] {
      let failure = condition(waiters: 1, wakesInside: false, mistake).run().failure
      #expect(failure?.contains("sleep for ever") == true, "\(mistake)")
    }
    // Within the lock it is held as 1, and its unlock wakes nobody.
    let failure = condition(waiters: 1, wakesInside: true, .wakesNoneOfTheRequeued).run().failure
    #expect(failure?.contains("sleep for ever") == true)
  }

  /// Word 0 is the semaphore, word 1 how many wait for it, as in glibc.
  private func semaphore(takers: Int, givers: Int, start: UInt32, _ mistake: Mistake) -> ScheduleExplorer {
    var taker = SimulatedProgram()
    let sleep = taker.label()
    let end = taker.label()
    taker.run { machine, _ in _ = machine.add(1, 1) }
    let loop = taker.labelHere()
    taker.branch { machine, thread in
      machine.threads[thread].registers[0] = machine.words[0]
      return machine.words[0] == 0 ? sleep : nil
    }
    taker.branch { machine, thread in
      let value = machine.threads[thread].registers[0]
      return machine.compareExchange(0, value, value - 1) == value ? end : loop
    }
    taker.place(sleep)
    taker.wait(0, mistake) { _ in 0 }
    taker.jump(loop)
    taker.place(end)
    taker.run { machine, _ in _ = machine.add(1, -1) }

    var giver = SimulatedProgram()
    let nobodyWaits = giver.label()
    giver.run { machine, _ in _ = machine.add(0, 1) }
    giver.branch { machine, _ in machine.words[1] == 0 ? nobodyWaits : nil }
    giver.wake(0, 1, mistake)
    giver.place(nobodyWaits)
    let left = start + UInt32(givers) - UInt32(takers)
    return ScheduleExplorer(
      programs: .init(repeating: taker, count: takers) + .init(repeating: giver, count: givers), words: [start, 0],
      isRightAtTheEnd: { $0.words == [left, 0] })
  }

  @Test(arguments: [(1, 1, 0), (2, 2, 0), (2, 1, 1), (3, 2, 1)]) func semaphores(size: (Int, Int, Int)) {
    var explorer = semaphore(takers: size.0, givers: size.1, start: UInt32(size.2), .none)
    #expect(explorer.run().failure == nil)
    explorer.impatient = [0]
    #expect(explorer.run().failure == nil)
  }

  @Test func mistakesInSemaphoresAreFound() {
    for mistake in [Mistake.waitsWithoutComparing, .comparesTooEarly, .doesNotWake] {
      let failure = semaphore(takers: 1, givers: 1, start: 0, mistake).run().failure
      #expect(failure?.contains("sleep for ever") == true, "\(mistake)")
    }
  }

  /// A robust mutex in word 0, whose holders may die between any two steps. Word 1 + n says what thread n told the
  /// kernel: 1 that it holds the lock, 2 that it is about to take or to release it.
  private func robust(threads: Int, _ mistake: Mistake) -> ScheduleExplorer {
    var program = SimulatedProgram()
    let acquired = program.label()
    let end = program.label()
    program.run { machine, thread in machine.words[1 + thread] = 2 }
    let retry = program.labelHere()
    program.branch { machine, thread in
      let old = FutexWord(machine.words[0])
      machine.threads[thread].registers[0] = old.rawValue
      if old.owner != 0 { return nil }
      // One who has waited (register 1) does not know whether it was the last: it says that others wait.
      let othersWait = old.isContended || machine.threads[thread].registers[1] == 1
      machine.words[0] = FutexWord(0).owned(by: UInt32(thread) + 1, othersWait: othersWait).rawValue
      return acquired
    }
    program.branch { machine, thread in
      let old = machine.threads[thread].registers[0]
      let new = old | FutexWord.waiters
      machine.threads[thread].registers = [new, 1]
      return machine.compareExchange(0, old, new) == old ? nil : retry
    }
    program.wait(0, .none) { $0.registers[0] }
    program.jump(retry)
    program.place(acquired)
    program.run { machine, thread in
      machine.enter(thread)
      machine.words[1 + thread] = 1
    }
    program.run { machine, thread in
      machine.leave(thread)
      machine.words[1 + thread] = 2
    }
    program.branch { machine, _ in FutexWord(machine.exchange(0, 0)).isContended ? nil : end }
    program.wake(0, 1, .none)
    program.place(end)
    program.run { machine, thread in machine.words[1 + thread] = 0 }
    var explorer = ScheduleExplorer(
      programs: .init(repeating: program, count: threads), words: .init(repeating: 0, count: 1 + threads),
      isRightAtTheEnd: { FutexWord($0.words[0]).owner == 0 })
    for thread in 0..<threads {
      explorer.mortal[thread] = { machine, thread in
        let told = machine.words[1 + thread]
        machine.words[1 + thread] = 0
        guard told != 0 else { return }
        let result = FutexWord(machine.words[0]).inherited(
          from: UInt32(thread) + 1, isPending: told == 2 && mistake != .forgetsPending, isPriorityInheriting: false)
        if let word = result.word { machine.words[0] = word.rawValue }
        let wakesMore = mistake == .wakesAlwaysIfPending && told == 2
        if result.wakesOne || wakesMore { machine.wake(0, 1) }
      }
    }
    return explorer
  }

  @Test func aRobustMutexSurvivesItsOwners() {
    #expect(robust(threads: 2, .none).run().failure == nil)
  }

  /// A gap in Linux's rule, and so in ours: a thread dies between releasing the lock and waking, while a third, which
  /// knows of nobody who waits, has taken the lock already. A wake-up in that case, too, would close it.
  @Test func aThirdThreadCanTakeTheWakeUpAlong() {
    #expect(robust(threads: 3, .none).run().failure?.contains("sleep for ever") == true)
    #expect(robust(threads: 3, .wakesAlwaysIfPending).run().failure == nil)
  }

  @Test func aForgottenPendingLockIsFound() {
    #expect(robust(threads: 2, .forgetsPending).run().failure?.contains("sleep for ever") == true)
  }
}
