// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// An instance of epoll(7).
///
/// Items whose files were said to have changed stand in a list; only they are looked at, however many there are. One
/// that turns out not to be ready leaves it. A level-triggered one that is told stays, at the end; an edge-triggered one
/// leaves until the next change.
final class Epoll: UnnamedNode {
  private var items = HashTable<EpollItem>()
  private var first: EpollItem?
  private var last: EpollItem?
  private var listed = 0
  /// Threads in `epoll_wait`. One is woken for one change; if it leaves something, it wakes the next.
  private var sleepers: [Borrowed<Thread>] = []
  /// Which instances watch this one, and which this one watches.
  var nesting = EpollNesting()

  /// As many items as one instance may have: its table must fit into one block of the kernel's heap.
  private static let maximumItems = 98_000

  override init() {
    super.init()
    isToldOfClosing = true
  }

  // MARK: items

  private static func hash(_ descriptor: UInt32) -> UInt32 { descriptor &* 0x9e37_79b1 }

  func find(_ descriptor: UInt32, _ file: OpenFile) -> EpollItem? {
    guard let index = items.index(hash: Self.hash(descriptor), where: { $0.isOf(descriptor, file.identity) }) else {
      return nil
    }
    return items[index]
  }

  /// Begins to watch a file that it does not yet watch by this descriptor.
  func add(_ descriptor: UInt32, _ file: OpenFile, _ wanted: EpollEvents, data: UInt64) throws(Errno) {
    guard items.count < Self.maximumItems else { throw .ENOSPC }
    let watches = file.watches ?? FileWatches()
    try reserveKernelMemory(
      bytes: items.bytesToGrow &+ watches.bytesToGrow &+ file.content.readinessQueue().bytesToGrow)
    let item = EpollItem(self, descriptor, file, watches, wanted.union(.always), data)
    if let inner = item.content as? Epoll { try EpollNesting.connect(self, inner) }
    file.watches = watches
    watches.add(item)
    items.insert(item, hash: Self.hash(descriptor))
    if item.isExclusive { item.queue.addExclusive(item) } else { item.queue.add(item) }
    if !item.ready.isEmpty { mayBeReady(item) }
  }

  func modify(_ item: EpollItem, _ wanted: EpollEvents, data: UInt64) {
    item.wanted = wanted.union(.always)
    item.data = data
    if !item.ready.isEmpty { mayBeReady(item) }
  }

  func remove(_ item: EpollItem) {
    item.queue.remove(item)
    item.watches.remove(item)
    unlist(item)
    if let inner = item.content as? Epoll { EpollNesting.disconnect(self, inner) }
    if let index = items.index(hash: Self.hash(item.descriptor), where: { $0 === item }) { items.remove(at: index) }
  }

  override func closed(_ flags: OpenFlags) {
    var from = 0
    while let index = items.nextIndex(from: from) {
      from = index
      remove(items[index])
    }
  }

  // MARK: what may be ready

  private func list(_ item: EpollItem) {
    item.isListed = true
    item.previous = last
    if let last { last.next = item } else { first = item }
    last = item
    listed &+= 1
  }

  private func unlist(_ item: EpollItem) {
    guard item.isListed else { return }
    item.isListed = false
    if let previous = item.previous { previous.next = item.next } else { first = item.next }
    if let next = item.next { next.previous = item.previous } else { last = item.previous }
    item.previous = nil
    item.next = nil
    listed &-= 1
  }

  /// Returns whether that has woken a thread.
  @discardableResult
  func mayBeReady(_ item: EpollItem) -> Bool {
    if !item.isListed { list(item) }
    let isAwake = wakeOne()
    waiters.wake(.input)
    return isAwake
  }

  @inline(__always)
  @discardableResult
  private func wakeOne() -> Bool { sleepers.isEmpty ? false : wakeSleeper() }

  @inline(never)
  private func wakeSleeper() -> Bool {
    for sleeper in sleepers where sleeper.with({ $0.state == .waiting }) {
      sleeper.with { $0.wake() }
      return true
    }
    return false
  }

  override func readiness() -> Readiness {
    while let item = first {
      if !item.ready.isEmpty { return .input }
      unlist(item)
    }
    return []
  }

  // MARK: waiting

  /// One `struct epoll_event`, which is packed.
  static let eventSize: UInt64 = 12

  /// Stores what is ready, at most `count` events, and returns how many; 0 when the deadline (nil: none) has come.
  override func waitForEvents(_ address: UInt64, count: Int, deadline: UInt64?) throws(Errno) -> Int {
    while true {
      let stored = try collect(address, count)
      if stored > 0 || deadline == 0 { return stored }
      guard try sleep(deadline) else { return 0 }
    }
  }

  /// Returns when something may be ready; false: the deadline came first.
  @inline(never)
  private func sleep(_ deadline: UInt64?) throws(Errno) -> Bool {
    try reserveKernelMemory(bytes: sleepers.bytesToGrow)
    let thread = Thread.running
    sleepers.append(thread)
    defer {
      if let index = sleepers.lastIndex(where: { $0 == thread }) { sleepers.remove(at: index) }
      // Woken for something that it does not take, because a signal came too.
      if first != nil { wakeOne() }
    }
    return try Wait.untilWoken(deadline: deadline) { self.first != nil }
  }

  @inline(__always)
  private func collect(_ address: UInt64, _ count: Int) throws(Errno) -> Int {
    var stored = 0
    // What is listed again meanwhile is for the next time.
    var left = listed
    while left > 0, stored < count, let item = first {
      left &-= 1
      let ready = item.ready
      if ready.isEmpty {
        unlist(item)
        continue
      }
      let place = address &+ UInt64(stored) &* Self.eventSize
      guard ProgramMemory.storeEvent(ready.rawValue, item.data, at: place) else {
        if stored == 0 { throw .EFAULT }
        break
      }
      stored &+= 1
      if item.wanted.contains(.oneShot) {
        item.wanted.formIntersection(.manner)
        unlist(item)
      } else if item.wanted.contains(.edgeTriggered) {
        unlist(item)
      } else if listed > 1 {
        // To the end; not when it is alone.
        unlist(item)
        list(item)
      }
    }
    if stored > 0 && first != nil { wakeOne() }
    return stored
  }
}
