// SPDX-License-Identifier: Apache-2.0
import Machine

/// A pipe: a ring of pages between those who write and those who read. It stands behind the two
/// descriptors of `pipe`, and behind a FIFO while somebody has that open.
final class Pipe: Node {
  /// Frames are had when bytes come, and the first is kept.
  private var ring: [Frame?]
  /// Where the oldest byte is.
  private var head = 0
  private(set) var count = 0
  private(set) var readers = 0
  private(set) var writers = 0
  /// How often an end was ever opened, for those who wait for a first one.
  private var readersEver = 0
  private var writersEver = 0

  static let defaultCapacity = 65536
  /// `/proc/sys/fs/pipe-max-size`.
  static let maximumCapacity = 1 << 20
  /// Writes up to this size are not mixed with others (PIPE_BUF).
  private static let atomicCount = 4096

  private static let pipes = FileSystem(typeName: "pipefs", magic: 0x5049_5045, source: "pipefs")
  private static var lastNumber: UInt64 = 0

  init() {
    Self.lastNumber &+= 1
    ring = [Frame?](repeating: nil, count: Self.defaultCapacity / Frame.size)
    super.init(
      fileSystem: Self.pipes, number: Self.lastNumber,
      attributes: Attributes(
        type: .fifo, permissions: 0o600, user: identity.fileSystemUserID, group: identity.fileSystemGroupID))
    isToldOfClosing = true
    isSeekable = false
  }

  deinit {
    for frame in ring { if let frame { PhysicalMemory.release(frame) } }
  }

  /// How the pipe of `pipe` is shown: "pipe:[number]".
  func description() -> [UInt8] {
    var text = bytes(of: "pipe:[")
    text.append(decimal: number)
    text.append(UInt8(ascii: "]"))
    return text
  }

  // MARK: opening and closing

  /// Opens the FIFO `node`, whose pipe is kept in `pipe` while it is open.
  static func open(_ pipe: inout Pipe?, _ node: Node, _ flags: OpenFlags) throws(Errno) -> Node {
    if let pipe, pipe.readers > 0 || pipe.writers > 0 { return try pipe.openFIFO(flags) }
    try reserveKernelMemory()
    let new = Pipe()
    pipe = new
    return try new.openFIFO(flags)
  }

  private func openFIFO(_ flags: OpenFlags) throws(Errno) -> Node {
    if flags.isWritable && !flags.isReadable && flags.contains(.nonBlocking) && readers == 0 { throw .ENXIO }
    add(flags)
    if flags.isReadable && flags.isWritable || flags.contains(.nonBlocking) { return self }
    // The other end must have been open at some time since; it may be closed again by now.
    let readersBefore = readersEver
    let writersBefore = writersEver
    do throws(Errno) {
      if flags.isReadable {
        try Wait.until(waiters.queue) { self.writers > 0 || self.writersEver != writersBefore }
      } else {
        try Wait.until(waiters.queue) { self.readers > 0 || self.readersEver != readersBefore }
      }
    } catch {
      closed(flags)
      throw error
    }
    return self
  }

  override func opened(_ flags: OpenFlags) throws(Errno) -> Node {
    add(flags)
    return self
  }

  private func add(_ flags: OpenFlags) {
    if flags.isReadable {
      readers &+= 1
      readersEver &+= 1
    }
    if flags.isWritable {
      writers &+= 1
      writersEver &+= 1
    }
    waiters.wake()
  }

  override func closed(_ flags: OpenFlags) {
    if flags.isReadable { readers &-= 1 }
    if flags.isWritable { writers &-= 1 }
    waiters.wake()
  }

  override func readiness() -> Readiness {
    var result: Readiness = []
    if count > 0 { result.formUnion([.readable, .readableNormal]) }
    if writers == 0 && writersEver > 0 { result.insert(.hangUp) }
    if capacity &- count >= Self.atomicCount { result.formUnion([.writable, .writableNormal]) }
    if readers == 0 { result.insert(.error) }
    return result
  }

  // MARK: bytes

