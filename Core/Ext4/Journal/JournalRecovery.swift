// SPDX-License-Identifier: Apache-2.0
import Storage

/// The newest copy of a block in the log.
struct JournaledBlock {
  let block: UInt64
  /// Twice the number of the transaction, counted from the oldest; one more for a revocation, which also counts
  /// for the copies of its own transaction.
  let order: UInt32
  /// Where the copy is in the journal's file.
  let copy: UInt32
  let isEscaped: Bool
}

/// What a search through the log has found so far.
private struct LogScan {
  var position: UInt32
  var sequence: UInt32
  var transactions: UInt32 = 0
  /// Blocks of the log that were looked at.
  var count: UInt32 = 0
  var found: [JournaledBlock] = []
  /// Of `found`, those of transactions that are complete.
  var committed = 0
  /// A copy of the current transaction is not what was written.
  var hasBadCopy = false
}

extension Ext4FileSystem {
  /// Reads the journal's inode and superblock.
  func loadJournal(cacheBlocks: Int) throws(Ext4Error) -> Journal {
    let number = superblock.journalInode
    guard number == Self.journalInode else {
      if number == 0 { throw .unsupported("a journal on another device") }
      throw .corrupt("superblock: journal inode")
    }
    let (flags, size) = try readInode(number) { ($0.inodeFlags, $0.inodeSizeInBytes) }
    guard flags & InodeFlag.extents != 0 else { throw .unsupported("a journal with block maps (ext3)") }
    let blocks = min(size >> blockShift, UInt64(UInt32.max))
    var runs: [JournalRun] = []
    var position: UInt64 = 0
    while position < blocks {
      let run = try run(of: number, at: position)
      guard run.state == .data else { throw .corrupt("journal: has a hole") }
      let count = min(run.count, blocks - position)
      runs.append(JournalRun(logical: UInt32(position), count: UInt32(count), physical: run.physicalBlock))
      position += count
    }
    guard let start = runs.first?.physical else { throw .corrupt("journal: is empty") }
    var block = [UInt8](repeating: 0, count: blockSize)
    try readDevice(start << blockShift, block.mutableSpan)
    let journalSuperblock = try JournalSuperblock(block.span, blockSize: blockSize, fileBlocks: blocks)
    return Journal(journalSuperblock, runs, blockSize: blockSize, cacheBlocks: cacheBlocks)
  }

  static var journalInode: InodeNumber { 8 }

  /// The newest copies of all blocks that complete transactions in the log have, in ascending order.
  ///
  /// The log ends with the first thing that is not of the next transaction, or whose checksum is wrong: such a
  /// transaction was being written when the power went. But if its end, or the transaction behind it, proves that
  /// all of it was written once, the disk has lost what was promised: that is `corrupt`.
  func scan(_ journal: Journal) throws(Ext4Error) -> [JournaledBlock] {
    var scan = LogScan(position: journal.superblock.start, sequence: journal.superblock.sequence)
    var block = [UInt8](repeating: 0, count: blockSize)
    // The log is a ring: with more blocks than it has it would bite its own tail.
    while scan.count < journal.length {
      try readLog(journal, scan.position, &block)
      guard block.span.isJournalBlock(sequence: scan.sequence) else { break }
      advance(&scan, journal)
      let type = block.span.bigEndian32(at: JournalField.type)
      if type == JournalBlockType.commit {
        guard try endTransaction(&scan, journal, block) else { break }
      } else if type == JournalBlockType.descriptor || type == JournalBlockType.revoke {
        guard journal.format.tailMatches(block.span) else {
          if try isCommittedFurtherOn(scan, journal) { throw .corrupt("journal: a transaction is damaged") }
          break
        }
        if type == JournalBlockType.descriptor {
          try readDescriptor(&scan, journal, block)
        } else {
          try readRevocations(&scan, journal, block)
        }
      } else {
        break
      }
    }
    // The number of the first transaction that does not count is not used again: its remains are in the log.
    journal.restart(sequence: scan.sequence &+ 1)
    return newest(scan.found, count: scan.committed)
  }

  private func readLog(_ journal: Journal, _ position: UInt32, _ block: inout [UInt8]) throws(Ext4Error) {
    try readDevice(journal.physical(position) << blockShift, block.mutableSpan)
  }

  private func advance(_ scan: inout LogScan, _ journal: Journal) {
    scan.position = journal.next(scan.position)
    scan.count += 1
  }

  /// Takes what was gathered, if the commit block is right; false at the end of the log.
  private func endTransaction(_ scan: inout LogScan, _ journal: Journal, _ block: [UInt8]) throws(Ext4Error) -> Bool {
    guard journal.format.commitMatches(block.span) else {
      var next = block
      try readLog(journal, scan.position, &next)
      if next.span.isJournalBlock(sequence: scan.sequence &+ 1) { throw .corrupt("journal: a commit is damaged") }
      return false
    }
    if scan.hasBadCopy { throw .corrupt("journal: a copy is damaged") }
    scan.committed = scan.found.count
    scan.sequence &+= 1
    scan.transactions += 1
    return true
  }

