// SPDX-License-Identifier: Apache-2.0

/// Somebody who wants to know when something changes: a thread that waits, or an epoll instance.
class Watcher {
  /// What is watched may have changed in these respects. Must not change any queue's members.
  func notify(_ changes: Readiness) {}

  /// It wants to be told only if no other one of this kind was woken (EPOLLEXCLUSIVE).
  var isExclusive: Bool { false }
  /// The same as `notify`, and says whether that has woken somebody.
  func notifyExclusively(_ changes: Readiness) -> Bool { false }
}

/// Who wants to know when one thing changes: a pipe, the input, a lock.
///
/// It says that there may be news, not what: whoever is told looks for itself, and waits again if there was nothing
/// for it.
final class WaitQueue {
  /// Mostly there is only one; it needs no array.
  private var first: Watcher?
  private var others: [Watcher] = []
  /// There are, or were, exclusive ones.
  private var hasExclusive = false

  /// Memory for one more.
  var bytesToGrow: Int { others.bytesToGrow }

  /// From now on `watcher` is told.
  func add(_ watcher: Watcher) {
    if first == nil && others.isEmpty { first = watcher } else { others.append(watcher) }
  }

  /// The same for one that may be exclusive.
  func addExclusive(_ watcher: Watcher) {
    hasExclusive = true
    add(watcher)
  }

  /// Takes one `add` of `watcher` back.
  @inline(__always)
  func remove(_ watcher: Watcher) {
    if first === watcher { first = nil } else { removeOther(watcher) }
  }

  @inline(never)
  private func removeOther(_ watcher: Watcher) {
    // Who came last mostly leaves first.
    if let index = others.lastIndex(where: { $0 === watcher }) { others.remove(at: index) }
  }

  /// Tells everybody. `changes`: what may have come true; the more precise it is, the fewer look in vain, and an
  /// edge-triggered epoll is not told of an edge that was none.
  func wake(_ changes: Readiness = .any) {
    if hasExclusive { return wakeOneExclusive(changes) }
    if let first { first.notify(changes) }
    var index = 0
    while index < others.count {
      others[index].notify(changes)
      index &+= 1
    }
  }
}

extension WaitQueue {
  /// Tells all others, and of the exclusive ones as many as it takes until one has woken somebody. All of them if there
  /// may be something both to read and to write, as on Linux (fs/eventpoll.c, ep_poll_callback).
  @inline(never)
  private func wakeOneExclusive(_ changes: Readiness) {
    var isAwake = false
    let isForOne = !changes.isSuperset(of: [.input, .output])
    if let first { tell(first) }
    for watcher in others { tell(watcher) }

    func tell(_ watcher: Watcher) {
      if !watcher.isExclusive {
        watcher.notify(changes)
      } else if !isAwake {
        isAwake = watcher.notifyExclusively(changes) && isForOne
      }
    }
  }
}

/// A place for a queue, which is made when somebody waits for the first time.
struct WaitPlace {
  private var existing: WaitQueue?

  var queue: WaitQueue {
    mutating get {
      if let existing { return existing }
      let new = WaitQueue()
      existing = new
      return new
    }
  }

  /// Tells everybody who waits.
  @inline(__always)
  func wake(_ changes: Readiness = .any) {
    if let existing { existing.wake(changes) }
  }
}
