// SPDX-License-Identifier: Apache-2.0
import Machine
import Storage

/// The disk below a file system. What is written goes to the disk; if that cannot be written, blocks of 4 KiB that
/// were written stay in memory, and the disk as it is.
///
/// Which frame holds such a block is found in a table of two levels, made as it is needed: each leaf is a frame
/// of 512 entries, for 2 MiB of the disk.
final class MountedDisk: BlockDevice {
  /// So many frames are left to the rest of the kernel and to the program.
  private static let reserve = 256
  private static let leafSize = 512

  let sizeInBytes: UInt64
  /// Blocks that were written and are now in memory.
  private(set) var blockCount = 0
  let disk: Disk
  /// What is written is still there when the machine ends.
  var isDurable: Bool { !disk.isReadOnly }
  /// The frame of each leaf, 0 where there is none; empty before the first write.
  private var leaves: [UInt32] = []

  init(_ disk: Disk) {
    self.disk = disk
    sizeInBytes = disk.sizeInBytes
  }

  // MARK: the table

  /// The frame that holds `block`, if it was written.
  @inline(__always)
  private func frame(of block: Int) -> Frame? {
    guard !leaves.isEmpty else { return nil }
    let leaf = leaves[block / Self.leafSize]
    guard leaf != 0 else { return nil }
    let number = Frame(number: leaf).loadWord(at: block % Self.leafSize * 8)
    return number == 0 ? nil : Frame(number: UInt32(truncatingIfNeeded: number))
  }

  private static func allocate() throws(StorageError) -> Frame {
    // The page cache, whose pages are copies of these, gives way.
    if PhysicalMemory.available <= reserve { _ = PageCache.reclaim(64) }
    guard PhysicalMemory.available > reserve, let frame = PhysicalMemory.allocateZeroed() else { throw .noSpace }
    return frame
  }

  /// A frame for `block`, which has none: filled from the disk, unless all of it is about to be overwritten.
  private func makeFrame(for block: Int, isOverwritten: Bool) throws(StorageError) -> Frame {
    let blocks = Int((sizeInBytes + UInt64(Frame.size) - 1) / UInt64(Frame.size))
    if leaves.isEmpty {
      let count = (blocks + Self.leafSize - 1) / Self.leafSize
      guard PhysicalMemory.available > Self.reserve + count * 4 / Frame.size else { throw .noSpace }
      leaves = [UInt32](repeating: 0, count: count)
    }
    if leaves[block / Self.leafSize] == 0 { leaves[block / Self.leafSize] = try Self.allocate().number }
    let frame = try Self.allocate()
    if !isOverwritten {
      do throws(StorageError) {
        try disk.read(framesAt: UInt64(block * Frame.size), into: [frame])
      } catch {
        PhysicalMemory.release(frame)
        throw error
      }
    }
    Frame(number: leaves[block / Self.leafSize]).storeWord(UInt64(frame.number), at: block % Self.leafSize * 8)
    blockCount += 1
    return frame
  }

  private func check(_ offset: UInt64, _ count: Int) throws(StorageError) {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= sizeInBytes, offset % 512 == 0, count % 512 == 0 else { throw .inputOutput }
  }

  // MARK: BlockDevice

  func read(at offset: UInt64, into destination: inout MutableSpan<UInt8>) throws(StorageError) {
    try check(offset, destination.count)
    // Nothing in memory: all of it from the disk, in one go.
    if blockCount == 0 { return try disk.read(at: offset, into: &destination) }
    var done = 0
    while done < destination.count {
      let position = Int(offset) + done
      let start = position % Frame.size
      var piece = min(Frame.size - start, destination.count - done)
      if let frame = frame(of: position / Frame.size) {
        frame.withBytes { bytes in
          for index in 0..<piece { destination[done + index] = bytes[start + index] }
        }
      } else {
        // As far as nothing in memory comes in between.
        while done + piece < destination.count && frame(of: (position + piece) / Frame.size) == nil {
          piece += min(Frame.size, destination.count - done - piece)
        }
        var part = destination._mutatingExtracting(done..<done + piece)
        try disk.read(at: UInt64(position), into: &part)
      }
      done += piece
    }
  }

  /// Has whole frames' worth of data read from `offset` straight into `frames`, as a part of `transfer`. What lies
  /// beyond the end of the disk is zero.
  func read(framesAt offset: UInt64, into frames: ArraySlice<Frame>, for transfer: DiskTransfer) {
    var index = frames.startIndex
    while index < frames.endIndex {
      let position = offset &+ UInt64((index &- frames.startIndex) &* Frame.size)
      if let frame = heldFrame(at: position) {
        frames[index].copy(from: frame)
        index &+= 1
        continue
      }
      guard position < sizeInBytes, sizeInBytes &- position >= UInt64(Frame.size) else {
        do throws(StorageError) {
          try disk.read(framesAt: position, into: frames[index...index])
        } catch { transfer.fail() }
        index &+= 1
        continue
      }
      // As far as nothing in memory comes in between, and the disk goes.
      var end = index &+ 1
      let last = min(frames.endIndex, index &+ Int(min((sizeInBytes &- position) / UInt64(Frame.size), 1 << 20)))
      while end < last, heldFrame(at: position &+ UInt64((end &- index) &* Frame.size)) == nil { end &+= 1 }
      while index < end {
        let part = DiskTransfer.Part(
          .read, at: offset &+ UInt64((index &- frames.startIndex) &* Frame.size), of: transfer)
        index &+= disk.add(frames[index..<end], to: part)
        disk.submit(part)
      }
    }
  }

  /// What is in memory in place of the disk's block at `offset`.
  @inline(__always)
  private func heldFrame(at offset: UInt64) -> Frame? {
    if blockCount == 0 || offset >= sizeInBytes { return nil }
    return frame(of: Int(offset / UInt64(Frame.size)))
  }

  func write(at offset: UInt64, from source: Span<UInt8>) throws(StorageError) {
    if isDurable { return try disk.write(at: offset, from: source) }
    try check(offset, source.count)
    var done = 0
    while done < source.count {
      let position = Int(offset) + done
      let start = position % Frame.size
      let piece = min(Frame.size - start, source.count - done)
      let block = position / Frame.size
      let held = frame(of: block)
      let frame = if let held { held } else { try makeFrame(for: block, isOverwritten: piece == Frame.size) }
      frame.store(source.extracting(done..<done + piece), at: start)
      done += piece
    }
  }

  /// Gives back the memory of whole blocks; what is on the disk below shows again, which is as good as any.
  func discard(at offset: UInt64, count: UInt64) {
    if isDurable { return disk.discard(at: offset, count: count) }
    guard blockCount > 0, offset <= sizeInBytes, count <= sizeInBytes - offset else { return }
    let size = UInt64(Frame.size)
    let end = Int((offset + count) / size)
    var block = Int((offset + size - 1) / size)
    while block < end {
      let leaf = leaves[block / Self.leafSize]
      if leaf == 0 {
        block = (block / Self.leafSize + 1) * Self.leafSize
        continue
      }
      let place = block % Self.leafSize * 8
      let number = Frame(number: leaf).loadWord(at: place)
      if number != 0 {
        Frame(number: leaf).storeWord(0, at: place)
        PhysicalMemory.release(Frame(number: UInt32(truncatingIfNeeded: number)))
        blockCount -= 1
      }
      block += 1
    }
  }

  /// There is nothing behind the memory that could be made durable.
  func flush() throws(StorageError) {
    if isDurable { try disk.flush() }
  }
}
