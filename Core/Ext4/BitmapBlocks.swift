// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// Which bitmaps of a group have changed since their checksums were made.
enum PendingBitmap {
  static let blocks: UInt8 = 1
  static let inodes: UInt8 = 2
}

extension Ext4FileSystem {
  private var bitsPerBlock: Int { blockSize * 8 }

  private func isPending(_ group: UInt64, _ which: UInt8) -> Bool {
    !pendingBitmaps.isEmpty && pendingBitmaps[Int(group)] & which != 0
  }

  /// Remembers that the checksum of a bitmap is to be made.
  func setPending(_ group: UInt64, _ which: UInt8) {
    if pendingBitmaps.isEmpty { pendingBitmaps = [UInt8](repeating: 0, count: Int(superblock.groupCount)) }
    pendingBitmaps[Int(group)] |= which
  }

  /// The slot of a group's block bitmap, checked; it is made if the group has never been used.
  func blockBitmapSlot(_ group: UInt64, _ descriptor: inout GroupDescriptor) throws(Ext4Error) -> Int {
    if descriptor.flags & GroupFlag.blocksUninitialized != 0 {
      return try initializeBlockBitmap(group, &descriptor)
    }
    let expected = isPending(group, PendingBitmap.blocks) ? nil : descriptor.blockBitmapChecksum
    return try checkedBitmapSlot(
      descriptor.blockBitmap, .blockBitmap, bits: Int(superblock.blocksPerGroup), checksum: expected)
  }

  /// The slot of a group's inode bitmap, checked; it is made if the group has never been used.
  func inodeBitmapSlot(_ group: UInt64, _ descriptor: inout GroupDescriptor) throws(Ext4Error) -> Int {
    if descriptor.flags & GroupFlag.inodesUninitialized != 0 {
      return try initializeInodeBitmap(group, &descriptor)
    }
    let expected = isPending(group, PendingBitmap.inodes) ? nil : descriptor.inodeBitmapChecksum
    return try checkedBitmapSlot(descriptor.inodeBitmap, .inodeBitmap, bits: Int(inodesPerGroup), checksum: expected)
  }

  private func checkedBitmapSlot(
    _ block: UInt64, _ kind: BlockKind, bits: Int, checksum: UInt32?
  ) throws(Ext4Error) -> Int {
    let slot = try slot(of: block)
    guard try needsCheck(slot, kind) else { return slot }
    if hasChecksums, let checksum {
      // Descriptors of 32 bytes have room for half of it.
      let mask: UInt32 = superblock.descriptorSize >= 64 ? ~0 : 0xffff
      let actual = bitmapChecksum(slot, bits: bits)
      guard actual & mask == checksum & mask else { throw .corrupt("bitmap: checksum") }
    }
    setKind(slot, kind)
    return slot
  }

  private func bitmapChecksum(_ slot: Int, bits: Int) -> UInt32 {
    let seed = checksumSeed
    return cache.read(slot) { crc32c(seed, $0.extracting(first: bits / 8)) }
  }

  /// Makes the bitmap of a group in which only metadata is in use (the layout, "Flexible Block Groups and
  /// lazy initialization").
  private func initializeBlockBitmap(
    _ group: UInt64, _ descriptor: inout GroupDescriptor
  ) throws(Ext4Error) -> Int {
    let slot = try newSlot(for: descriptor.blockBitmap, .blockBitmap)
    let first = superblock.firstBlock(ofGroup: group)
    let blocks = superblock.blockCount(ofGroup: group)
    let bits = bitsPerBlock
    func mark(_ start: UInt64, _ count: UInt64) {
      let begin = max(start, first)
      let end = min(start &+ count, first + blocks)
      guard begin < end else { return }
      _ = cache.modify(slot) { $0.setBits(Int(begin - first)..<Int(end - first), true) }
    }
    if superblock.hasSuperblockCopy(group) {
      mark(first, 1 + superblock.descriptorBlocks + superblock.reservedDescriptorBlocks)
    }
    mark(descriptor.blockBitmap, 1)
    mark(descriptor.inodeBitmap, 1)
    mark(descriptor.inodeTable, superblock.inodeTableBlocks)
    cache.modify(slot) { _ = $0.setBits(Int(blocks)..<bits, true) }
    descriptor.flags &= ~GroupFlag.blocksUninitialized
    setPending(group, PendingBitmap.blocks)
    try setDescriptor(descriptor, group)
    return try self.slot(of: descriptor.blockBitmap)
  }

  private func initializeInodeBitmap(
    _ group: UInt64, _ descriptor: inout GroupDescriptor
  ) throws(Ext4Error) -> Int {
    let slot = try newSlot(for: descriptor.inodeBitmap, .inodeBitmap)
    let used = Int(inodesPerGroup)
    let bits = bitsPerBlock
    cache.modify(slot) { _ = $0.setBits(used..<bits, true) }
    descriptor.flags &= ~GroupFlag.inodesUninitialized
    descriptor.unusedInodes = inodesPerGroup
    setPending(group, PendingBitmap.inodes)
    try setDescriptor(descriptor, group)
    return try self.slot(of: descriptor.inodeBitmap)
  }

  /// Makes the checksums of all bitmaps that have changed.
  func sealBitmaps() throws(Ext4Error) {
    for group in 0..<pendingBitmaps.count where pendingBitmaps[group] != 0 {
      let pending = pendingBitmaps[group]
      if hasChecksums {
        var descriptor = try descriptor(UInt64(group))
        if pending & PendingBitmap.blocks != 0 {
          let slot = try blockBitmapSlot(UInt64(group), &descriptor)
          descriptor.blockBitmapChecksum = bitmapChecksum(slot, bits: Int(superblock.blocksPerGroup))
        }
        if pending & PendingBitmap.inodes != 0 {
          let slot = try inodeBitmapSlot(UInt64(group), &descriptor)
          descriptor.inodeBitmapChecksum = bitmapChecksum(slot, bits: Int(inodesPerGroup))
        }
        try setDescriptor(descriptor, UInt64(group))
      }
      pendingBitmaps[group] = 0
    }
  }
}
