// SPDX-License-Identifier: Apache-2.0
import Collections

/// The locks on one file: the records of `fcntl` (of the process and of open files) and `flock`.
final class FileLocks {
  /// The owner of the process's own record locks.
  static let process: UInt64 = 0
  /// Whether any lock was ever set: if not, closing a file need not look for some.
  fileprivate(set) static var areUsed = false
  /// As many locks as one file may have: what the program can make the kernel remember has a bound.
  private static let maximum = 8192

  private(set) var records = RangeLocks()
  /// Who waits for a lock.
  let waiters = WaitQueue()
  /// `flock` locks whole files, and knows nothing of records.
  private(set) var whole = RangeLocks()

  /// Memory for one more lock: a change makes several copies of the list.
  private static func reserve(_ list: RangeLocks) throws(Errno) {
    try reserveKernelMemory(bytes: (list.locks.count &+ 2) &* 4 &* MemoryLayout<RangeLocks.Lock>.stride)
  }

  /// Sets a record lock; false if another owner's is in the way.
  func setRecord(_ lock: RangeLocks.Lock) throws(Errno) -> Bool {
    guard records.conflict(with: lock) == nil else { return false }
    guard records.locks.count < Self.maximum else { throw .ENOLCK }
    try Self.reserve(records)
    records.set(lock)
    // A part of it may have been exclusive and is shared now.
    waiters.wake()
    return true
  }

  func releaseRecord(owner: UInt64, first: UInt64, last: UInt64) {
    records.release(owner: owner, first: first, last: last)
    waiters.wake()
  }

  /// Locks the whole file for an open file; false if another open file's lock is in the way. As on Linux,
  /// changing the kind of a lock is giving it up first.
  func setWhole(owner: UInt64, isExclusive: Bool) throws(Errno) -> Bool {
    let lock = RangeLocks.Lock(owner: owner, isExclusive: isExclusive, first: 0, last: .max)
    releaseWhole(owner: owner)
    guard whole.conflict(with: lock) == nil else { return false }
    guard whole.locks.count < Self.maximum else { throw .ENOLCK }
    try Self.reserve(whole)
    whole.set(lock)
    return true
  }

  func releaseWhole(owner: UInt64) {
    whole.release(owner: owner, first: 0, last: .max)
    waiters.wake()
  }

  /// Gives up all that an owner holds.
  func releaseAll(ofFile owner: UInt64) {
    if !records.isEmpty { releaseRecord(owner: owner, first: 0, last: .max) }
    if owner != Self.process && !whole.isEmpty { releaseWhole(owner: owner) }
  }
}

extension Node {
  /// The locks, to set one.
  func locksForSetting() throws(Errno) -> FileLocks {
    if let locks { return locks }
    try reserveKernelMemory()
    let new = FileLocks()
    FileLocks.areUsed = true
    locks = new
    return new
  }
}
