// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

extension Frame {
  /// Copies `count` bytes from `offset` to `target` at `targetOffset`; both ranges lie inside a frame.
  public func copy(from offset: Int, count: Int, to target: Frame, at targetOffset: Int) {
    precondition(
      offset >= 0 && count >= 0 && offset &+ count <= Frame.size && targetOffset >= 0
        && targetOffset &+ count <= Frame.size && target != self)
    UnsafeMutableRawPointer(bitPattern: UInt(target.address) + UInt(targetOffset))!
      .copyMemory(from: UnsafeRawPointer(bitPattern: UInt(address) + UInt(offset))!, byteCount: count)
  }

  /// The byte at `offset` modulo the size of a frame.
  @inline(__always)
  public func wrappedByte(at offset: Int) -> UInt8 {
    UnsafePointer<UInt8>(bitPattern: UInt(address &+ UInt64(offset & 4095))).unsafelyUnwrapped.pointee
  }

  /// Eight bytes from `offset` modulo the size of a frame, the first in the lowest bits; behind the end of
  /// the frame zeros follow.
  @inline(__always)
  public func wrappedWord(at offset: Int) -> UInt64 {
    let start = offset & 4095
    if start > 4088 { return lastWord(from: start) }
    return UnsafeRawPointer(bitPattern: UInt(address &+ UInt64(start))).unsafelyUnwrapped
      .loadUnaligned(as: UInt64.self)
  }

  /// Eight bytes at `offset`, a multiple of 4, that a device may have just written.
  public func loadWordOfDevice(at offset: Int) -> UInt64 {
    precondition(offset >= 0 && offset &+ 8 <= Frame.size && offset & 3 == 0)
    // The upper half first: what says that an entry is new must not be older than the rest of it.
    let high = UInt64(mmio_read32(address &+ UInt64(offset) &+ 4))
    return high << 32 | UInt64(mmio_read32(address &+ UInt64(offset)))
  }

  @inline(never)
  private func lastWord(from start: Int) -> UInt64 { loadWord(at: 4088) >> UInt64((start - 4088) * 8) }

  /// Copies `bytes` here, at `offset`.
  public func store(_ bytes: Span<UInt8>, at offset: Int) {
    let count = bytes.count
    precondition(offset >= 0 && count <= Frame.size && offset &+ count <= Frame.size)
    bytes.withUnsafeBufferPointer {
      guard let source = $0.baseAddress else { return }
      UnsafeMutableRawPointer(bitPattern: UInt(address) + UInt(offset))!.copyMemory(from: source, byteCount: count)
    }
  }
}
