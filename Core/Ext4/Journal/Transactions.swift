// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Makes an atomic change: one step of an operation, of at most `Journal.stepBlocks` blocks.
  ///
  /// An error that is found half way, because the disk contradicts itself or cannot be read, would leave half a
  /// change in the transaction: then the journal is given up.
  func change<Result>(_ body: () throws(Ext4Error) -> Result) throws(Ext4Error) -> Result {
    try beginStep()
    let before = cache.changeCount
    do throws(Ext4Error) { return try body() } catch {
      giveUp(error, since: before)
      throw error
    }
  }

  /// Makes sure that there is room for one more step, between steps of an operation whose work so far can stand
  /// alone.
  func beginStep() throws(Ext4Error) {
    guard !isReadOnly else { throw .readOnly }
    hasChanges = true
    guard let journal else { return }
    if !journal.hasRoom(cache.transactionBlocks) { try commit(journal) }
    // Blocks that were freed can be had after a commit only: no operation is to fail for want of those few that
    // its metadata takes.
    if journal.freedCount > 0, superblock.freeBlocks < journal.freedCount + UInt64(Journal.stepBlocks) {
      try commit(journal)
    }
  }

  /// Whether another attempt to allocate may have success: blocks that were freed can be used from now on.
  func commitFreedBlocks() throws(Ext4Error) -> Bool {
    guard let journal, journal.freedCount > 0 else { return false }
    try commit(journal)
    return true
  }

  private func giveUp(_ error: Ext4Error, since count: UInt64) {
    guard let journal, cache.changeCount != count else { return }
    switch error {
    // A file's content that could not be written was undone.
    case .storage where contentFailed: contentFailed = false
    case .corrupt, .storage: abort(journal)
    default: break
    }
  }

  func commit(_ journal: Journal) throws(Ext4Error) {
    do throws(Ext4Error) { try writeTransaction(journal) } catch {
      abort(journal)
      throw error
    }
  }

  /// Nothing is written from now on: the disk stays at the last transaction that was committed.
  private func abort(_ journal: Journal) {
    guard !isAborted else { return }
    isAborted = true
    isReadOnly = true
    journal.superblock.setError()
    try? writeJournalSuperblock(journal)
  }

  /// Makes everything durable, and empties the journal, so that the next mount has nothing to recover. The file
  /// system can still be used.
  public func unmount() throws(Ext4Error) {
    try flush()
    guard let journal, !isReadOnly, journal.isStarted else { return }
    try checkpoint(journal, isLast: true)
  }

  /// Reads the journal of a file system that is being mounted, recovers the disk if it has to be, and takes the
  /// journal into use.
  func attachJournal(usesJournal: Bool, cacheBlocks: Int) throws(Ext4Error) {
    let found = try loadJournal(cacheBlocks: cacheBlocks)
    if superblock.needsRecovery {
      try recover(found)
      journal = found
      try rereadSuperblock()
      if !isReadOnly { try markRecovery(false) }
    } else if found.superblock.start != 0 {
      // Not declared as valid, so nothing in it is; but its numbers must not be used again.
      found.restart(sequence: found.sequence &+ found.length)
    }
    guard !isReadOnly else { return }
    if superblock.isMended { try markRecovery(false) }
    journal = usesJournal ? found : nil
    cache.hasTransactions = usesJournal
    if usesJournal { try releaseOrphans() }
  }

  /// The journal may have changed any block, the superblock too.
  private func rereadSuperblock() throws(Ext4Error) {
    cache = BlockCache(blockSize: blockSize, capacity: cache.capacity)
    inodeTable = InodeTable()
    let slot = try superblockSlot()
    let offset = superblockOffsetInBlock
    let raw = cache.read(slot) { block in
      var bytes = [UInt8](repeating: 0, count: Superblock.size)
      var target = bytes.mutableSpan
      target.copy(block.extracting(offset..<(offset + Superblock.size)))
      return bytes
    }
    let new = try Superblock(raw, deviceSize: device.sizeInBytes)
    if !isReadOnly { try new.checkWritable() }
    guard new.blockSize == blockSize, new.inodeSize == inodeSize, new.inodesPerGroup == inodesPerGroup,
      new.hasChecksums == hasChecksums, new.checksumSeed == checksumSeed,
      new.firstDataBlock == superblock.firstDataBlock
    else { throw .corrupt("journal: changes the file system's geometry") }
    superblock = new
  }
}
