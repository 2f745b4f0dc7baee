// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// An instance of inotify(7): a queue of what happened to the files that it watches.
final class Inotify: UnnamedNode {
  private struct Event {
    let watch: Int32
    let mask: FileEvents
    let cookie: UInt32
    /// Empty for what happened to the watched file itself.
    let name: [UInt8]

    /// Padded with at least one zero to a multiple of the event's own size.
    var nameSize: Int { name.isEmpty ? 0 : (name.count &+ 1 &+ 15) & ~15 }
    var size: Int { 16 &+ nameSize }

    func isSame(_ other: Event) -> Bool {
      watch == other.watch && mask == other.mask && cookie == other.cookie && name == other.name
    }
  }

  private var queue = Queue<Event>()
  private var bytesQueued = 0
  private var marks = HashTable<InotifyMark>()
  private var lastWatch: Int32 = 0

  /// `/proc/sys/fs/inotify`: max_queued_events, max_user_instances, max_user_watches.
  private static let maximumEvents = 16384
  private static let maximumInstances = 128
  private static let maximumWatches = 65536
  private static var instances = 0
  private static var watches = 0

  override init() {
    Self.instances &+= 1
    super.init()
    isToldOfClosing = true
  }

  /// Throws EMFILE if there are as many as there can be.
  static func checkInstances() throws(Errno) {
    if instances >= maximumInstances { throw .EMFILE }
  }

  // MARK: watches

  private static func hash(_ watch: Int32) -> UInt32 { UInt32(bitPattern: watch) &* 0x9e37_79b1 }

  /// Watches a file for `wanted`, or changes what it is watched for. Returns the watch's number.
  func watch(_ node: Node, _ wanted: FileEvents) throws(Errno) -> Int32 {
    for mark in node.watchMarks ?? [] where mark.instance === self {
      if wanted.contains(.maskCreate) { throw .EEXIST }
      let kept = wanted.intersection(.kept)
      mark.mask = wanted.contains(.maskAdd) ? mark.mask.union(kept) : kept
      return mark.watch
    }
    guard Self.watches < Self.maximumWatches else { throw .ENOSPC }
    try reserveKernelMemory(bytes: marks.bytesToGrow &+ (node.watchMarks?.bytesToGrow ?? 0))
    repeat { lastWatch = lastWatch == .max ? 1 : lastWatch &+ 1 } while find(lastWatch) != nil
    let mark = InotifyMark(self, node, lastWatch, wanted.intersection(.kept))
    marks.insert(mark, hash: Self.hash(lastWatch))
    if node.watchMarks == nil { node.watchMarks = [mark] } else { node.watchMarks?.append(mark) }
    Self.watches &+= 1
    FileNotifications.areUsed = true
    return lastWatch
  }

  func find(_ watch: Int32) -> InotifyMark? {
    guard let index = marks.index(hash: Self.hash(watch), where: { $0.watch == watch }) else { return nil }
    return marks[index]
  }

  /// Ends a watch, and says so.
  func remove(_ mark: InotifyMark) {
    guard forget(mark) else { return }
    add(Event(watch: mark.watch, mask: .ignored, cookie: 0, name: []))
  }

  /// False: it was ended before.
  private func forget(_ mark: InotifyMark) -> Bool {
    guard let index = marks.index(hash: Self.hash(mark.watch), where: { $0 === mark }) else { return false }
    marks.remove(at: index)
    Self.watches &-= 1
    mark.node.watchMarks?.removeAll { $0 === mark }
    if mark.node.watchMarks?.isEmpty == true { mark.node.watchMarks = nil }
    return true
  }

  override func closed(_ flags: OpenFlags) {
    Self.instances &-= 1
    while let index = marks.nextIndex(from: 0) { _ = forget(marks[index]) }
  }

  // MARK: events

  func add(_ watch: Int32, _ mask: FileEvents, _ cookie: UInt32, _ name: [UInt8]) {
    add(Event(watch: watch, mask: mask, cookie: cookie, name: name))
  }

  private func add(_ event: Event) {
    // The same again tells nothing new.
    if queue.count > 0 && queue[queue.count &- 1].isSame(event) { return }
    let hasMemory = (try? reserveKernelMemory(bytes: queue.bytesToGrow)) != nil
    if queue.count >= Self.maximumEvents || !hasMemory { return overflow(hasMemory: hasMemory) }
    queue.append(event)
    bytesQueued &+= event.size
    waiters.wake(.input)
  }

  /// Something is lost, and this is told once, in the place of all that is. Without memory for even that, in the place
  /// of the newest event.
  private func overflow(hasMemory: Bool) {
    let event = Event(watch: -1, mask: .overflow, cookie: 0, name: [])
    if queue.count > 0 {
      let last = queue[queue.count &- 1]
      if last.isSame(event) { return }
      if !hasMemory && queue.bytesToGrow > 0 {
        bytesQueued = bytesQueued &- last.size &+ event.size
        queue[queue.count &- 1] = event
        return
      }
    }
    queue.append(event)
    bytesQueued &+= event.size
    waiters.wake(.input)
  }

  override func readiness() -> Readiness { queue.isEmpty ? [] : .input }

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    if queue.isEmpty {
      guard mayWait else { throw .EAGAIN }
      try Wait.until(waiters.queue) { !self.queue.isEmpty }
    }
    var done = 0
    while let event = queue.first {
      guard event.size <= count &- done else {
        if done == 0 { throw .EINVAL }
        break
      }
      queue.popFirst()
      bytesQueued &-= event.size
      guard store(event, at: address &+ UInt64(done)) else {
        if done == 0 { throw .EFAULT }
        break
      }
      done &+= event.size
    }
    return done
  }

  /// A `struct inotify_event` and its name.
  private func store(_ event: Event, at address: UInt64) -> Bool {
    let first = UInt64(UInt32(bitPattern: event.watch)) | UInt64(event.mask.rawValue) << 32
    let second = UInt64(event.cookie) | UInt64(event.nameSize) << 32
    guard ProgramMemory.storePair(first, second, at: address) else { return false }
    if event.name.isEmpty { return true }
    let padding = UInt64(event.nameSize &- event.name.count)
    return ProgramMemory.write(event.name.span, to: address &+ 16)
      && ProgramMemory.clear(address &+ 16 &+ UInt64(event.name.count), count: padding)
  }

  override func control(_ request: UInt32, _ argument: UInt64) throws(Errno) -> UInt64 {
    guard request == ControlRequest.bytesReadable else { throw .ENOTTY }
    try check(ProgramMemory.store(Int32(truncatingIfNeeded: bytesQueued), at: argument))
    return 0
  }
}

/// One file that one instance watches. Instance, file and this hold each other until the watch ends.
final class InotifyMark {
  let instance: Inotify
  let node: Node
  let watch: Int32
  var mask: FileEvents

  init(_ instance: Inotify, _ node: Node, _ watch: Int32, _ mask: FileEvents) {
    self.instance = instance
    self.node = node
    self.watch = watch
    self.mask = mask
  }

  /// Something happened to the watched file, or, with a name, in the watched directory.
  func tell(_ event: FileEvents, _ name: [UInt8] = [], cookie: UInt32 = 0, isUnlinked: Bool = false) {
    guard !event.isDisjoint(with: mask.intersection(.allEvents)) else { return }
    if isUnlinked && mask.contains(.excludeUnlinked) { return }
    instance.add(watch, event, cookie, name)
    if mask.contains(.oneShot) { instance.remove(self) }
  }
}
