// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// An ext4 file system on a device.
///
/// One user at a time: the caller serialises. Metadata is kept in a bounded cache and written by `flush` (or
/// earlier, to make room); data of regular files is never cached and goes straight to the device. With a
/// journal the disk is consistent after a power cut at any instant: see Journal/Journal.swift.
///
/// Everything that is read from the disk is checked before it is used, so a damaged or hostile disk ends in
/// `Ext4Error.corrupt`, never in a trap or an endless loop.
///
/// Names, targets of symbolic links and attributes are bytes. Changes to directories give times: they are
/// `currentTime`, since a file system has no clock of its own. `write` and `truncate` change no times, because
/// a page cache calls them long after the program wrote; use `setAttributes`.
public final class Ext4FileSystem<Device: BlockDevice> {
  public let device: Device
  /// Whether changes throw `readOnly`: it was mounted so, or the journal could not be written.
  public internal(set) var isReadOnly: Bool
  /// In bytes: 1024, 2048 or 4096.
  public let blockSize: Int
  /// The root directory.
  public let rootDirectory: InodeNumber = 2
  /// The time that changes get from now on.
  public var currentTime = Timestamp(seconds: 0)

  var superblock: Superblock
  var cache: BlockCache
  var inodeTable = InodeTable()
  /// For each group, whether the checksums of its bitmaps (`PendingBitmap`) are to be made by `flush`.
  var pendingBitmaps: [UInt8]
  /// Where the last allocation of blocks ended: the next one without a better place starts there.
  var nextBlockGoal: UInt64 = 0
  /// Whether anything has changed since the last `flush`.
  public internal(set) var hasChanges = false
  /// Nil if there is none, or if it is not to be used.
  var journal: Journal?
  /// The journal could not be written: what waits is lost.
  var isAborted = false
  /// The error that is being thrown is one of a file's content, and nothing half done is left.
  var contentFailed = false
  /// Blocks that are to be read from the log, of a file system that is mounted for reading only.
  var replayedBlocks: [JournaledBlock] = []
  /// The orphan list, its first inode last; only with a journal.
  var orphans: [InodeNumber] = []

  let blockShift: UInt64
  let inodeSize: Int
  let inodesPerBlock: UInt32
  let inodesPerGroup: UInt32
  let hasChecksums: Bool
  let checksumSeed: UInt32

  /// Mounts the file system on `device`.
  ///
  /// - Parameter readOnly: every change throws `readOnly`. Features that allow only reading need it.
  /// - Parameter usesJournal: false for a device that nobody will read again: nothing is journaled then. What a
  ///   journal holds already is replayed all the same.
  /// - Parameter metadataCacheBlocks: how many blocks of metadata to keep in memory, at least 16.
  ///
  /// Throws `corrupt` if there is no ext4 file system or its superblock is damaged, `unsupported` with the name
  /// of the first feature that is not, and what the device throws.
  public init(
    mounting device: Device, readOnly: Bool, usesJournal: Bool = true, metadataCacheBlocks: Int
  ) throws(Ext4Error) {
    guard device.sizeInBytes >= Superblock.offset + UInt64(Superblock.size)
    else { throw .corrupt("no ext4 file system") }
    var bytes = [UInt8](repeating: 0, count: Superblock.size)
    do throws(StorageError) {
      var span = bytes.mutableSpan
      try device.read(at: Superblock.offset, into: &span)
    } catch { throw .storage(error) }
    let superblock = try Superblock(bytes, deviceSize: device.sizeInBytes, isBeforeRecovery: true)
    if !readOnly { try superblock.checkWritable() }

    self.device = device
    isReadOnly = readOnly
    self.superblock = superblock
    blockSize = superblock.blockSize
    blockShift = UInt64(superblock.blockSize.trailingZeroBitCount)
    inodeSize = superblock.inodeSize
    inodesPerBlock = UInt32(superblock.blockSize / superblock.inodeSize)
    inodesPerGroup = superblock.inodesPerGroup
    hasChecksums = superblock.hasChecksums
    checksumSeed = superblock.checksumSeed
    cache = BlockCache(blockSize: superblock.blockSize, capacity: metadataCacheBlocks)
    pendingBitmaps = []
    if superblock.hasJournal, superblock.needsRecovery || usesJournal && !readOnly {
      try attachJournal(usesJournal: usesJournal, cacheBlocks: metadataCacheBlocks)
    }
  }

  /// How full the file system is.
  public var statistics: FileSystemStatistics {
    FileSystemStatistics(
      blockSize: blockSize, blocks: superblock.blockCount, freeBlocks: superblock.freeBlocks,
      inodes: superblock.inodeCount, freeInodes: superblock.freeInodes)
  }

