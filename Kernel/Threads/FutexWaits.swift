// SPDX-License-Identifier: Apache-2.0
import Collections
import Futexes
import Machine

/// Threads that wait on words of the program's memory (futex(2)): Core's table meets threads and memory.
enum FutexWaits {
  /// Who waits is not counted: a thread that waits is one of `Threads.all`. nil until somebody waits for the first time,
  /// so that this global needs no code to be made.
  private static var existing: FutexTable<Borrowed<Thread>>?
  static var anyBit: UInt32 { FutexTable<Borrowed<Thread>>.anyBit }

  private static func makeTable() -> FutexTable<Borrowed<Thread>> { FutexTable() }

  /// The table, with room for `more`.
  @inline(__always)
  private static func reserve(_ more: Int) throws(Errno) {
    if existing == nil { existing = makeTable() }
    if let bytes = existing?.bytesToGrow(adding: more), bytes > 0 { try reserveKernelMemory(bytes: bytes) }
  }

  /// What a word is known by: its place in shared memory, which may have several addresses, or its address.
  @inline(__always)
  static func key(_ address: UInt64, isPrivate: Bool) throws(Errno) -> FutexKey {
    guard address & 3 == 0 else { throw .EINVAL }
    guard ProgramMemory.isPlace(address, 4) else { throw .EFAULT }
    return isPrivate ? FutexKey(privateAddress: address) : sharedKey(address)
  }

  @inline(never)
  private static func sharedKey(_ address: UInt64) -> FutexKey {
    if let index = addressSpace.map.index(containing: address) {
      let entry = addressSpace.map.entries[index]
      if entry.value.isShared, let node = entry.value.node {
        let object = UInt64(UInt(bitPattern: ObjectIdentifier(node)))
        return FutexKey(object: object, offset: entry.value.offset &+ (address &- entry.start))
      }
    }
    return FutexKey(privateAddress: address)
  }

  /// The word for which somebody may wait.
  static func load(_ address: UInt64) throws(Errno) -> UInt32 {
    guard let value = ProgramMemory.loadHalfWord(at: address) else { throw .EFAULT }
    return value
  }

  /// Changes the word at `address` in one step with regard to all threads; `change` may be asked several times, and
  /// leaves it as it is by nil. Returns what it was.
  @discardableResult
  static func update(_ address: UInt64, _ change: (UInt32) throws(Errno) -> UInt32?) throws(Errno) -> UInt32 {
    var old = try load(address)
    while true {
      guard let new = try change(old) else { return old }
      guard let found = ProgramMemory.compareExchange(old, with: new, at: address) else { throw .EFAULT }
      if found == old { return old }
      old = found
    }
  }

  /// Waits on `key` until somebody wakes the thread with one of the bits. The word has been compared, and nobody else
  /// has run since. Throws ETIMEDOUT and ERESTARTSYS.
  static func wait(_ key: FutexKey, bits: UInt32 = anyBit, deadline: UInt64?) throws(Errno) {
    try reserve(1)
    let end = Thread.running.with { thread -> Wait.End? in
      thread.futex = existing!.enqueue(key, bitset: bits, waiter: Borrowed(thread), rank: max(thread.rank, 0))
      let end = Wait.untilWoken(thread, deadline: deadline) { thread.futex == nil }
      // Woken and interrupted at once: woken.
      guard let end, let handle = thread.futex else { return nil }
      existing!.remove(handle)
      thread.futex = nil
      return end
    }
    if let end { throw end == .timedOut ? .ETIMEDOUT : .ERESTARTSYS }
  }

  /// The same for several keys; returns which of them it was.
  static func wait(_ keys: [FutexKey], deadline: UInt64?) throws(Errno) -> Int {
    try reserve(keys.count)
    let thread = Thread.current!
    thread.wokenFutex = nil
    thread.futexes = keys.map { existing!.enqueue($0, waiter: Borrowed(thread), rank: max(thread.rank, 0)) }
    let end = Wait.untilWoken(thread, deadline: deadline) { thread.wokenFutex != nil }
    for handle in thread.futexes { existing!.remove(handle) }
    if let woken = thread.wokenFutex { return woken }
    throw end == .timedOut ? .ETIMEDOUT : .ERESTARTSYS
  }

  /// Wakes at most `count` of those that wait with one of the bits; returns how many.
  @discardableResult
  static func wake(_ key: FutexKey, count: Int, bits: UInt32 = anyBit) -> Int {
    existing == nil ? 0 : existing!.wake(key, count: count, bitset: bits, woken)
  }

  static func requeue(from source: FutexKey, to target: FutexKey, wake: Int, move: Int) -> (woken: Int, requeued: Int) {
    guard existing != nil else { return (0, 0) }
    return existing!.requeue(from: source, to: target, wakeCount: wake, requeueCount: move, woken: woken) {
      thread, old, new in
      thread.with { thread in
        if thread.futex == old {
          thread.futex = new
        } else if let index = thread.futexes.firstIndex(of: old) {
          thread.futexes[index] = new
        }
      }
    }
  }

  /// The thread of the highest rank, and among equals the one that has waited longest; and whether there are more.
  static func first(_ key: FutexKey) -> (thread: Thread, hasOthers: Bool)? {
    var first: Thread?
    var count = 0
    forEach(key) { thread in
      if first == nil || thread.rank > first!.rank { first = thread }
      count &+= 1
    }
    return first.map { ($0, count > 1) }
  }

  /// All threads that wait for `key`.
  static func forEach(_ key: FutexKey, _ body: (Thread) -> Void) {
    existing?.forEach(key) { thread, _ in body(thread.object) }
  }

  /// Wakes `thread`, which waits for one word, as it should.
  static func wake(_ thread: Thread) {
    if let handle = thread.futex {
      existing!.remove(handle)
      thread.futex = nil
    } else {
      // futex_waitv(2), on a mutex that others use as one with priority inheritance.
      thread.wokenFutex = thread.wokenFutex ?? 0
    }
    thread.wake()
  }

  /// Lets `thread`, which waits for one word, wait for another.
  static func move(_ thread: Thread, to key: FutexKey) {
    guard let handle = thread.futex else { return }
    existing!.remove(handle)
    thread.futex = existing!.enqueue(key, waiter: Borrowed(thread))
  }

  private static func woken(_ thread: Borrowed<Thread>, _ handle: FutexHandle) {
    thread.with { thread in
      if thread.futex == handle { thread.futex = nil } else { wokenFromSeveral(thread, handle) }
      thread.wake()
    }
  }

  @inline(never)
  private static func wokenFromSeveral(_ thread: Thread, _ handle: FutexHandle) {
    if thread.wokenFutex == nil { thread.wokenFutex = thread.futexes.firstIndex(of: handle) }
  }
}
