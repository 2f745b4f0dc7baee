// SPDX-License-Identifier: Apache-2.0
import Machine
import Storage

/// A disk behind virtio (virtio 1.2 §5.2). One request at a time; whoever asks waits, halted.
final class VirtioBlock: BlockDevice {
  private enum Feature {
    static let segmentMaximum: UInt64 = 1 << 2
    static let readOnly: UInt64 = 1 << 5
    static let flush: UInt64 = 1 << 9
  }
  /// Kinds of request (§5.2.6).
  private enum Request: UInt64 {
    case read = 0
    case write = 1
    case flush = 4
  }
  /// Offsets in `requestFrame`: the request's header and, for the device to write, its status.
  private static let headerSize = 16
  private static let statusOffset = 16

  let sizeInBytes: UInt64
  let isReadOnly: Bool
  private let canFlush: Bool
  private let transport: VirtioTransport
  private let queue: Virtqueue
  private let requestFrame: Frame
  /// The most pieces of data in one request.
  private let segmentLimit: Int
  /// The most bytes in one piece: a length is 32 bits, and a read's total is counted with its status byte.
  private static let greatestPiece = 1 << 20

  /// Takes the device over.
  init(_ transport: VirtioTransport) throws(VirtioError) {
    let features = try transport.negotiate(Feature.segmentMaximum | Feature.readOnly | Feature.flush)
    let queue = try transport.makeQueue(0, limit: Virtqueue.maximumSize)
    guard queue.size >= 4 else { throw .unsuitable }
    guard let frame = PhysicalMemory.allocateZeroed() else { throw .noMemory }
    // virtio_blk_config (§5.2.4): capacity in sectors of 512 bytes at 0, seg_max at 12.
    let capacity = transport.configuration64(at: 0)
    guard capacity < 1 << 54 else { throw .broken }
    let announced = features & Feature.segmentMaximum != 0 ? transport.configuration(at: 12) : 1
    segmentLimit = min(max(1, Int(announced)), Int(queue.size) - 2)
    sizeInBytes = capacity * 512
    isReadOnly = features & Feature.readOnly != 0
    canFlush = features & Feature.flush != 0
    self.transport = transport
    self.queue = queue
    requestFrame = frame
    transport.start()
  }

  // MARK: requests

  private func begin(_ request: Request, at offset: UInt64) throws(StorageError) {
    requestFrame.storeWord(request.rawValue, at: 0)
    requestFrame.storeWord(offset / 512, at: 8)
    requestFrame.storeWord(0xff, at: Self.statusOffset)
    guard queue.append(requestFrame, count: Self.headerSize, deviceWrites: false) else { throw .inputOutput }
  }

  /// Sends the request and waits for its end. `expected`: the bytes of data that the device has to write.
  private func finish(expected: Int) throws(StorageError) {
    guard queue.append(requestFrame, offset: Self.statusOffset, count: 1, deviceWrites: true) else {
      queue.abandon()
      throw .inputOutput
    }
    _ = queue.publish()
    transport.notify(0, queue)
    Processor.withoutInterrupts {
      while true {
        transport.takeInterrupt()
        if queue.hasUsed { return }
        Interrupts.halt()
      }
    }
    // Less than what was asked for would leave the memory as it was.
    guard let used = queue.takeUsed(), used.count == UInt32(expected + 1),
      requestFrame.loadWord(at: Self.statusOffset) & 0xff == 0
    else { throw .inputOutput }
  }

  private func check(_ offset: UInt64, _ count: Int) throws(StorageError) {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= sizeInBytes, offset % 512 == 0, count % 512 == 0 else { throw .inputOutput }
  }

  // MARK: BlockDevice

  func read(at offset: UInt64, into destination: inout MutableSpan<UInt8>) throws(StorageError) {
    try check(offset, destination.count)
    var done = 0
    while done < destination.count {
      let piece = min(destination.count - done, Self.greatestPiece)
      try begin(.read, at: offset + UInt64(done))
      guard queue.append(writing: &destination, from: done, count: piece) else {
        queue.abandon()
        throw .inputOutput
      }
      try finish(expected: piece)
      done += piece
    }
  }

  /// Reads whole frames' worth of data from `byteOffset` on, straight into `frames`; what lies beyond the
  /// end of the disk is zero.
  func read(blocksAt byteOffset: UInt64, into frames: [Frame]) throws(StorageError) {
    var index = 0
    while index < frames.count {
      index += try read(blocksAt: byteOffset + UInt64(index * Frame.size), into: frames, from: index, to: frames.count)
    }
  }

  /// The same for `frames[first ..< end]`, as many as one request takes; returns how many.
  func read(
    blocksAt byteOffset: UInt64, into frames: [Frame], from first: Int, to end: Int
  ) throws(StorageError) -> Int {
    guard byteOffset < sizeInBytes else {
      frames[first].clear(from: 0, count: Frame.size)
      return 1
    }
    let left = sizeInBytes - byteOffset
    if left < UInt64(Frame.size) {
      let count = Int(left)
      frames[first].clear(from: count, count: Frame.size - count)
      try check(byteOffset, count)
      try begin(.read, at: byteOffset)
      guard queue.append(frames[first], count: count, deviceWrites: true) else {
        queue.abandon()
        throw .inputOutput
      }
      try finish(expected: count)
      return 1
    }
    let last = min(end, first + Int(min(left / UInt64(Frame.size), 1 << 20)))
    try check(byteOffset, Frame.size)
    try begin(.read, at: byteOffset)
    var index = first
    var pieces = 0
    while index < last && pieces < segmentLimit {
      // Neighbours in memory go as one piece.
      var run = 1
      while index + run < last && run < Self.greatestPiece / Frame.size
        && frames[index + run].number == frames[index].number &+ UInt32(run)
      {
        run += 1
      }
      guard queue.append(frames: frames[index], count: run, deviceWrites: true) else { break }
      pieces += 1
      index += run
      if index - first >= Self.greatestPiece / Frame.size { break }
    }
    try finish(expected: (index - first) * Frame.size)
    return index - first
  }

  func write(at offset: UInt64, from source: Span<UInt8>) throws(StorageError) {
    guard !isReadOnly else { throw .readOnly }
    try check(offset, source.count)
    var done = 0
    while done < source.count {
      let piece = min(source.count - done, Self.greatestPiece)
      try begin(.write, at: offset + UInt64(done))
      guard queue.append(reading: source.extracting(done..<done + piece)) else {
        queue.abandon()
        throw .inputOutput
      }
      try finish(expected: 0)
      done += piece
    }
  }

  /// Without the feature the device writes through by itself (§5.2.6.2).
  func flush() throws(StorageError) {
    guard canFlush, !isReadOnly else { return }
    try begin(.flush, at: 0)
    try finish(expected: 0)
  }
}
