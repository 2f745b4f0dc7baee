// SPDX-License-Identifier: Apache-2.0
import Machine

/// A virtio console (virtio 1.2 §5.3): a pair of queues that carry bytes.
///
/// If the device has more than one port, port 1 is used, else port 0. QEMU gives only ports other than 0
/// flow control; what does not fit into the pipe behind port 0, it throws away (hw/char/virtio-console.c).
final class VirtioConsole {
  private static let multiplePorts: UInt64 = 1 << 1
  private static let receiveBuffers = 4

  let transport: VirtioTransport
  let transmit: Virtqueue
  private let receive: Virtqueue
  private let receiveIndex: UInt16
  private let transmitIndex: UInt16
  /// For port 1; kept, since the device may still read there.
  private var control: Virtqueue?
  /// The receiving frames, by the chain that has each.
  private var frames = InlineArray<16, Frame>(repeating: Frame(number: 0))

  /// Takes the device over; from now on bytes may arrive.
  init(_ transport: VirtioTransport) throws(VirtioError) {
    let features = try transport.negotiate(Self.multiplePorts)
    let hasPorts = features & Self.multiplePorts != 0
    // §5.3.2: queues 0 and 1 are port 0's, 2 and 3 for control, 4 and 5 port 1's.
    receiveIndex = hasPorts ? 4 : 0
    transmitIndex = receiveIndex + 1
    let receive = try transport.makeQueue(receiveIndex, limit: 16)
    let transmit = try transport.makeQueue(transmitIndex, limit: 16)
    transmit.setInterrupts(false)
    self.transport = transport
    self.receive = receive
    self.transmit = transmit
    if hasPorts {
      try openPort()
    } else {
      transport.start()
    }
    for _ in 0..<Self.receiveBuffers {
      guard let frame = PhysicalMemory.allocateUninitialized() else { throw .noMemory }
      post(frame)
    }
    transport.notify(receiveIndex, self.receive)
  }

  /// Tells the device that port 1 is there and open (§5.3.6.2). What it has to say on its part is not
  /// asked for: there is one port, and it is connected.
  private func openPort() throws(VirtioError) {
    let control = try transport.makeQueue(3, limit: 4)
    guard let frame = PhysicalMemory.allocateZeroed() else { throw .noMemory }
    control.setInterrupts(false)
    transport.start()
    // virtio_console_control: port number (32 bits), event, value (16 bits each).
    let deviceReady: UInt64 = 0
    let portReady: UInt64 = 3
    let portOpen: UInt64 = 6
    frame.storeWord(deviceReady << 32 | 1 << 48, at: 0)
    frame.storeWord(1 | portReady << 32 | 1 << 48, at: 8)
    frame.storeWord(1 | portOpen << 32 | 1 << 48, at: 16)
    for index in 0..<3 {
      guard control.append(frame, offset: index * 8, count: 8, deviceWrites: false) else { throw .broken }
      _ = control.publish()
    }
    transport.notify(3, control)
    self.control = control
  }

  private func post(_ frame: Frame) {
    guard receive.append(frame, count: Frame.size, deviceWrites: true) else { return }
    frames[Int(receive.publish())] = frame
  }

  /// Whether `takeReceived` has something to say.
  var hasReceived: Bool { receive.hasUsed }

  /// Calls `body` with what has arrived, piece by piece. False: the device broke the rules.
  func takeReceived(_ body: (Span<UInt8>) -> Void) -> Bool {
    while let used = receive.takeUsed() {
      let frame = frames[Int(used.chain)]
      frame.withBytes { bytes in
        body(bytes.span.extracting(first: Int(used.count)))
      }
      post(frame)
      transport.notify(receiveIndex, receive)
    }
    return !receive.isBroken
  }

  /// Tells the device that there is more to send.
  func notifyTransmit() { transport.notify(transmitIndex, transmit) }
}
