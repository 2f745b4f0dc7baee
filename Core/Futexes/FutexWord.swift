// SPDX-License-Identifier: Apache-2.0

/// A futex word whose meaning the kernel knows: a robust or priority-inheriting mutex (futex(2), "Priority-inheritance
/// futexes"; get_robust_list(2); Linux: Documentation/locking/robust-futex-ABI.rst and pi-futex.rst).
///
/// What is here computes only. The caller replaces the word by compare-and-exchange and starts over if it changed.
public struct FutexWord: Equatable, BitwiseCopyable, Sendable {
  /// FUTEX_WAITERS: whoever unlocks has to call the kernel.
  public static var waiters: UInt32 { 0x8000_0000 }
  /// FUTEX_OWNER_DIED: the last owner ended without unlocking.
  public static var ownerDied: UInt32 { 0x4000_0000 }
  /// FUTEX_TID_MASK.
  public static var ownerMask: UInt32 { 0x3fff_ffff }

  public var rawValue: UInt32

  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  /// The thread that holds the lock, by its identifier (gettid(2)); 0: nobody.
  @inlinable public var owner: UInt32 { rawValue & Self.ownerMask }
  @inlinable public var isContended: Bool { rawValue & Self.waiters != 0 }
  @inlinable public var hasOwnerDied: Bool { rawValue & Self.ownerDied != 0 }

  /// What comes of an attempt to lock (FUTEX_LOCK_PI, FUTEX_TRYLOCK_PI).
  public enum Attempt: Equatable, BitwiseCopyable, Sendable {
    /// The thread has the lock once the word is this. Where the owner died, the word still says so.
    case acquires(FutexWord)
    /// Another has it. The word must be this before the thread waits; a thread that only tries gets EAGAIN.
    case waits(FutexWord)
    /// The thread has the lock already: EDEADLK.
    case deadlocks
  }

  /// An attempt by the thread with identifier `thread`. `othersWait`: threads wait in the kernel for this word.
  public func locked(by thread: UInt32, othersWait: Bool) -> Attempt {
    if owner == thread { return .deadlocks }
    if owner != 0 { return .waits(FutexWord(rawValue | Self.waiters)) }
    return .acquires(owned(by: thread, othersWait: othersWait))
  }

  /// The word when the lock goes from an owner that died, or from nobody, to `thread`: that the owner died stays,
  /// for the new one to see (futex(2): EOWNERDEAD is the C library's to make of it).
  public func owned(by thread: UInt32, othersWait: Bool) -> FutexWord {
    FutexWord(rawValue & Self.ownerDied | thread & Self.ownerMask | (othersWait ? Self.waiters : 0))
  }

  /// The word after FUTEX_UNLOCK_PI by `thread`, with the lock handed to `next` or, if nobody waits, to nobody. nil:
  /// the thread is not the owner, EPERM.
  ///
  /// Like Linux, it says that others wait even if `next` was the only one; the next unlock clears it.
  public func unlocked(by thread: UInt32, next: UInt32?) -> FutexWord? {
    guard owner == thread else { return nil }
    guard let next else { return FutexWord(0) }
    return FutexWord(next & Self.ownerMask | Self.waiters)
  }

  /// What is to be done with the word of a lock that is on a dead thread's list.
  public struct Inheritance: Equatable, BitwiseCopyable, Sendable {
    /// What the word becomes; nil: it stays.
    public var word: FutexWord?
    /// Whether one who waits for the word is woken, as by FUTEX_WAKE.
    public var wakesOne: Bool
  }

  /// After `thread` has died with this word on its robust list (Linux: kernel/futex/core.c, handle_futex_death).
  /// `isPending`: as the lock that it was about to take or to release (list_op_pending). `isPriorityInheriting`: bit
  /// 0 of the list's pointer; then nobody is woken here, for the kernel hands the lock over itself.
  public func inherited(from thread: UInt32, isPending: Bool, isPriorityInheriting: Bool) -> Inheritance {
    // The word was released, and the thread died before it could wake; or it was woken, and died before it could
    // lock. Either way a wake-up would be lost. One too many is harmless. Like Linux, this leaves a gap: a third
    // thread that has taken the lock meanwhile, and knows of nobody who waits, will not wake either.
    if isPending && !isPriorityInheriting && owner == 0 { return Inheritance(word: nil, wakesOne: true) }
    if owner != thread { return Inheritance(word: nil, wakesOne: false) }
    return Inheritance(
      word: FutexWord(rawValue & Self.waiters | Self.ownerDied), wakesOne: isContended && !isPriorityInheriting)
  }
}
