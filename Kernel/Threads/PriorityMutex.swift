// SPDX-License-Identifier: Apache-2.0
import Futexes
import Machine

/// Mutexes whose owner the kernel knows (FUTEX_LOCK_PI and its like). All threads have the same priority here, so there
/// is none to inherit: who has waited longest gets the mutex next.
enum PriorityMutex {
  private static var own: UInt32 { UInt32(Thread.current.number) }

  /// Takes the mutex at `address`, or waits for it.
  static func lock(_ address: UInt64, _ key: FutexKey, deadline: UInt64?) throws(Errno) {
    while true {
      if try tryLock(address, key) { return }
      let owner = FutexWord(try FutexWaits.load(address)).owner
      if owner == 0 { continue }
      guard Threads.find(Int32(owner)) != nil else { throw .ESRCH }
      _ = try FutexWaits.wait([key], deadline: deadline)
      // Whoever unlocked it has made it this thread's.
      if FutexWord(try FutexWaits.load(address)).owner == own { return }
    }
  }

  /// Takes the mutex if nobody has it; otherwise marks that somebody waits.
  static func tryLock(_ address: UInt64, _ key: FutexKey, marksWaiting: Bool = true) throws(Errno) -> Bool {
    var isTaken = false
    try FutexWaits.update(address) { old throws(Errno) in
      switch FutexWord(old).locked(by: own, othersWait: FutexWaits.first(key) != nil) {
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

  /// Gives the mutex to whoever has waited longest.
  static func unlock(_ address: UInt64, _ key: FutexKey) throws(Errno) {
    try FutexWaits.update(address) { old throws(Errno) in
      guard let word = FutexWord(old).unlocked(by: own, next: FutexWaits.first(key)?.thread) else { throw .EPERM }
      return word.rawValue
    }
    FutexWaits.wake(key, count: 1)
  }

  /// The owner has ended: the mutex at `address` goes to whoever has waited longest, who sees that.
  static func leave(_ address: UInt64, _ key: FutexKey) throws(Errno) {
    guard let next = FutexWaits.first(key) else { return }
    try FutexWaits.update(address) { old throws(Errno) in
      FutexWord(old).owned(by: next.thread, othersWait: next.hasOthers).rawValue
    }
    FutexWaits.wake(key, count: 1)
  }
}
