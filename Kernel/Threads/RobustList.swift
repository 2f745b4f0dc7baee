// SPDX-License-Identifier: Apache-2.0
import Futexes
import Machine

/// The mutexes that a thread holds and wants to have released if it ends (set_robust_list(2),
/// Documentation/locking/robust-futex-ABI of Linux).
enum RobustList {
  static var size: UInt64 { 24 }
  /// Linux follows no more links (ROBUST_LIST_LIMIT).
  private static let limit = 2048

  /// Marks each mutex as left behind by its owner, and wakes one who waits for it.
  static func release(_ thread: Thread) {
    let head = thread.robustListHead
    thread.robustListHead = 0
    // The first element, the distance from an element to its futex word, and the one that is being taken or given up.
    guard head != 0, var entry = ProgramMemory.loadWord(at: head), let offset = ProgramMemory.loadWord(at: head &+ 8),
      let pending = ProgramMemory.loadWord(at: head &+ 16)
    else { return }
    for _ in 0..<limit {
      // Bit 0 marks priority inheritance.
      guard entry & ~1 != head else { break }
      let next = ProgramMemory.loadWord(at: entry & ~1)
      if entry & ~1 != pending & ~1 { guard release(entry, offset, thread, isPending: false) else { return } }
      guard let next else { return }
      entry = next
    }
    if pending & ~1 != 0 { _ = release(pending, offset, thread, isPending: true) }
  }

  /// False: the word is not to be had.
  private static func release(_ entry: UInt64, _ offset: UInt64, _ thread: Thread, isPending: Bool) -> Bool {
    let address = (entry & ~1) &+ offset
    let inheritsPriority = entry & 1 != 0
    guard let key = try? FutexWaits.key(address, isPrivate: false) else { return false }
    var wakesOne = false
    var isOwn = false
    do throws(Errno) {
      try FutexWaits.update(address) { old throws(Errno) in
        isOwn = FutexWord(old).owner == UInt32(thread.number)
        let left = FutexWord(old).inherited(
          from: UInt32(thread.number), isPending: isPending, isPriorityInheriting: inheritsPriority)
        wakesOne = left.wakesOne
        return left.word?.rawValue
      }
      if inheritsPriority && isOwn { try PriorityMutex.leave(address, key) }
    } catch {
      return false
    }
    if wakesOne { FutexWaits.wake(key, count: 1) }
    return true
  }
}
