// SPDX-License-Identifier: Apache-2.0
import Channel
import Machine

/// Sends frames to the tool: each is put together in one frame of memory and given to the device.
final class Transmitter {
  /// The most bytes that one frame of the channel carries here.
  static let payloadLimit = Frame.size - FrameHeader.size
  private static let bufferLimit = 8

  private let console: VirtioConsole
  /// Buffers that are neither filled nor with the device.
  private var free = InlineArray<8, Frame>(repeating: Frame(number: 0))
  private var freeCount = 0
  private var bufferCount = 0
  /// The buffer that each chain has.
  private var buffers = InlineArray<16, Frame>(repeating: Frame(number: 0))
  /// Kept for last words.
  private let reserve: Frame

  /// Nil: there is no memory.
  init?(_ console: VirtioConsole) {
    guard let reserve = PhysicalMemory.allocateUninitialized() else { return nil }
    self.console = console
    self.reserve = reserve
    // A page fault while one buffer is being filled may want to send a message.
    for _ in 0..<3 { grow() }
    guard bufferCount == 3 else { return nil }
  }

  private func grow() {
    guard bufferCount < Self.bufferLimit, let frame = PhysicalMemory.allocateUninitialized() else { return }
    free[freeCount] = frame
    freeCount += 1
    bufferCount += 1
  }

  /// Takes back what the device is done with.
  private func reclaim() {
    while let used = console.transmit.takeUsed() {
      free[freeCount] = buffers[Int(used.chain)]
      freeCount += 1
    }
    if console.transmit.isBroken { Console.broken() }
  }

  /// A buffer to fill; waits for one if all are with the device.
  func take() -> Frame {
    if freeCount == 0 { reclaim() }
    if freeCount == 0 && PhysicalMemory.available > 64 { grow() }
    if freeCount == 0 { wait { self.freeCount > 0 } }
    freeCount -= 1
    return free[freeCount]
  }

  /// Gives back a buffer without sending it.
  func discard(_ buffer: Frame) {
    free[freeCount] = buffer
    freeCount += 1
  }

  /// Sends a buffer whose payload, after the header's eight bytes, is filled with `count` bytes.
  func send(_ buffer: Frame, _ kind: FrameKind, argument: UInt8, count: Int) {
    buffer.storeWord(UInt64(kind.rawValue) | UInt64(argument) << 8 | UInt64(count) << 32, at: 0)
    // There are more descriptors than buffers.
    guard console.transmit.append(buffer, count: FrameHeader.size + count, deviceWrites: false) else {
      Console.broken()
    }
    buffers[Int(console.transmit.publish())] = buffer
  }

  /// Tells the device about what was sent.
  func flush() { console.notifyTransmit() }

  /// Waits until the device has taken everything.
  func drain() {
    flush()
    wait { self.console.transmit.outstanding == 0 }
  }

  /// Waits, halted, until `isReady` is true after a reclaim.
  private func wait(_ isReady: () -> Bool) {
    flush()
    console.transmit.setInterrupts(true)
    Processor.withoutInterrupts {
      while true {
        console.transport.takeInterrupt()
        reclaim()
        // Asked after the reclaim, and about what it took: the device works on meanwhile.
        if isReady() { break }
        Interrupts.halt()
      }
    }
    console.transmit.setInterrupts(false)
    // The interrupt that ended the wait may have been about input.
    PendingWork.add(.device)
  }

  /// Last words, without waiting for long and without memory: a frame that has no payload but `value`.
  func sendLast(_ kind: FrameKind, argument: UInt8, value: UInt32) {
    console.transmit.abandon()
    reserve.storeWord(UInt64(value), at: 8)
    send(reserve, kind, argument: argument, count: 4)
    flush()
    var rounds = 0
    while console.transmit.outstanding > 0 && !console.transmit.isBroken && rounds < 10_000_000 {
      _ = console.transmit.takeUsed()
      Processor.pause()
      rounds += 1
    }
  }
}