  /// Makes everything durable that was changed before: with a journal by committing the running transaction,
  /// without one by writing all changed metadata to its place.
  ///
  /// Throws what the device throws; the file system is read-only afterwards if it has a journal.
  public func flush() throws(Ext4Error) {
    guard !isAborted else { throw .storage(.inputOutput) }
    guard hasChanges else { return }
    if let journal {
      if cache.transactionBlocks > 0 || !journal.revocations.isEmpty { try commit(journal) } else { try flushDevice() }
    } else {
      try sealBitmaps()
      for slot in cache.changedSlots(inTransaction: false) { try writeBack(slot) }
      superblock.seal()
      let sealed = superblock.bytes
      try writeDevice(Superblock.offset, sealed.span)
      try flushDevice()
    }
    hasChanges = false
  }

  func flushDevice() throws(Ext4Error) {
    do throws(StorageError) { try device.flush() } catch { throw .storage(error) }
  }

  // MARK: Blocks of metadata

  /// The cache's slot of a block, read if need be and not checked; valid until the next call.
  func slot(of block: UInt64) throws(Ext4Error) -> Int {
    if let slot = cache.find(block) { return slot }
    guard block > superblock.firstDataBlock, block < superblock.blockCount
    else { throw .corrupt("a block number is outside of the file system") }
    return try readSlot(block)
  }

  private func readSlot(_ block: UInt64) throws(Ext4Error) -> Int {
    let slot = try claimSlot(for: block)
    do throws(StorageError) {
      try cache.fill(slot) { (bytes: inout MutableSpan<UInt8>) throws(StorageError) in
        if let journal, let copy = replayed(block) {
          try readCopy(copy, journal, into: &bytes)
        } else {
          try device.read(at: block << blockShift, into: &bytes)
        }
      }
    } catch {
      cache.forget(block)
      throw .storage(error)
    }
    return slot
  }

  /// The slot of the block that the superblock is in.
  func superblockSlot() throws(Ext4Error) -> Int {
    let block = superblock.firstDataBlock
    let slot = if let present = cache.find(block) { present } else { try readSlot(block) }
    setKind(slot, .superblock)
    return slot
  }

  var superblockOffsetInBlock: Int { Int(Superblock.offset - superblock.firstDataBlock << blockShift) }

  /// A slot for a block that has just been allocated: zeros, dirty, and taken to be of that kind.
  func newSlot(for block: UInt64, _ kind: BlockKind, seed: UInt32 = 0) throws(Ext4Error) -> Int {
    let slot: Int
    if let present = cache.find(block) { slot = present } else { slot = try claimSlot(for: block) }
    cache.modify(slot) { $0.update(repeating: 0) }
    setKind(slot, kind, seed: seed)
    return slot
  }

  private func claimSlot(for block: UInt64) throws(Ext4Error) -> Int {
    let slot = cache.slotToClaim()
    if cache[slot].isDirty { try writeBack(slot) }
    cache.claim(slot, for: block)
    return slot
  }

  /// Whether a slot still has to be checked to be what the caller needs. A changed block that serves two
  /// purposes is a sign of a damaged disk.
  func needsCheck(_ slot: Int, _ kind: BlockKind, seed: UInt32 = 0) throws(Ext4Error) -> Bool {
    let state = cache[slot]
    if state.kind == kind, state.seed == seed { return false }
    guard !state.isDirty else { throw .corrupt("a block is used for two purposes") }
    return true
  }

  func setKind(_ slot: Int, _ kind: BlockKind, seed: UInt32 = 0) {
    cache[slot].kind = kind
    cache[slot].seed = seed
    cache[slot].checkedParts = 0
  }

  /// Makes the checksum of a block of those kinds whose checksum is not made at every change.
  func sealBlock(_ slot: Int) {
    guard hasChecksums else { return }
    let state = cache[slot]
    cache.fill(slot) { (bytes: inout MutableSpan<UInt8>) in
      if state.kind == .directory { bytes.sealDirectoryBlock(seed: state.seed) }
      if state.kind == .extentNode { bytes.sealExtentNode(seed: state.seed) }
    }
  }

  /// Writes a changed block, which is in no running transaction, to its place.
  func writeBack(_ slot: Int) throws(Ext4Error) {
    sealBlock(slot)
    try writeBlock(slot)
    cache[slot].isDirty = false
  }

  func writeBlock(_ slot: Int) throws(Ext4Error) {
    let block = cache[slot].block
    do throws(StorageError) {
      try cache.fill(slot) { (bytes: inout MutableSpan<UInt8>) throws(StorageError) in
        try device.write(at: block << blockShift, from: bytes.span)
      }
    } catch { throw .storage(error) }
  }
}
