// SPDX-License-Identifier: Apache-2.0

/// The locks on one file's byte ranges, with POSIX's rules: an owner's new lock replaces, splits or joins
/// its own older ones; owners conflict where ranges meet and one of the locks is exclusive.
public struct RangeLocks {
  public struct Lock: Equatable {
    public var owner: UInt64
    public var isExclusive: Bool
    public var first: UInt64
    /// The last byte, inclusive; `UInt64.max` is "to the end, wherever that is".
    public var last: UInt64

    public init(owner: UInt64, isExclusive: Bool, first: UInt64, last: UInt64) {
      self.owner = owner
      self.isExclusive = isExclusive
      self.first = first
      self.last = last
    }
  }

  /// In the order of `first`.
  public private(set) var locks: [Lock] = []

  public init() {}

  public var isEmpty: Bool { locks.isEmpty }

  /// The first lock of somebody else that stands in the way of `wanted`.
  public func conflict(with wanted: Lock) -> Lock? {
    for lock in locks where lock.owner != wanted.owner {
      if lock.first <= wanted.last && wanted.first <= lock.last && (lock.isExclusive || wanted.isExclusive) {
        return lock
      }
    }
    return nil
  }

  /// Sets a lock that has no conflict.
  public mutating func set(_ lock: Lock) {
    release(owner: lock.owner, first: lock.first, last: lock.last)
    var joined = lock
    var kept: [Lock] = []
    kept.reserveCapacity(locks.count + 1)
    for other in locks {
      let reachesNew = other.last == .max || other.last &+ 1 >= joined.first
      let touches = reachesNew && (joined.last == .max || joined.last &+ 1 >= other.first)
      if other.owner == joined.owner && other.isExclusive == joined.isExclusive && touches {
        joined.first = min(joined.first, other.first)
        joined.last = max(joined.last, other.last)
      } else {
        kept.append(other)
      }
    }
    var position = 0
    while position < kept.count && kept[position].first <= joined.first { position += 1 }
    kept.insert(joined, at: position)
    locks = kept
  }

  /// Gives up what an owner holds of a range.
  public mutating func release(owner: UInt64, first: UInt64, last: UInt64) {
    var kept: [Lock] = []
    kept.reserveCapacity(locks.count + 1)
    // What is left behind the range: of one lock at most, since an owner's own do not overlap.
    var rest: Lock?
    for lock in locks {
      guard lock.owner == owner, lock.first <= last, first <= lock.last else {
        kept.append(lock)
        continue
      }
      if lock.first < first {
        var before = lock
        before.last = first - 1
        kept.append(before)
      }
      if lock.last > last {
        var after = lock
        after.first = last + 1
        rest = after
      }
    }
    if let rest {
      var position = 0
      while position < kept.count && kept[position].first <= rest.first { position += 1 }
      kept.insert(rest, at: position)
    }
    locks = kept
  }
}
