// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// Where an inode is: a slot of the cache and its bytes in there. Valid until the next use of the cache.
struct InodePlace {
  let slot: Int
  let range: Range<Int>
}

/// What is remembered of the group whose inodes were used last.
struct InodeTable {
  /// No group has this number.
  var group: UInt64 = .max
  var start: UInt64 = 0
  /// How many inodes from the start have been written; what lies behind may be anything.
  var initializedCount: UInt32 = 0
}

extension Ext4FileSystem {
  /// The attributes of an inode. Throws `notFound` if it is not in use.
  public func attributes(of number: InodeNumber) throws(Ext4Error) -> Inode {
    let blockSize = blockSize
    return try readInode(number) { $0.inodeAttributes(blockSize: blockSize) }
  }

  /// Changes attributes. It does not change the change time by itself.
  public func setAttributes(of number: InodeNumber, _ change: AttributeChange) throws(Ext4Error) {
    try self.change { () throws(Ext4Error) in try setAttributesStep(of: number, change) }
  }

  private func setAttributesStep(of number: InodeNumber, _ change: AttributeChange) throws(Ext4Error) {
    try modifyInode(number) { (bytes: inout MutableSpan<UInt8>) in
      if let mode = change.mode {
        bytes.store16(bytes.span.inodeMode & Mode.typeMask | mode & 0o7777, at: InodeField.mode)
      }
      if let userID = change.userID { bytes.setInodeOwner(userID: userID) }
      if let groupID = change.groupID { bytes.setInodeOwner(groupID: groupID) }
      if let time = change.accessTime {
        bytes.setInodeTime(time, InodeField.accessTime, extra: InodeField.accessTimeExtra)
      }
      if let time = change.modifyTime {
        bytes.setInodeTime(time, InodeField.modifyTime, extra: InodeField.modifyTimeExtra)
      }
      if let time = change.changeTime {
        bytes.setInodeTime(time, InodeField.changeTime, extra: InodeField.changeTimeExtra)
      }
      if let time = change.birthTime, bytes.span.hasInodeField(endingAt: InodeField.birthTimeExtra + 4) {
        bytes.setInodeTime(time, InodeField.birthTime, extra: InodeField.birthTimeExtra)
      }
    }
  }

  /// Where the bytes of an inode are, not checked.
  func inodePlace(_ number: InodeNumber) throws(Ext4Error) -> InodePlace {
    guard number >= 1, number <= superblock.inodeCount else { throw .notFound }
    let (group, index) = (number - 1).quotientAndRemainder(dividingBy: inodesPerGroup)
    if inodeTable.group != UInt64(group) { inodeTable = try readInodeTable(UInt64(group)) }
    guard index < inodeTable.initializedCount else { throw .notFound }
    let slot = try slot(of: inodeTable.start + UInt64(index / inodesPerBlock))
    if try needsCheck(slot, .inodeTable) { setKind(slot, .inodeTable) }
    let offset = Int(index % inodesPerBlock) * inodeSize
    return InodePlace(slot: slot, range: offset..<(offset + inodeSize))
  }

  private func readInodeTable(_ group: UInt64) throws(Ext4Error) -> InodeTable {
    let descriptor = try descriptor(group)
    var table = InodeTable(group: group, start: descriptor.inodeTable, initializedCount: inodesPerGroup)
    if hasChecksums {
      let isUninitialized = descriptor.flags & GroupFlag.inodesUninitialized != 0
      table.initializedCount = isUninitialized ? 0 : inodesPerGroup - descriptor.unusedInodes
    }
    return table
  }

  /// Where the bytes of an inode in use are, checked.
  func checkedInodePlace(_ number: InodeNumber) throws(Ext4Error) -> InodePlace {
    let place = try inodePlace(number)
    // Inodes per block: at most 4096 / 128 = 32, one bit each.
    let part: UInt32 = 1 << ((number - 1) % inodesPerBlock)
    if cache[place.slot].checkedParts & part == 0 {
      try checkInode(number, place)
      cache[place.slot].checkedParts |= part
    }
    return place
  }

