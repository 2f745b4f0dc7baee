// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Writes the running transaction to the log. When this returns it is durable.
  ///
  /// 1. The copies of all changed blocks, after descriptors that say where they belong, and revocations.
  /// 2. A flush: these, and the content of files written so far, are durable before
  /// 3. the commit block, which makes the transaction count,
  /// 4. and a second flush.
  func writeTransaction(_ journal: Journal) throws(Ext4Error) {
    try startJournal(journal)
    try sealBitmaps()
    try storeSuperblock()
    let slots = cache.changedSlots(inTransaction: true)
    guard journal.canHold(slots.count) else { throw .corrupt("journal: a transaction is too large") }
    for slot in slots { sealBlock(slot) }

    var position = 0
    while position < journal.revocations.count {
      try putRevocations(journal, &position)
    }
    position = 0
    while position < slots.count {
      let end = min(position + journal.format.tagsPerDescriptor, slots.count)
      try putDescriptor(journal, slots[position..<end])
      for index in position..<end { try putCopy(journal, slots[index]) }
      position = end
    }
    try writeBuffer(journal)
    try flushDevice()
    let (time, format) = (currentTime, journal.format)
    try put(journal, JournalBlockType.commit) { bytes in
      let seconds = UInt64(bitPattern: time.seconds)
      bytes.storeBig32(UInt32(truncatingIfNeeded: seconds >> 32), at: JournalField.commitSeconds)
      bytes.storeBig32(UInt32(truncatingIfNeeded: seconds), at: JournalField.commitSeconds + 4)
      bytes.storeBig32(time.nanoseconds, at: JournalField.commitNanoseconds)
      guard format.checksumVersion > 0 else { return }
      bytes.storeBig32(
        bytes.span.checksum(format.seed, withoutField: JournalField.commitChecksum), at: JournalField.commitChecksum)
    }
    try writeBuffer(journal)
    try flushDevice()

    journal.sequence &+= 1
    journal.revocations.removeAll()
    cache.endTransaction()
    releaseFreedBlocks(journal)
    if journal.needsCheckpoint { try checkpoint(journal, isLast: false) }
  }

  /// Writes all committed blocks to their places, after which the log is empty. Nothing is in the running
  /// transaction. With `isLast` the disk needs no recovery any more.
  func checkpoint(_ journal: Journal, isLast: Bool) throws(Ext4Error) {
    for slot in cache.changedSlots(inTransaction: false) { try writeBack(slot) }
    try flushDevice()
    journal.usedBlocks = 0
    journal.superblock.setStart(isLast ? 0 : journal.head, sequence: journal.sequence)
    try writeJournalSuperblock(journal)
    // The log must not be overwritten while the disk says that its old content counts: a part of it would be
    // replayed without what came after.
    try flushDevice()
    if isLast {
      journal.restart(sequence: journal.sequence)
      try markRecovery(false)
      journal.isStarted = false
    }
  }

  /// Notes on the disk that the journal may have to be replayed.
  private func startJournal(_ journal: Journal) throws(Ext4Error) {
    guard !journal.isStarted else { return }
    try markRecovery(true)
    journal.superblock.setFeatures(is64Bit: superblock.is64Bit, hasChecksums: hasChecksums)
    journal.format = journal.superblock.format(blockSize: blockSize)
    journal.restart(sequence: journal.sequence)
    journal.superblock.setStart(journal.head, sequence: journal.sequence)
    try writeJournalSuperblock(journal)
    journal.isStarted = true
  }

  /// Sets or clears "needs recovery" in the superblock on the disk, which is otherwise left as it is.
  func markRecovery(_ isNeeded: Bool) throws(Ext4Error) {
    let flag = Feature.Incompatible.needsRecovery
    let features = isNeeded ? superblock.incompatible | flag : superblock.incompatible & ~flag
    superblock.incompatible = features
    let slot = try superblockSlot()
    let offset = superblockOffsetInBlock
    let hasChecksums = hasChecksums
    cache.fill(slot) { (block: inout MutableSpan<UInt8>) in
      var bytes = block.part(offset..<(offset + Superblock.size))
      bytes.store32(features, at: SuperblockField.incompatible)
      if hasChecksums { bytes.sealSuperblock() }
    }
    try writeBlock(slot)
    try flushDevice()
  }

  /// Makes the superblock's block a part of the transaction, with the counters of now.
  private func storeSuperblock() throws(Ext4Error) {
    superblock.seal()
    let slot = try superblockSlot()
    let offset = superblockOffsetInBlock
    let bytes = superblock.bytes
    cache.modify(slot) { $0.copy(bytes.span, to: offset) }
  }

  func writeJournalSuperblock(_ journal: Journal) throws(Ext4Error) {
    let bytes = journal.superblock.bytes
    try writeDevice(journal.physical(0) << blockShift, bytes.span)
  }

  /// What was freed in the transaction may be used again.
  private func releaseFreedBlocks(_ journal: Journal) {
    for freed in journal.freed {
      let first = superblock.firstBlock(ofGroup: freed.group)
      let bitmap = freed.bitmap
      let bits = bitmap.span
      let end = bits.count * 8
      var start = bits.firstBit(true, in: 0..<end)
      while start < end {
        let stop = bits.firstBit(false, in: start..<end)
        device.discard(at: (first + UInt64(start)) << blockShift, count: UInt64(stop - start) << blockShift)
        start = bits.firstBit(true, in: stop..<end)
      }
    }
    journal.freed.removeAll()
    journal.freedCount = 0
  }

  // MARK: Blocks of the log

  private func putRevocations(_ journal: Journal, _ position: inout Int) throws(Ext4Error) {
    let format = journal.format
    let count = min(journal.revocations.count - position, format.revocationsPerBlock)
    let first = position
    position += count
    try put(journal, JournalBlockType.revoke) { bytes in
      var offset = JournalField.revokeEntries
      for index in first..<(first + count) {
        let block = journal.revocations[index]
        if format.is64Bit { bytes.storeBig32(UInt32(truncatingIfNeeded: block >> 32), at: offset) }
        bytes.storeBig32(UInt32(truncatingIfNeeded: block), at: offset + format.revocationSize - 4)
        offset += format.revocationSize
      }
      bytes.storeBig32(UInt32(offset), at: JournalField.revokeByteCount)
      format.sealTail(&bytes)
    }
  }

  private func putDescriptor(_ journal: Journal, _ slots: ArraySlice<Int>) throws(Ext4Error) {
    let format = journal.format
    let sequence = journal.sequence
    let identity = journal.superblock.bytes
    try put(journal, JournalBlockType.descriptor) { bytes in
      var offset = JournalField.headerSize
      for (index, slot) in slots.enumerated() {
        var flags = index == 0 ? 0 : JournalTagFlag.sameIdentifier
        if index == slots.count - 1 { flags |= JournalTagFlag.last }
        let checksum = cache.read(slot) { copy in
          if copy.bigEndian32(at: 0) != journalMagic { return format.checksum(ofCopy: copy, sequence: sequence) }
          flags |= JournalTagFlag.escaped
          return copy.checksum(format.checksum(ofCopy: copy.extracting(0..<0), sequence: sequence), withoutField: 0)
        }
        format.store(JournalTag(block: cache[slot].block, flags: flags, checksum: checksum), &bytes, at: offset)
        offset += format.tagSize
        if index == 0 {
          let identifier = JournalField.identifier..<(JournalField.identifier + 16)
          bytes.copy(identity.span.extracting(identifier), to: offset)
          offset += 16
        }
      }
      format.sealTail(&bytes)
    }
  }

  private func putCopy(_ journal: Journal, _ slot: Int) throws(Ext4Error) {
    try add(journal) { block in
      cache.read(slot) { block.copy($0) }
      // Replay must not take the copy for a block of the journal.
      if block.span.bigEndian32(at: 0) == journalMagic { block.store32(0, at: 0) }
    }
  }

  private func put(
    _ journal: Journal, _ type: UInt32, _ body: (inout MutableSpan<UInt8>) -> Void
  ) throws(Ext4Error) {
    let sequence = journal.sequence
    try add(journal) { block in
      block.makeJournalBlock(type, sequence: sequence)
      body(&block)
    }
  }

  /// Adds a block at the log's head.
  private func add(_ journal: Journal, _ body: (inout MutableSpan<UInt8>) -> Void) throws(Ext4Error) {
    let place = journal.physical(journal.head)
    if !journal.buffer.accepts(place, blockSize: blockSize) { try writeBuffer(journal) }
    journal.buffer.add(place, blockSize: blockSize, body)
    journal.head = journal.next(journal.head)
    journal.usedBlocks += 1
  }

  private func writeBuffer(_ journal: Journal) throws(Ext4Error) {
    do throws(StorageError) { try journal.buffer.write(to: device, blockShift: blockShift) } catch {
      throw .storage(error)
    }
  }
}