  /// Whether there is a commit of the current transaction, although a part of it is damaged.
  private func isCommittedFurtherOn(_ scan: LogScan, _ journal: Journal) throws(Ext4Error) -> Bool {
    var scan = scan
    var block = [UInt8](repeating: 0, count: blockSize)
    while scan.count < journal.length {
      try readLog(journal, scan.position, &block)
      let bytes = block.span
      if bytes.isJournalBlock(sequence: scan.sequence),
        bytes.bigEndian32(at: JournalField.type) == JournalBlockType.commit, journal.format.commitMatches(bytes)
      {
        return true
      }
      advance(&scan, journal)
    }
    return false
  }

  private func readDescriptor(_ scan: inout LogScan, _ journal: Journal, _ block: [UInt8]) throws(Ext4Error) {
    let format = journal.format
    var offset = JournalField.headerSize
    var copy = [UInt8](repeating: 0, count: format.checksumVersion > 0 ? blockSize : 0)
    while offset + format.tagSize <= format.end, scan.count < journal.length {
      let tag = format.tag(block.span, at: offset)
      offset += format.tagSize
      if tag.flags & JournalTagFlag.sameIdentifier == 0 { offset += 16 }
      if format.checksumVersion > 0 {
        try readLog(journal, scan.position, &copy)
        if !format.matches(tag, copy.span, sequence: scan.sequence) { scan.hasBadCopy = true }
      }
      guard tag.block < superblock.blockCount else { throw .corrupt("journal: a block outside of the file system") }
      let isEscaped = tag.flags & JournalTagFlag.escaped != 0
      scan.found.append(
        JournaledBlock(block: tag.block, order: 2 * scan.transactions, copy: scan.position, isEscaped: isEscaped))
      advance(&scan, journal)
      if tag.flags & JournalTagFlag.last != 0 { return }
    }
  }

  private func readRevocations(_ scan: inout LogScan, _ journal: Journal, _ block: [UInt8]) throws(Ext4Error) {
    let format = journal.format
    let end = Int(block.span.bigEndian32(at: JournalField.revokeByteCount))
    guard end <= format.end else { throw .corrupt("journal: a revocation's length") }
    // So much is never revoked by anybody; it would only take memory.
    guard scan.found.count < 65536 + 16 * Int(journal.length) else { throw .corrupt("journal: too many revocations") }
    var offset = JournalField.revokeEntries
    while offset + format.revocationSize <= end {
      var number = UInt64(block.span.bigEndian32(at: offset))
      if format.is64Bit { number = number << 32 | UInt64(block.span.bigEndian32(at: offset + 4)) }
      scan.found.append(JournaledBlock(block: number, order: 2 * scan.transactions + 1, copy: 0, isEscaped: false))
      offset += format.revocationSize
    }
  }

  /// Of every block among the first `count` the newest copy, unless it was revoked after that.
  private func newest(_ all: [JournaledBlock], count: Int) -> [JournaledBlock] {
    var indices: [Int] = []
    indices.reserveCapacity(count)
    for index in 0..<count { indices.append(index) }
    sortIndices(&indices) {
      all[$0].block != all[$1].block ? all[$0].block < all[$1].block : all[$0].order < all[$1].order
    }
    var result: [JournaledBlock] = []
    for position in 0..<count {
      let entry = all[indices[position]]
      let isLast = position + 1 == count || all[indices[position + 1]].block != entry.block
      if isLast, entry.order & 1 == 0 { result.append(entry) }
    }
    return result
  }

  // MARK: Using what was found

  /// Reads the copy of a block in the log.
  func readCopy(
    _ entry: JournaledBlock, _ journal: Journal, into bytes: inout MutableSpan<UInt8>
  ) throws(StorageError) {
    try device.read(at: journal.physical(entry.copy) << blockShift, into: &bytes)
    if entry.isEscaped { bytes.storeBig32(journalMagic, at: 0) }
  }

  /// Brings the disk up to date with the journal: what complete transactions changed is written to its place.
  ///
  /// A disk that is mounted for reading only stays as it is; its blocks are then read from the log
  /// (`replayedBlocks`). Only metadata is: the content of files, which Linux journals on request
  /// (data=journal), is what stands in its own place.
  func recover(_ journal: Journal) throws(Ext4Error) {
    guard journal.superblock.start != 0 else { return }
    let blocks = try scan(journal)
    if isReadOnly {
      replayedBlocks = blocks
      return
    }
    do throws(StorageError) {
      var block = [UInt8](repeating: 0, count: blockSize)
      for entry in blocks {
        var bytes = block.mutableSpan
        try readCopy(entry, journal, into: &bytes)
        try device.write(at: entry.block << blockShift, from: bytes.span)
      }
      try device.flush()
    } catch { throw .storage(error) }
    journal.superblock.setStart(0, sequence: journal.sequence)
    try writeJournalSuperblock(journal)
    try flushDevice()
  }

  /// The copy of a block that is to be read from the log.
  func replayed(_ block: UInt64) -> JournaledBlock? {
    var low = 0
    var high = replayedBlocks.count
    while low < high {
      let middle = (low &+ high) >> 1
      if replayedBlocks[middle].block < block { low = middle &+ 1 } else { high = middle }
    }
    return low < replayedBlocks.count && replayedBlocks[low].block == block ? replayedBlocks[low] : nil
  }
}