  private func checkInode(_ number: InodeNumber, _ place: InodePlace) throws(Ext4Error) {
    let seed = hasChecksums ? inodeSeed(number, place) : 0
    let hasChecksums = hasChecksums
    let geometry = geometry
    let problem = cache.read(place.slot) { block -> Ext4Error? in
      let bytes = block.extracting(place.range)
      if bytes.inodeMode == 0 { return .notFound }
      if hasChecksums, !bytes.inodeChecksumMatches(seed: seed) { return .corrupt("inode: checksum") }
      if bytes.inodeSizeInBytes > UInt64(Int64.max) { return .corrupt("inode: size") }
      if bytes.count > InodeField.extraSize {
        let extraSize = Int(bytes.littleEndian16(at: InodeField.extraSize))
        if extraSize > bytes.count - InodeField.extraSize || extraSize % 4 != 0 { return .corrupt("inode: extra size") }
      }
      if bytes.inodeFlags & InodeFlag.extents != 0 {
        let root = bytes.extracting(InodeField.block..<(InodeField.block + InodeField.blockSize))
        if !root.isValidExtentNode(geometry) { return .corrupt("inode: extents") }
      }
      return nil
    }
    if let problem { throw problem }
  }

  /// Reads the bytes of an inode in use.
  func readInode<Result>(_ number: InodeNumber, _ body: (Span<UInt8>) -> Result) throws(Ext4Error) -> Result {
    let place = try checkedInodePlace(number)
    return cache.read(place.slot) { body($0.extracting(place.range)) }
  }

  /// Changes the bytes of an inode in use, and makes its checksum.
  func modifyInode(_ number: InodeNumber, _ body: (inout MutableSpan<UInt8>) -> Void) throws(Ext4Error) {
    let place = try checkedInodePlace(number)
    let seed = hasChecksums ? inodeSeed(number, place) : 0
    let hasChecksums = hasChecksums
    cache.modify(place.slot) { block in
      var bytes = block.part(place.range)
      body(&bytes)
      if hasChecksums { bytes.setInodeChecksum(seed: seed) }
    }
  }

  /// Makes the checksum of an inode that has just been made.
  func sealInode(_ number: InodeNumber) throws(Ext4Error) {
    let place = try inodePlace(number)
    cache[place.slot].checkedParts |= 1 << ((number - 1) % inodesPerBlock)
    guard hasChecksums else { return }
    let seed = inodeSeed(number, place)
    cache.modify(place.slot) { block in
      var bytes = block.part(place.range)
      bytes.setInodeChecksum(seed: seed)
    }
  }

  /// What the checksums of an inode and of the blocks of metadata that belong to it start from.
  private func inodeSeed(_ number: InodeNumber, _ place: InodePlace) -> UInt32 {
    let generation = cache.read(place.slot) {
      $0.littleEndian32(at: place.range.lowerBound &+ InodeField.generation)
    }
    return crc32c(crc32c(checksumSeed, number), generation)
  }

  func inodeSeed(_ number: InodeNumber) throws(Ext4Error) -> UInt32 {
    guard hasChecksums else { return 0 }
    return inodeSeed(number, try checkedInodePlace(number))
  }

  /// Adds to (or takes from) the number of blocks that an inode is charged for.
  func chargeBlocks(_ number: InodeNumber, _ blocks: Int64) throws(Ext4Error) {
    let perBlock = Int64(blockSize / 512)
    try modifyInode(number) { (bytes: inout MutableSpan<UInt8>) in
      let isHuge = bytes.span.inodeFlags & InodeFlag.hugeFile != 0
      let change = isHuge ? blocks : blocks &* perBlock
      bytes.setInodeBlocks(bytes.span.inodeBlocks &+ UInt64(bitPattern: change))
    }
  }

  /// Gives an inode the current time as its change time, and as its modification time if its content changed.
  func touch(_ number: InodeNumber, contentChanged: Bool) throws(Ext4Error) {
    let time = currentTime
    try modifyInode(number) { (bytes: inout MutableSpan<UInt8>) in
      bytes.setInodeTime(time, InodeField.changeTime, extra: InodeField.changeTimeExtra)
      if contentChanged { bytes.setInodeTime(time, InodeField.modifyTime, extra: InodeField.modifyTimeExtra) }
    }
  }
}
