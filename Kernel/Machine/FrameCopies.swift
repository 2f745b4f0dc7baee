// SPDX-License-Identifier: Apache-2.0

extension Frame {
  /// Copies `count` bytes from `offset` to `target` at `targetOffset`; both ranges lie inside a frame.
  public func copy(from offset: Int, count: Int, to target: Frame, at targetOffset: Int) {
    precondition(
      offset >= 0 && count >= 0 && offset &+ count <= Frame.size && targetOffset >= 0
        && targetOffset &+ count <= Frame.size && target != self)
    UnsafeMutableRawPointer(bitPattern: UInt(target.address) + UInt(targetOffset))!
      .copyMemory(from: UnsafeRawPointer(bitPattern: UInt(address) + UInt(offset))!, byteCount: count)
  }

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
