// SPDX-License-Identifier: Apache-2.0
import Storage

/// A disk in memory with a volatile write cache: it records what is written, and when it is made durable, so that
/// a test can say what would be on it had the power gone at any instant.
final class RecordingDevice: BlockDevice {
  enum Event {
    case write(offset: Int, bytes: [UInt8])
    case flush
  }

  private let memory: MemoryDevice
  /// What was on the disk when the recording began.
  let start: [UInt8]
  private(set) var events: [Event] = []
  /// Throws from the write with this number on (0 is the first).
  var failsFrom = Int.max

  init(_ bytes: [UInt8]) {
    memory = MemoryDevice(bytes)
    start = bytes
  }

  var sizeInBytes: UInt64 { memory.sizeInBytes }

  func read(at offset: UInt64, into destination: inout MutableSpan<UInt8>) throws(StorageError) {
    try memory.read(at: offset, into: &destination)
  }

  func write(at offset: UInt64, from source: Span<UInt8>) throws(StorageError) {
    guard events.count < failsFrom else { throw .inputOutput }
    try memory.write(at: offset, from: source)
    events.append(.write(offset: Int(offset), bytes: copy(source)))
  }

  func flush() throws(StorageError) {
    guard events.count < failsFrom else { throw .inputOutput }
    events.append(.flush)
  }

  var bytes: [UInt8] { memory.bytes }
}

/// Makes the contents of a disk after power cuts at ever later instants.
struct PowerCutDisk {
  private let events: [RecordingDevice.Event]
  /// Everything up to the last flush before `position`.
  private var durable: [UInt8]
  private var flushed = 0

  init(_ device: RecordingDevice) {
    events = device.events
    durable = device.start
  }

  /// What may be on the disk if the power goes after `count` events: of what was not flushed any part, in any
  /// order, and sectors of a write without the others. Only the block of the superblock is written as a whole,
  /// which ext4 relies on: its checksum stands in another sector than what changes.
  mutating func content(after count: Int, _ random: inout SeededGenerator) -> [UInt8] {
    var lastFlush = flushed
    for index in flushed..<count {
      if case .flush = events[index] { lastFlush = index + 1 }
    }
    for index in flushed..<lastFlush { Self.apply(events[index], to: &durable) }
    flushed = lastFlush

    var pending = Array(events[lastFlush..<count])
    var result = durable
    switch random.next() % 4 {
    case 0: break  // All of them, in their order.
    case 1: pending.removeAll { _ in random.next() % 2 == 0 }
    default:
      pending.removeAll { _ in random.next() % 4 == 0 }
      pending.shuffle(using: &random)
    }
    for event in pending {
      guard case .write(let offset, let bytes) = event, offset >= 4096, random.next() % 4 == 0 else {
        Self.apply(event, to: &result)
        continue
      }
      for sector in stride(from: 0, to: bytes.count, by: 512) where random.next() % 2 == 0 {
        result.replaceSubrange((offset + sector)..<(offset + sector + 512), with: bytes[sector..<(sector + 512)])
      }
    }
    return result
  }

  private static func apply(_ event: RecordingDevice.Event, to disk: inout [UInt8]) {
    if case .write(let offset, let bytes) = event { disk.replaceSubrange(offset..<(offset + bytes.count), with: bytes) }
  }
}
