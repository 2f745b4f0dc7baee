// SPDX-License-Identifier: Apache-2.0
import Futexes
import Machine

/// Mutexes whose owner the kernel knows (FUTEX_LOCK_PI and its like). Who holds one runs at the rank of the highest of
/// those who wait for it; that one gets the mutex next, and among equals the one that has waited longest.
enum PriorityMutex {
  private static var own: UInt32 { UInt32(Thread.current.number) }

  /// Takes the mutex at `address`, or waits for it.
  static func lock(_ address: UInt64, _ key: FutexKey, deadline: UInt64?) throws(Errno) {
    let thread = Thread.current!
    while true {
      if try tryLock(address, key) { return }
      let owner = FutexWord(try FutexWaits.load(address)).owner
      if owner == 0 { continue }
      guard let holder = Threads.find(Int32(owner)) else { throw .ESRCH }
      try block(thread, by: holder)
      defer { unblock(thread) }
      try FutexWaits.wait(key, deadline: deadline)
      // Whoever unlocked it has made it this thread's.
      if FutexWord(try FutexWaits.load(address)).owner == own { return }
    }
  }

  /// Takes the mutex if nobody has it; otherwise marks that somebody waits.
  static func tryLock(_ address: UInt64, _ key: FutexKey, marksWaiting: Bool = true) throws(Errno) -> Bool {
    try take(address, key, for: own, marksWaiting: marksWaiting)
  }

  private static func take(
    _ address: UInt64, _ key: FutexKey, for thread: UInt32, marksWaiting: Bool
  ) throws(Errno) -> Bool {
    var isTaken = false
    try FutexWaits.update(address) { old throws(Errno) in
      switch FutexWord(old).locked(by: thread, othersWait: FutexWaits.first(key) != nil) {
      case .acquires(let word):
        isTaken = true
        return word.rawValue
      case .waits(let word):
        isTaken = false
        return marksWaiting && word.rawValue != old ? word.rawValue : nil
      case .deadlocks: throw .EDEADLK
      }
    }
    return isTaken
  }

  /// Gives the mutex to the first of those who wait.
  static func unlock(_ address: UInt64, _ key: FutexKey) throws(Errno) {
    let next = FutexWaits.first(key)
    try FutexWaits.update(address) { old throws(Errno) in
      let next = next.map { UInt32($0.thread.number) }
      guard let word = FutexWord(old).unlocked(by: own, next: next) else { throw .EPERM }
      return word.rawValue
    }
    if let next { handOver(key, to: next.thread) }
  }

  /// The owner has ended: the mutex at `address` goes to the first of those who wait, who sees that.
  static func leave(_ address: UInt64, _ key: FutexKey) throws(Errno) {
    guard let next = FutexWaits.first(key) else { return }
    try FutexWaits.update(address) { old throws(Errno) in
      FutexWord(old).owned(by: UInt32(next.thread.number), othersWait: next.hasOthers).rawValue
    }
    handOver(key, to: next.thread)
  }

  private static func handOver(_ key: FutexKey, to next: Thread) {
    FutexWaits.wake(next)
    next.blockedBy = 0
    FutexWaits.forEach(key) { $0.blockedBy = next.number }
    updateRank(next)
    updateRank(Thread.current)
  }

  // MARK: ranks

  /// Whether any thread has ever had a rank but the ordinary one.
  private static var hasRanks = false

  /// `thread` waits for what `holder` has. EDEADLK: and that one waits for `thread`, perhaps by others.
  private static func block(_ thread: Thread, by holder: Thread) throws(Errno) {
    var next: Thread? = holder
    while let other = next {
      if other === thread { throw .EDEADLK }
      next = other.blockedBy == 0 ? nil : Threads.find(other.blockedBy)
    }
    thread.blockedBy = holder.number
    updateRank(holder)
  }

  private static func unblock(_ thread: Thread) {
    let holder = thread.blockedBy
    thread.blockedBy = 0
    if holder != 0, let holder = Threads.find(holder) { updateRank(holder) }
  }

  /// Sets the rank of `thread` to its own or to the highest of those whom it keeps waiting, and so on along the chain.
  static func updateRank(_ thread: Thread) {
    var rank = thread.scheduling.rank
    if rank != 0 { hasRanks = true }
    guard hasRanks else { return }
    for other in Threads.all where other.blockedBy == thread.number { rank = max(rank, other.rank) }
    guard rank != thread.rank else { return }
    // Who keeps others of higher rank waiting has more than the little turns of SCHED_IDLE.
    let isRaised = rank > thread.scheduling.rank
    thread.turn = isRaised ? max(thread.scheduling.turn, Scheduling.ordinaryTurn) : thread.scheduling.turn
    if isRaised { thread.turnEnds = max(thread.turnEnds, thread.usedTime &+ thread.turn) }
    Scheduler.setRank(thread, rank)
    if thread.blockedBy != 0, let next = Threads.find(thread.blockedBy) { updateRank(next) }
  }

  // MARK: condition variables

  /// FUTEX_WAIT_REQUEUE_PI: waits for `key` until `requeue` lets the thread wait for the mutex at `address` instead,
  /// and until it has that. EAGAIN: it was woken without the mutex.
  static func wait(
    _ key: FutexKey, thenFor address: UInt64, _ mutex: FutexKey, deadline: UInt64?
  ) throws(Errno) {
    let thread = Thread.current!
    thread.requeueTarget = mutex
    defer {
      thread.requeueTarget = nil
      unblock(thread)
    }
    do throws(Errno) {
      try FutexWaits.wait(key, deadline: deadline)
    } catch {
      // Once it waits for the mutex, the call is not simply made again: the wake-up would be lost.
      throw error == .ERESTARTSYS && thread.blockedBy != 0 ? .EAGAIN : error
    }
    guard FutexWord(try FutexWaits.load(address)).owner == own else { throw .EAGAIN }
  }

  /// FUTEX_CMP_REQUEUE_PI, once the word has been compared: the first of those who wait for `key` gets the mutex at
  /// `address` if it is free, all others, `count` at most, wait for that. Returns how many they were.
  static func requeue(
    _ key: FutexKey, to address: UInt64, _ mutex: FutexKey, count: Int
  ) throws(Errno) -> Int {
    var done = 0
    while done <= count, let thread = FutexWaits.first(key)?.thread {
      guard thread.requeueTarget == mutex else { throw .EINVAL }
      if try take(address, mutex, for: UInt32(thread.number), marksWaiting: true) {
        FutexWaits.wake(thread)
      } else {
        let owner = Int32(FutexWord(try FutexWaits.load(address)).owner)
        guard let holder = Threads.find(owner) else { throw .ESRCH }
        try block(thread, by: holder)
        FutexWaits.move(thread, to: mutex)
      }
      done += 1
    }
    return done
  }
}
