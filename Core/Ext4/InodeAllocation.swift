// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Takes a free inode, in the group of `parent` if there is one, and fills it in: no links, no blocks.
  func allocateInode(_ new: NewInode, type: UInt16, near parent: InodeNumber) throws(Ext4Error) -> InodeNumber {
    let firstGroup = UInt64((parent - 1) / inodesPerGroup)
    for step in 0..<superblock.groupCount {
      var group = firstGroup + step
      if group >= superblock.groupCount { group -= superblock.groupCount }
      var descriptor = try descriptor(group)
      guard descriptor.freeInodes > 0 else { continue }
      // Older versions of e2fsck want the block bitmap of a group with inodes to be there, too.
      _ = try blockBitmapSlot(group, &descriptor)
      let slot = try inodeBitmapSlot(group, &descriptor)
      let reserved = group == 0 ? Int(min(superblock.firstInode - 1, inodesPerGroup)) : 0
      let end = Int(inodesPerGroup)
      let index = cache.read(slot) { $0.firstBit(false, in: reserved..<end) }
      guard index < end else { continue }
      guard superblock.freeInodes > 0 else { throw .corrupt("free inode counts") }
      _ = cache.modify(slot) { $0.setBits(index..<(index &+ 1), true) }
      setPending(group, PendingBitmap.inodes)
      descriptor.freeInodes -= 1
      if type == Mode.directory { descriptor.directories &+= 1 }
      // Inodes are taken in order, so this one is at most the first of those that were never used.
      let isFresh = index >= Int(inodesPerGroup - descriptor.unusedInodes)
      if isFresh { descriptor.unusedInodes = inodesPerGroup - UInt32(index) - 1 }
      try setDescriptor(descriptor, group)
      superblock.freeInodes -= 1
      let number = UInt32(group) * inodesPerGroup + UInt32(index) + 1
      try initializeInode(number, new, type: type, isFresh: isFresh)
      return number
    }
    throw .noSpace
  }

  func initializeInode(
    _ number: InodeNumber, _ new: NewInode, type: UInt16, isFresh: Bool
  ) throws(Ext4Error) {
    let place = try inodePlace(number)
    let extraSize = min(InodeField.wantedExtraSize, inodeSize - InodeField.extraSize)
    let time = currentTime
    let hasExtents = type == Mode.regular || type == Mode.directory
    cache.modify(place.slot) { block in
      var bytes = block.part(place.range)
      // A number that is used again gets another generation, so that stale references can be told.
      let generation = isFresh ? 0 : bytes.littleEndian32(at: InodeField.generation) &+ 1
      bytes.update(repeating: 0)
      bytes.store16(type | new.mode & 0o7777, at: InodeField.mode)
      bytes.setInodeOwner(userID: new.userID)
      bytes.setInodeOwner(groupID: new.groupID)
      bytes.store32(generation, at: InodeField.generation)
      if extraSize > 0 { bytes.store16(UInt16(extraSize), at: InodeField.extraSize) }
      bytes.setInodeTime(time, InodeField.accessTime, extra: InodeField.accessTimeExtra)
      bytes.setInodeTime(time, InodeField.modifyTime, extra: InodeField.modifyTimeExtra)
      bytes.setInodeTime(time, InodeField.changeTime, extra: InodeField.changeTimeExtra)
      if bytes.span.hasInodeField(endingAt: InodeField.birthTimeExtra + 4) {
        bytes.setInodeTime(time, InodeField.birthTime, extra: InodeField.birthTimeExtra)
      }
      if hasExtents {
        bytes.store32(InodeFlag.extents, at: InodeField.flags)
        var root = bytes.part(InodeField.block..<(InodeField.block + InodeField.blockSize))
        root.makeExtentNode(depth: 0)
      }
    }
    try sealInode(number)
  }

  /// Gives an inode back that has neither links nor blocks.
  func freeInode(_ number: InodeNumber, isDirectory: Bool) throws(Ext4Error) {
    let group = UInt64((number - 1) / inodesPerGroup)
    let index = Int((number - 1) % inodesPerGroup)
    var descriptor = try descriptor(group)
    let slot = try inodeBitmapSlot(group, &descriptor)
    let wasUsed = cache.modify(slot) { $0.setBits(index..<(index &+ 1), false) }
    guard wasUsed, descriptor.freeInodes < inodesPerGroup, superblock.freeInodes < superblock.inodeCount
    else { throw .corrupt("an inode in use is marked as free") }
    setPending(group, PendingBitmap.inodes)
    descriptor.freeInodes += 1
    if isDirectory, descriptor.directories > 0 { descriptor.directories -= 1 }
    try setDescriptor(descriptor, group)
    superblock.freeInodes += 1
  }
}
