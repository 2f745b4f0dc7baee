// SPDX-License-Identifier: Apache-2.0
import Machine

/// A source of random bytes behind virtio (virtio 1.2 §5.4). Asked while booting, it answers in its own
/// time; nobody waits unless there is no other source.
final class VirtioEntropy {
  /// Bytes of one answer.
  static let size = 64

  private let transport: VirtioTransport
  private let queue: Virtqueue
  private let frame: Frame

  /// Takes the device over and asks it for bytes.
  init(_ transport: VirtioTransport) throws(VirtioError) {
    _ = try transport.negotiate(0)
    let queue = try transport.makeQueue(0, limit: 4)
    guard let frame = PhysicalMemory.allocateZeroed() else { throw .noMemory }
    self.transport = transport
    self.queue = queue
    self.frame = frame
    transport.start()
    request()
  }

  private func request() {
    guard queue.append(frame, count: Self.size, deviceWrites: true) else { return }
    _ = queue.publish()
    transport.notify(0, queue)
  }

  /// Whether bytes have arrived.
  var isReady: Bool { queue.hasUsed }

  /// Waits until bytes have arrived.
  func wait() {
    Processor.withoutInterrupts {
      while true {
        transport.takeInterrupt()
        if queue.hasUsed { return }
        Interrupts.halt()
      }
    }
  }

  /// Calls `body` with the bytes that have arrived, erases them, and asks for more if `again`. False: none
  /// have arrived.
  func take(again: Bool, _ body: (Span<UInt8>) -> Void) -> Bool {
    transport.takeInterrupt()
    guard let used = queue.takeUsed(), used.count > 0 else { return false }
    let count = min(Int(used.count), Self.size)
    frame.withBytes { bytes in
      body(bytes.span.extracting(first: count))
    }
    frame.clear(from: 0, count: Self.size)
    if again { request() }
    return true
  }
}
