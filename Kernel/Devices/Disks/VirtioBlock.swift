// SPDX-License-Identifier: Apache-2.0
import Machine

/// A disk behind virtio (virtio 1.2 §5.2), with as many queues as it offers, up to `maximumQueues`.
final class VirtioBlock: Disk {
  private enum Feature {
    static let segmentMaximum: UInt64 = 1 << 2
    static let readOnly: UInt64 = 1 << 5
    static let flush: UInt64 = 1 << 9
    static let multipleQueues: UInt64 = 1 << 12
    static let discard: UInt64 = 1 << 13
  }
  private static let maximumQueues = 8

  private let transport: VirtioTransport
  private let queues: [VirtioBlockQueue]
  private let discards: Bool

  /// Takes the device over.
  init(_ transport: VirtioTransport) throws(VirtioError) {
    let features = try transport.negotiate(
      Feature.segmentMaximum | Feature.readOnly | Feature.flush | Feature.multipleQueues | Feature.discard)
    // virtio_blk_config (§5.2.4): capacity in sectors of 512 bytes at 0, seg_max at 12, num_queues at 34.
    let capacity = transport.configuration64(at: 0)
    guard capacity < 1 << 54 else { throw .broken }
    let offered = features & Feature.multipleQueues != 0 ? Int(transport.configuration(at: 32) >> 16) : 1
    var queues: [VirtioBlockQueue] = []
    for index in 0..<max(1, min(offered, Self.maximumQueues)) {
      queues.append(try VirtioBlockQueue(transport, UInt16(index)))
    }
    let segments = features & Feature.segmentMaximum != 0 ? transport.configuration(at: 12) : 1
    self.transport = transport
    self.queues = queues
    discards = features & Feature.discard != 0
    super.init(
      size: capacity * 512, isReadOnly: features & Feature.readOnly != 0,
      hasVolatileCache: features & Feature.flush != 0, greatestRequest: Disk.greatestRequest,
      pieceLimit: min(max(1, Int(min(segments, 1 << 16))), queues[0].pieceLimit))
    Interrupts.attend(transport.vector)
    transport.start()
  }

  override var canDiscard: Bool { discards }

  /// Each processor has a queue of its own, as far as there are enough.
  override func start(_ request: DiskRequest) -> Bool {
    let index = Processors.current % queues.count
    guard queues[index].start(request) else { return false }
    transport.notify(UInt16(index), queues[index].queue)
    return true
  }

  override func takeFinished() {
    transport.takeInterrupt()
    for queue in queues { queue.takeFinished() }
  }
}

/// One queue of requests, and what the device has of each.
final class VirtioBlockQueue {
  // What the device is given in `frame` for each request: the header (§5.2.6), the status byte that it writes, and for a
  // discard the range.
  private static let slotSize = 64
  private static let headerSize = 16
  private static let statusOffset = 16
  private static let rangeOffset = 32
  private static let rangeSize = 16

  let queue: Virtqueue
  private let frame: Frame
  private var requests: RequestSlots
  /// By the name of the chain.
  private var slots = InlineArray<128, UInt8>(repeating: 0)

  init(_ transport: VirtioTransport, _ index: UInt16) throws(VirtioError) {
    queue = try transport.makeQueue(index, limit: Virtqueue.maximumSize)
    guard queue.size >= 4 else { throw .unsuitable }
    guard let frame = PhysicalMemory.allocateZeroed() else { throw .noMemory }
    self.frame = frame
    // Each takes three descriptors at least.
    let count = min(Frame.size / Self.slotSize, Int(queue.size) / 3)
    requests = RequestSlots(count: count)
  }

  /// What one request may have besides header and status.
  var pieceLimit: Int { Int(queue.size) - 2 }

  /// False: there is no room now.
  func start(_ request: DiskRequest) -> Bool {
    if queue.isBroken {
      request.end(false)
      return true
    }
    guard let slot = requests.next else { return false }
    let place = slot &* Self.slotSize
    let isDiscard = request.kind == .discard
    frame.storeWord(request.kind.rawValue, at: place)
    frame.storeWord(isDiscard ? 0 : request.offset / 512, at: place &+ 8)
    frame.storeWord(0xff, at: place &+ Self.statusOffset)
    var isComplete = queue.append(frame, offset: place, count: Self.headerSize, deviceWrites: false)
    for piece in request.pieces {
      isComplete = isComplete && queue.append(piece, deviceWrites: request.kind == .read)
    }
    if isDiscard {
      // virtio_blk_discard_write_zeroes (§5.2.6): the first sector, how many (32 bits), flags.
      frame.storeWord(request.offset / 512, at: place &+ Self.rangeOffset)
      frame.storeWord(UInt64(min(request.count / 512, Int(UInt32.max))), at: place &+ Self.rangeOffset &+ 8)
      isComplete =
        isComplete
        && queue.append(frame, offset: place &+ Self.rangeOffset, count: Self.rangeSize, deviceWrites: false)
    }
    isComplete =
      isComplete && queue.append(frame, offset: place &+ Self.statusOffset, count: 1, deviceWrites: true)
    guard isComplete else {
      queue.abandon()
      if queue.outstanding > 0 { return false }
      request.end(false)
      return true
    }
    requests.add(request)
    slots[Int(queue.publish())] = UInt8(slot)
    return true
  }

  func takeFinished() {
    while let used = queue.takeUsed() {
      let slot = Int(slots[Int(used.chain)])
      guard let request = requests.remove(slot) else { continue }
      // Fewer bytes than were asked for would leave the memory as it was.
      let expected = request.kind == .read ? request.count &+ 1 : 1
      let status = frame.loadWord(at: slot &* Self.slotSize &+ Self.statusOffset) & 0xff
      request.end(used.count == UInt32(expected) && status == 0)
    }
    if queue.isBroken { for request in requests.removeAll() { request.end(false) } }
  }
}
