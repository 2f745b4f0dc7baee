// SPDX-License-Identifier: Apache-2.0
import Machine
import Storage

/// A disk of the machine: what all drivers have in common.
///
/// Requests are under way side by side. Whoever asks through `BlockDevice` waits for the answer with the kernel's lock,
/// so that nothing changes meanwhile; who asks with `submit` is told.
class Disk: BlockDevice {
  /// No driver takes more bytes in one request: a length is 32 bits, and a read's total is counted with what the device
  /// adds.
  static let greatestRequest = 1 << 20

  final let sizeInBytes: UInt64
  final let isReadOnly: Bool
  /// Whether the disk has a cache that `flush` has to empty.
  final let hasVolatileCache: Bool
  /// The most bytes, and pieces of memory, in one request.
  final let greatestRequest: Int
  final let pieceLimit: Int
  /// Those for which the device has no room yet.
  private final var backlog: [DiskRequest] = []
  /// The request of those who wait at once: there is only one at a time.
  private final let own = DiskRequest(.flush, at: 0)

  init(size: UInt64, isReadOnly: Bool, hasVolatileCache: Bool, greatestRequest: Int, pieceLimit: Int) {
    self.greatestRequest = greatestRequest
    sizeInBytes = size
    self.isReadOnly = isReadOnly
    self.hasVolatileCache = hasVolatileCache
    self.pieceLimit = pieceLimit
  }

  // MARK: what drivers do

  /// Gives a request to the device, or ends it as failed if the device cannot do it at all. False: there is no room now.
  func start(_ request: DiskRequest) -> Bool {
    request.end(false)
    return true
  }

  /// Ends the requests that the device is done with.
  func takeFinished() {}

  // MARK: requests

  /// Has `request` done; it ends at once if it makes no sense.
  final func submit(_ request: DiskRequest) {
    let (end, overflow) = request.offset.addingReportingOverflow(UInt64(request.count))
    guard !overflow, end <= sizeInBytes, request.offset % 512 == 0, request.count % 512 == 0,
      request.kind == .read || !isReadOnly
    else { return request.end(false) }
    request.begin()
    if !backlog.isEmpty || !start(request) { backlog.append(request) }
  }

  /// Looks whether the device is done with something, and gives it what waits for room.
  final func poll() {
    takeFinished()
    while !backlog.isEmpty, start(backlog[0]) { backlog.removeFirst() }
  }

  /// Stands still, without letting anybody else into the kernel, until `isReady`.
  final func wait(until isReady: () -> Bool) {
    Processor.withoutInterrupts {
      while true {
        poll()
        if isReady() { return }
        Interrupts.halt()
      }
    }
  }

  /// Does `own` and waits for its end.
  private final func perform() throws(StorageError) {
    submit(own)
    wait { own.state != .underWay }
    guard own.state == .done else { throw .inputOutput }
  }

  /// Adds frames to a request, those that are neighbours in memory as one piece; as many as fit. Returns how many.
  final func add(_ frames: ArraySlice<Frame>, to request: DiskRequest) -> Int {
    var index = frames.startIndex
    while index < frames.endIndex && request.pieces.count < pieceLimit && request.count < greatestRequest {
      var run = 1
      while index + run < frames.endIndex && request.count &+ run &* Frame.size < greatestRequest
        && frames[index + run].number == frames[index].number &+ UInt32(run)
      {
        run &+= 1
      }
      request.add(MemoryPiece(frames[index], count: run))
      index &+= run
    }
    return index - frames.startIndex
  }

  // MARK: BlockDevice

  final func read(at offset: UInt64, into destination: inout MutableSpan<UInt8>) throws(StorageError) {
    var done = 0
    while done < destination.count {
      let piece = min(destination.count &- done, greatestRequest)
      own.reuse(.read, at: offset &+ UInt64(done))
      own.add(MemoryPiece(writing: &destination, from: done, count: piece))
      try perform()
      done &+= piece
    }
  }

  final func write(at offset: UInt64, from source: Span<UInt8>) throws(StorageError) {
    guard !isReadOnly else { throw .readOnly }
    var done = 0
    while done < source.count {
      let piece = min(source.count &- done, greatestRequest)
      own.reuse(.write, at: offset &+ UInt64(done))
      own.add(MemoryPiece(reading: source.extracting(done..<done &+ piece)))
      try perform()
      done &+= piece
    }
  }

  final func flush() throws(StorageError) {
    guard hasVolatileCache, !isReadOnly else { return }
    own.reuse(.flush, at: 0)
    try perform()
  }

  /// Nobody waits for that, and nobody minds if it fails.
  final func discard(at offset: UInt64, count: UInt64) {
    guard canDiscard, count < 1 << 40 else { return }
    submit(DiskRequest(discarding: offset, count: Int(count)))
  }

  /// Whether the device knows what to do with `discard`.
  var canDiscard: Bool { false }

  /// Reads whole frames' worth of data from `offset` on, straight into `frames`; what lies beyond the end of the disk
  /// is zero. Waits with the kernel's lock.
  final func read(framesAt offset: UInt64, into frames: ArraySlice<Frame>) throws(StorageError) {
    var index = frames.startIndex
    while index < frames.endIndex {
      let position = offset &+ UInt64((index &- frames.startIndex) &* Frame.size)
      let left = sizeInBytes &- min(position, sizeInBytes)
      let whole = Int(min(left / UInt64(Frame.size), UInt64(frames.endIndex &- index)))
      if whole == 0 {
        frames[index].clear(from: Int(left), count: Frame.size &- Int(left))
        if left == 0 {
          index &+= 1
          continue
        }
      }
      own.reuse(.read, at: position)
      if whole == 0 {
        own.add(MemoryPiece(frames[index], bytes: Int(left)))
        index &+= 1
      } else {
        index &+= add(frames[index..<index &+ whole], to: own)
      }
      try perform()
    }
  }
}
