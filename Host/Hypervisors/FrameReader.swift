// SPDX-License-Identifier: Apache-2.0
import Channel
import HostSystem
import SystemPackage

/// Takes frames from the stream that the kernel sends.
struct FrameReader: ~Copyable {
  private let file: OpenFile
  private var buffer = [UInt8](repeating: 0, count: 2 * (FrameHeader.size + FrameHeader.maximumPayload))
  /// What has been read and not been taken yet.
  private var pending = 0..<0

  init(_ file: OpenFile) {
    self.file = file
  }

  /// Waits for the next frame and passes it to `body`, with its payload where it lies in the buffer; false at the end
  /// of the stream. Throws if the stream is no sequence of frames.
  mutating func next(_ body: (FrameHeader, Span<UInt8>) -> Void) throws(Failure) -> Bool {
    guard try fill(FrameHeader.size) else { return false }
    guard let header = FrameHeader(buffer.span.extracting(pending.prefix(FrameHeader.size))) else {
      throw Failure("what the machine sent is not Vorteil's protocol: do the kernel and the tool belong together?")
    }
    let length = Int(header.length)
    guard try fill(FrameHeader.size + length) else { return false }
    let start = pending.lowerBound + FrameHeader.size
    body(header, buffer.span.extracting(start..<start + length))
    pending = start + length..<pending.upperBound
    return true
  }

  /// Reads until `count` bytes are pending; false if the stream ends before.
  private mutating func fill(_ count: Int) throws(Failure) -> Bool {
    while pending.count < count {
      if pending.isEmpty {
        pending = 0..<0
      } else if buffer.count - pending.lowerBound < count {
        for (target, source) in pending.enumerated() { buffer[target] = buffer[source] }
        pending = 0..<pending.count
      }
      let (file, end) = (file, pending.upperBound)
      do throws(Errno) {
        var all = buffer.mutableSpan
        var free = all._mutatingExtracting(droppingFirst: end)
        let length = try file.read(into: &free)
        if length == 0 { return false }
        pending = pending.lowerBound..<end + length
      } catch {
        throw Failure("cannot read from the machine: \(error)")
      }
    }
    return true
  }
}

/// Sends frames to the kernel.
struct FrameWriter: Sendable {
  let file: OpenFile

  func send(_ kind: FrameKind, argument: UInt8 = 0, payload: Span<UInt8>) throws(Errno) {
    var header = [UInt8](repeating: 0, count: FrameHeader.size)
    var span = header.mutableSpan
    FrameHeader(kind: kind, argument: argument, length: UInt32(payload.count)).encode(into: &span)
    // One write, so that a frame and its payload travel together.
    header.reserveCapacity(FrameHeader.size + payload.count)
    for index in payload.indices { header.append(payload[index]) }
    try file.write(header.span)
  }
}
