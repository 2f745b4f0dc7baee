// SPDX-License-Identifier: Apache-2.0

/// A descriptor that an epoll instance watches. It is told of changes by the file's queue, and puts itself into the
/// instance's list of what may be ready.
///
/// It holds what the open file is about, and not the open file: that must be able to close. Instance and item, item
/// and file hold each other; `Epoll.remove` takes them apart.
final class EpollItem: Watcher {
  let epoll: Epoll
  let descriptor: UInt32
  /// The open file's, since a descriptor may come to mean another one.
  let identity: UInt64
  let content: Node
  private let flags: OpenFlags
  let queue: WaitQueue
  let watches: FileWatches

  var wanted: EpollEvents
  /// The program's own.
  var data: UInt64

  /// The list of what may be ready.
  var isListed = false
  var next: EpollItem?
  var previous: EpollItem?

  init(
    _ epoll: Epoll, _ descriptor: UInt32, _ file: OpenFile, _ watches: FileWatches, _ wanted: EpollEvents,
    _ data: UInt64
  ) {
    self.epoll = epoll
    self.descriptor = descriptor
    identity = file.identity
    content = file.content
    flags = file.flags
    queue = file.content.readinessQueue()
    self.watches = watches
    self.wanted = wanted
    self.data = data
  }

  /// What there is to tell.
  var ready: Readiness {
    let wanted = wanted.readiness
    // After its one shot it is not even asked.
    return wanted.isEmpty ? [] : content.readiness(through: flags).intersection(wanted)
  }

  override func notify(_ changes: Readiness) {
    if !changes.isDisjoint(with: wanted.readiness) { epoll.mayBeReady(self) }
  }

  override var isExclusive: Bool { wanted.contains(.exclusive) }

  override func notifyExclusively(_ changes: Readiness) -> Bool {
    !changes.isDisjoint(with: wanted.readiness) && epoll.mayBeReady(self)
  }

  /// Whether it is the item of this descriptor and open file.
  func isOf(_ descriptor: UInt32, _ identity: UInt64) -> Bool {
    self.descriptor == descriptor && self.identity == identity
  }
}

/// The epoll items of an open file. When its last descriptor is closed, they go.
final class FileWatches {
  private var items: [EpollItem] = []

  var bytesToGrow: Int { items.bytesToGrow }
  func add(_ item: EpollItem) { items.append(item) }
  func remove(_ item: EpollItem) { items.removeAll { $0 === item } }

  func fileIsClosed() {
    while let item = items.last { item.epoll.remove(item) }
  }
}
