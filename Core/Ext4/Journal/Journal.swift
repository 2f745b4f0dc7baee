// SPDX-License-Identifier: Apache-2.0
import Storage

// The journal (the layout, "Journal (jbd2)"), and how to use a file system that has one:
//
// * Every public function of `Ext4FileSystem` that changes something is atomic: after a power cut either all of
//   it is there or nothing. Long ones (a large `truncate`, `release` or `write`) are cut into atomic steps,
//   and the orphan list on the disk makes the next mount finish those that must not stop half way.
// * Changes of metadata are gathered into one running transaction. `flush` commits it, which makes everything
//   durable that was changed before, content of files included: call it for fsync(2), fdatasync(2) and sync(2),
//   and every few seconds while `hasChanges`. A transaction that becomes too large is committed by itself.
// * Content of files goes to the device at once, so it is there before the metadata that points to it is
//   committed (Linux's data=ordered). Blocks that were given up are not used again before that is committed.
// * `unmount` empties the journal; a device that was not unmounted is recovered by the next mount.
// * An inode whose last name went stands on the orphan list until `release`; the next mount releases those
//   whose users did not live to do it.
// * If the device fails while the journal is written, the file system turns read-only: `isReadOnly`.

/// A piece of the journal's file.
struct JournalRun {
  let logical: UInt32
  let count: UInt32
  let physical: UInt64
}

/// Blocks of one group that were freed in the running transaction.
struct FreedBlocks {
  let group: UInt64
  var bitmap: [UInt8]

  fileprivate mutating func add(_ range: Range<Int>) {
    var bits = bitmap.mutableSpan
    _ = bits.setBits(range, true)
  }
}

/// Blocks of the log that are gathered to be written at once.
struct LogBuffer {
  /// How many blocks are gathered at most.
  static let capacity = 32
  private(set) var bytes: [UInt8] = []
  /// The first block's place on the device.
  private var start: UInt64 = 0

  /// Whether a block that belongs to that place can be added.
  func accepts(_ block: UInt64, blockSize: Int) -> Bool {
    let count = bytes.count / blockSize
    return count == 0 || count < Self.capacity && start + UInt64(count) == block
  }

  mutating func add(_ block: UInt64, blockSize: Int, _ body: (inout MutableSpan<UInt8>) -> Void) {
    let offset = bytes.count
    if offset == 0 { start = block }
    bytes.append(addingCapacity: blockSize) { $0.append(repeating: 0, count: blockSize) }
    var all = bytes.mutableSpan
    var span = all.part(offset..<(offset + blockSize))
    body(&span)
  }

  mutating func write<Device: BlockDevice>(to device: Device, blockShift: UInt64) throws(StorageError) {
    guard !bytes.isEmpty else { return }
    try device.write(at: start << blockShift, from: bytes.span)
    bytes.removeAll(keepingCapacity: true)
  }
}

/// What is known of a file system's journal.
///
/// There is one running transaction, whose blocks the cache keeps; a commit is complete when it returns. Committed
/// blocks are written to their own places when the cache needs room or the log does ("checkpoint").
final class Journal {
  var superblock: JournalSuperblock
  var format: JournalFormat
  let runs: [JournalRun]
  /// The block of the log where the next transaction starts, and how many are taken by those that count.
  var head: UInt32
  var usedBlocks: UInt32 = 0
  /// The number of the running transaction.
  var sequence: UInt32
  /// The disk says that the journal may have to be replayed, which must be so before the first transaction.
  var isStarted = false
  /// Blocks of metadata that were freed in the running transaction while the log may have copies of them.
  var revocations: [UInt64] = []
  var freed: [FreedBlocks] = []
  /// How many blocks the above are.
  var freedCount: UInt64 = 0
  /// How many blocks a transaction may change.
  let transactionLimit: Int

  var buffer = LogBuffer()

  /// What every step of an operation may change, its worst case: a tree of extents of full depth that is split
  /// at all levels in different groups, or two directories with their inodes.
  static let stepBlocks = 64
  static let stepRevocations = 512
  private static let maximumRevocations = 8192

  init(_ superblock: JournalSuperblock, _ runs: [JournalRun], blockSize: Int, cacheBlocks: Int) {
    self.superblock = superblock
    self.runs = runs
    format = superblock.format(blockSize: blockSize)
    head = superblock.first
    sequence = superblock.sequence
    let length = Int(superblock.end - superblock.first)
    transactionLimit = min(length / 4, max(cacheBlocks, 2 * Self.stepBlocks))
  }

  var length: UInt32 { superblock.end - superblock.first }

  /// How many blocks of the log a transaction takes.
  private func logBlocks(_ blocks: Int, revocations: Int) -> Int {
    let descriptors = (blocks + format.tagsPerDescriptor - 1) / format.tagsPerDescriptor
    return blocks + descriptors + (revocations + format.revocationsPerBlock - 1) / format.revocationsPerBlock + 1
  }

  /// Whether one more step fits into a running transaction of that many blocks.
  func hasRoom(_ blocks: Int) -> Bool {
    blocks + Self.stepBlocks <= transactionLimit
      && revocations.count + Self.stepRevocations <= Self.maximumRevocations
  }

  /// Whether the log must be emptied before the next transaction, however large that will be.
  var needsCheckpoint: Bool {
    let largest = logBlocks(transactionLimit + Self.stepBlocks, revocations: Self.maximumRevocations)
    return Int(usedBlocks) + largest > Int(length)
  }

  /// Whether the log has room for a transaction.
  func canHold(_ blocks: Int) -> Bool {
    Int(usedBlocks) + logBlocks(blocks, revocations: revocations.count) <= Int(length)
  }

  /// The block behind one of the log, which is a ring.
  func next(_ block: UInt32) -> UInt32 { block + 1 == superblock.end ? superblock.first : block + 1 }

  /// Where a block of the journal's file is on the device. The runs cover the file.
  func physical(_ block: UInt32) -> UInt64 {
    var (low, high) = (0, runs.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].logical <= block { low = middle } else { high = middle }
    }
    return runs[low].physical + UInt64(block - runs[low].logical)
  }

  /// The log is empty from here on.
  func restart(sequence: UInt32) {
    head = superblock.first
    usedBlocks = 0
    self.sequence = sequence
  }

  // MARK: Blocks that were freed

  func remember(freed range: Range<Int>, group: UInt64, bitmapSize: Int) {
    freedCount += UInt64(range.count)
    var index = freed.count - 1
    while index >= 0, freed[index].group != group { index -= 1 }
    if index < 0 {
      index = freed.count
      freed.append(FreedBlocks(group: group, bitmap: [UInt8](repeating: 0, count: bitmapSize)))
    }
    freed[index].add(range)
  }

  func freedBitmap(_ group: UInt64) -> [UInt8]? {
    for blocks in freed where blocks.group == group { return blocks.bitmap }
    return nil
  }
}