  var capacity: Int { ring.count &* Frame.size }

  /// F_SETPIPE_SZ: rounded up to a power of two pages.
  func setCapacity(_ wanted: Int) throws(Errno) -> Int {
    guard wanted <= Self.maximumCapacity || identity.isRoot, wanted <= 1 << 22 else { throw .EPERM }
    var pages = 1
    while pages &* Frame.size < wanted { pages &*= 2 }
    guard pages &* Frame.size >= count &+ Int(head % Frame.size) else { throw .EBUSY }
    // The frame with the oldest byte becomes the first; no byte moves inside its frame.
    let first = head / Frame.size
    var new = [Frame?](repeating: nil, count: pages)
    // The newest bytes may have come around into the frame of the oldest ones, before them.
    if count &+ head % Frame.size > capacity, let shared = ring[first] {
      guard let copy = PageCache.allocate() else { throw .ENOMEM }
      copy.copy(from: shared)
      new[ring.count] = copy
    }
    for index in 0..<ring.count {
      guard let frame = ring[(first &+ index) % ring.count] else { continue }
      let holdsBytes = index &* Frame.size < count &+ head % Frame.size
      if index < pages && holdsBytes { new[index] = frame } else { PhysicalMemory.release(frame) }
    }
    head = head % Frame.size
    ring = new
    waiters.wake(.output)
    return capacity
  }

  override func read(at offset: UInt64, to address: UInt64, count wanted: Int, mayWait: Bool) throws(Errno) -> Int {
    guard wanted > 0 else { return 0 }
    if count == 0 {
      guard try waitForBytes(mayWait: mayWait) else { return 0 }
    }
    // Writers wait only where less than this is free: now, for while this one waited, one may have come.
    let wasFull = capacity &- count < Self.atomicCount
    var done = 0
    let total = min(wanted, count)
    while done < total {
      let start = head & 4095
      let part = min(4096 &- start, total &- done)
      guard let frame = ring[head >> 12] else { throw .EIO }
      PhysicalMemory.retain(frame)
      let copied = ProgramMemory.copy(from: frame, offset: start, count: part, to: address &+ UInt64(done))
      PhysicalMemory.release(frame)
      guard copied else {
        if done == 0 { throw .EFAULT }
        break
      }
      done &+= part
      count &-= part
      head &+= part
      if head == capacity { head = 0 }
    }
    if count == 0 { head = 0 }
    if wasFull { waiters.wake(.output) }
    return done
  }

  override func write(at offset: UInt64, from address: UInt64, count wanted: Int, mayWait: Bool) throws(Errno) -> Int {
    // Mostly there is somebody who reads, and room for everything.
    if readers > 0 && wanted > 0 && wanted <= room {
      let copied = try append(from: address, wanted)
      waiters.wake(.input)
      if copied == 0 { throw .EFAULT }
      return copied
    }
    return try writeInParts(from: address, wanted, mayWait: mayWait)
  }

  @inline(never)
  private func writeInParts(from address: UInt64, _ wanted: Int, mayWait: Bool) throws(Errno) -> Int {
    var done = 0
    while done < wanted || wanted == 0 {
      if readers == 0 {
        if done > 0 { return done }
        if wanted == 0 { return 0 }
        Signals.brokenPipe()
        throw .EPIPE
      }
      if wanted == 0 { return 0 }
      let room = capacity &- count
      let needed = wanted <= Self.atomicCount ? wanted : 1
      if room < needed {
        if !mayWait {
          if done > 0 { return done }
          throw .EAGAIN
        }
        do throws(Errno) {
          try Wait.until(waiters.queue) { self.capacity &- self.count >= needed || self.readers == 0 }
        } catch {
          if done > 0 { return done }
          throw error
        }
        continue
      }
      let part = min(room, wanted &- done)
      let copied = try append(from: address &+ UInt64(done), part)
      done &+= copied
      waiters.wake(.input)
      if copied < part {
        if done == 0 { throw .EFAULT }
        return done
      }
    }
    return done
  }

