// SPDX-License-Identifier: Apache-2.0
import Collections
import Futexes
import Machine

/// Threads that wait on words of the program's memory (futex(2)): Core's table meets threads and memory.
enum FutexWaits {
  private static var table = FutexTable()

  /// What a word is known by: its place in shared memory, which may have several addresses, or its address.
  static func key(_ address: UInt64, isPrivate: Bool) throws(Errno) -> FutexKey {
    guard address & 3 == 0 else { throw .EINVAL }
    guard ProgramMemory.isRange(address, 4) else { throw .EFAULT }
    if !isPrivate, let index = addressSpace.map.index(containing: address) {
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
    guard let value = ProgramMemory.load(UInt32.self, at: address) else { throw .EFAULT }
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

  /// Waits on all of `keys` until somebody wakes the thread on one of them, with one of the bits; returns which. The
  /// words have been compared, and nobody else has run since. Throws ETIMEDOUT and ERESTARTSYS.
  static func wait(_ keys: [FutexKey], bits: UInt32 = FutexTable.anyBit, deadline: UInt64?) throws(Errno) -> Int {
    for key in keys { try reserveKernelMemory(bytes: table.bytesToGrow(key, adding: keys.count)) }
    let thread = Thread.current!
    thread.wokenFutex = nil
    thread.futexes.removeAll(keepingCapacity: true)
    for key in keys {
      thread.futexes.append(table.enqueue(key, bitset: bits, thread: UInt32(thread.number), rank: max(thread.rank, 0)))
    }
    var outcome = Errno.ETIMEDOUT
    do throws(Errno) {
      _ = try Wait.untilWoken(deadline: deadline) { thread.wokenFutex != nil }
    } catch {
      outcome = error
    }
    for (index, handle) in thread.futexes.enumerated() where index != thread.wokenFutex { table.remove(handle) }
    // Woken and interrupted at once: woken.
    if let woken = thread.wokenFutex { return woken }
    throw outcome
  }

  /// Wakes at most `count` of those that wait with one of the bits; returns how many.
  @discardableResult
  static func wake(_ key: FutexKey, count: Int, bits: UInt32 = FutexTable.anyBit) -> Int {
    table.wake(key, count: count, bitset: bits, woken)
  }

  static func requeue(
    from source: FutexKey, to target: FutexKey, wake: Int, move: Int
  ) throws(Errno) -> (woken: Int, requeued: Int) {
    let more = min(move, table.count(source))
    try reserveKernelMemory(bytes: table.bytesToGrow(target, adding: more))
    return table.requeue(from: source, to: target, wakeCount: wake, requeueCount: move, woken: woken) {
      number, old, new in
      guard let thread = Threads.find(Int32(number)), let index = thread.futexes.firstIndex(of: old) else { return }
      thread.futexes[index] = new
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
    table.forEach(key) { number, _ in
      if let thread = Threads.find(Int32(number)) { body(thread) }
    }
  }

  /// Wakes `thread`, which waits for one word.
  static func wake(_ thread: Thread) {
    table.remove(thread.futexes[0])
    thread.wokenFutex = 0
    thread.wake()
  }

  /// Lets `thread`, which waits for one word, wait for another.
  static func move(_ thread: Thread, to key: FutexKey) throws(Errno) {
    try reserveKernelMemory(bytes: table.bytesToGrow(key, adding: 1))
    table.remove(thread.futexes[0])
    thread.futexes[0] = table.enqueue(key, thread: UInt32(thread.number))
  }

  private static func woken(_ number: UInt32, _ handle: FutexTable.Handle) {
    guard let thread = Threads.find(Int32(number)) else { return }
    if thread.wokenFutex == nil { thread.wokenFutex = thread.futexes.firstIndex(of: handle) }
    thread.wake()
  }
}
