// SPDX-License-Identifier: Apache-2.0

/// Which epoll instances watch which. There must be no circle, and no more than five, one above the other: a change is
/// told from the lowest to the highest by functions that call each other (fs/eventpoll.c, EP_MAX_NESTS).
struct EpollNesting {
  private var above: [Epoll] = []
  private var below: [Epoll] = []
  /// When `height` was computed, so that an instance that is reached on many ways is looked at once.
  private var visit: UInt64 = 0
  private var height = 0

  private static let maximumHeight = 5
  /// Linux counts the ways from a file to the top; here only so many instances may watch one.
  private static let maximumAbove = 16
  private static var lastVisit: UInt64 = 0

  /// Throws ELOOP if `outer` cannot watch `inner`.
  static func connect(_ outer: Epoll, _ inner: Epoll) throws(Errno) {
    lastVisit &+= 1
    guard let below = heightBelow(inner, without: outer) else { throw .ELOOP }
    lastVisit &+= 1
    guard below &+ heightAbove(outer) <= maximumHeight else { throw .ELOOP }
    guard inner.nesting.above.count < maximumAbove else { throw .EINVAL }
    try reserveKernelMemory(bytes: outer.nesting.below.bytesToGrow)
    inner.nesting.above.append(outer)
    outer.nesting.below.append(inner)
  }

  static func disconnect(_ outer: Epoll, _ inner: Epoll) {
    removeOne(outer, from: &inner.nesting.above)
    removeOne(inner, from: &outer.nesting.below)
  }

  private static func removeOne(_ epoll: Epoll, from list: inout [Epoll]) {
    for index in list.indices where list[index] === epoll {
      list.remove(at: index)
      return
    }
  }

  /// How many stand one above the other from the lowest up to `epoll`; nil if `forbidden` is among them.
  private static func heightBelow(_ epoll: Epoll, without forbidden: Epoll) -> Int? {
    if epoll === forbidden { return nil }
    if epoll.nesting.visit == lastVisit { return epoll.nesting.height }
    var height = 1
    for inner in epoll.nesting.below {
      guard let found = heightBelow(inner, without: forbidden) else { return nil }
      height = max(height, found &+ 1)
    }
    epoll.nesting.visit = lastVisit
    epoll.nesting.height = height
    return height
  }

  /// The same from `epoll` up to the highest.
  private static func heightAbove(_ epoll: Epoll) -> Int {
    if epoll.nesting.visit == lastVisit { return epoll.nesting.height }
    var height = 1
    for outer in epoll.nesting.above { height = max(height, heightAbove(outer) &+ 1) }
    epoll.nesting.visit = lastVisit
    epoll.nesting.height = height
    return height
  }
}