  /// Puts bytes behind the newest one. Returns how many, fewer if the program's memory is not there.
  @inline(never)
  private func append(from address: UInt64, _ wanted: Int) throws(Errno) -> Int {
    var done = 0
    while done < wanted {
      var tail = head &+ count
      if tail >= capacity { tail &-= capacity }
      let start = tail & 4095
      let part = min(4096 &- start, wanted &- done)
      guard let frame = try? tailFrame(tail) else {
        if done > 0 { return done }
        throw .ENOMEM
      }
      PhysicalMemory.retain(frame)
      let copied = ProgramMemory.copy(from: address &+ UInt64(done), to: frame, offset: start, count: part)
      PhysicalMemory.release(frame)
      guard copied else { return done }
      count &+= part
      done &+= part
    }
    return done
  }

  // MARK: for the kernel itself

  /// The bytes `start ..< start + wanted` of those that wait, the oldest being 0.
  func waiting(_ start: Int, _ wanted: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(wanted)
    while result.count < wanted {
      var place = head &+ start &+ result.count
      if place >= capacity { place &-= capacity }
      let offset = place & 4095
      let part = min(4096 &- offset, wanted &- result.count)
      guard let frame = ring[place >> 12] else { break }
      frame.withBytes { page in
        for index in offset..<offset &+ part { result.append(page[index]) }
      }
    }
    return result
  }

  /// The oldest bytes are read.
  func consume(_ done: Int) {
    let wasFull = capacity &- count < Self.atomicCount
    head = (head &+ done) % capacity
    count &-= done
    if count == 0 { head = 0 }
    if wasFull { waiters.wake(.output) }
  }

  /// Puts bytes, for which there is room, behind the newest one. Returns how many.
  func append(_ bytes: Span<UInt8>) throws(Errno) -> Int {
    var done = 0
    while done < bytes.count {
      let tail = (head &+ count) % capacity
      let start = tail & 4095
      let part = min(4096 &- start, bytes.count &- done)
      guard let frame = try? tailFrame(tail) else {
        if done == 0 { throw .ENOMEM }
        break
      }
      frame.withBytes { page in
        for index in 0..<part { page[start &+ index] = bytes[done &+ index] }
      }
      count &+= part
      done &+= part
    }
    waiters.wake(.input)
    return done
  }

  /// The frame for the byte at a place in the ring.
  private func tailFrame(_ place: Int) throws(Errno) -> Frame {
    if let frame = ring[place >> 12] { return frame }
    guard let fresh = PageCache.allocate() else { throw .ENOMEM }
    ring[place >> 12] = fresh
    return fresh
  }

  var room: Int { capacity &- count }

  /// Waits for bytes; false: there are none, and nobody writes any more.
  @inline(never)
  func waitForBytes(mayWait: Bool) throws(Errno) -> Bool {
    if count == 0 && writers > 0 {
      guard mayWait else { throw .EAGAIN }
      try Wait.until(waiters.queue) { self.count > 0 || self.writers == 0 }
    }
    return count > 0
  }

  /// Waits until a page's worth is free; EPIPE, with the signal, if nobody reads.
  func waitForRoom(mayWait: Bool) throws(Errno) {
    if readers > 0 && room < Self.atomicCount {
      guard mayWait else { throw .EAGAIN }
      try Wait.until(waiters.queue) { self.room >= Self.atomicCount || self.readers == 0 }
    }
    if readers == 0 {
      Signals.brokenPipe()
      throw .EPIPE
    }
  }

  override func writeStream(_ bytes: Span<UInt8>, mayWait: Bool) throws(Errno) -> Int {
    try waitForRoom(mayWait: mayWait)
    return try append(bytes.extracting(0..<min(bytes.count, room)))
  }

  override func control(_ request: UInt32, _ argument: UInt64) throws(Errno) -> UInt64 {
    guard request == ControlRequest.bytesReadable else { throw .ENOTTY }
    try check(ProgramMemory.store(Int32(truncatingIfNeeded: count), at: argument))
    return 0
  }
}
