// SPDX-License-Identifier: Apache-2.0
import Storage

/// A walk over the blocks of a directory.
struct DirectoryWalk {
  let directory: InodeNumber
  let seed: UInt32
  /// It has an index of hashes.
  let isHashed: Bool
  /// The number of logical blocks.
  let end: UInt64
  /// The logical block that comes next.
  var position: UInt64 = 0
  var physical: UInt64 = 0
  var remainingInRun: UInt64 = 0
}

/// A directory entry that was found.
struct FoundEntry {
  let inode: InodeNumber
  let type: UInt8
  /// The block on the device, the entry's offset in it, and that of the one before (or -1).
  let block: UInt64
  let offset: Int
  let previous: Int
}

extension Ext4FileSystem {
  /// The inode that a name in a directory stands for; "." and ".." are names like others.
  public func lookup(_ name: Span<UInt8>, in directory: InodeNumber) throws(Ext4Error) -> InodeNumber {
    guard let entry = try findEntry(name, in: directory) else { throw .notFound }
    return entry.inode
  }

  /// Calls `body` for the entries of a directory, "." and ".." among them, until it returns false.
  ///
  /// - Parameter cookie: 0 to start, or the `nextCookie` of the last entry that was taken. Cookies are offsets
  ///   in bytes. An entry never moves to a lower one; it moves to a higher one when its block is full and another
  ///   name is added, so who goes on after that may see it again.
  /// - Parameter body: name, inode, type as in directory entries (1 regular, 2 directory, 3 character device,
  ///   4 block device, 5 pipe, 6 socket, 7 symbolic link), next cookie. It may use the file system.
  public func enumerate(
    _ directory: InodeNumber, from cookie: UInt64,
    _ body: (_ name: Span<UInt8>, _ inode: InodeNumber, _ fileType: UInt8, _ nextCookie: UInt64) -> Bool
  ) throws(Ext4Error) {
    var walk = try walk(directory)
    walk.position = cookie >> blockShift
    var name = [UInt8](repeating: 0, count: DirectoryEntry.maximumNameLength)
    while let block = try nextBlock(&walk) {
      let start = (walk.position - 1) << blockShift
      var offset = 0
      while offset < blockSize {
        let slot = try directorySlot(block, walk)
        let position = offset
        // The name is copied, so that `body` may use the cache.
        let (inode, length, nameLength, type) = cache.read(slot) { bytes in
          let nameLength = bytes.entryNameLength(position)
          var target = name.mutableSpan
          let nameStart = position + DirectoryEntry.headerSize
          target.copy(bytes.extracting(nameStart..<(nameStart + nameLength)))
          return (bytes.entryInode(position), bytes.entryLength(position), nameLength, bytes.entryType(position))
        }
        offset += length
        guard length > 0 else { throw .corrupt("directory: entry length") }
        guard inode != 0, start + UInt64(position) >= cookie else { continue }
        if !body(name.span.extracting(first: nameLength), inode, type, start + UInt64(offset)) { return }
      }
    }
  }

  /// Whether a directory has no entries but "." and "..".
  func isEmptyDirectory(_ directory: InodeNumber) throws(Ext4Error) -> Bool {
    var walk = try walk(directory)
    while let block = try nextBlock(&walk) {
      let slot = try directorySlot(block, walk)
      if cache.read(slot, { $0.hasDirectoryEntries }) { return false }
    }
    return true
  }

  func findEntry(_ name: Span<UInt8>, in directory: InodeNumber) throws(Ext4Error) -> FoundEntry? {
    guard name.count <= DirectoryEntry.maximumNameLength else { throw .nameTooLong }
    guard name.count > 0 else { throw .invalid }
    var walk = try walk(directory)
    // "." and ".." stand in the first block, where no hash leads.
    let isDots = name[0] == 0x2e && (name.count == 1 || name.count == 2 && name[1] == 0x2e)
    if walk.isHashed, !isDots {
      let (isKnown, entry) = try findHashedEntry(name, walk)
      if isKnown { return entry }
    }
    while let block = try nextBlock(&walk) {
      if let found = try findEntry(name, inBlock: block, walk) { return found }
    }
    return nil
  }

  @inline(never)
  func findEntry(
    _ name: Span<UInt8>, inBlock block: UInt64, _ walk: DirectoryWalk
  ) throws(Ext4Error) -> FoundEntry? {
    let slot = try directorySlot(block, walk)
    return cache.read(slot) { bytes in
      bytes.findEntry(name).map { (place: (offset: Int, previous: Int)) in
        FoundEntry(
          inode: bytes.entryInode(place.offset), type: bytes.entryType(place.offset), block: block,
          offset: place.offset, previous: place.previous)
      }
    }
  }

  // MARK: Blocks

  @inline(never)
  func walk(_ directory: InodeNumber) throws(Ext4Error) -> DirectoryWalk {
    let (mode, flags, size) = try readInode(directory) { ($0.inodeMode, $0.inodeFlags, $0.inodeSizeInBytes) }
    guard mode & Mode.typeMask == Mode.directory else { throw .notDirectory }
    guard flags & InodeFlag.extents != 0 else { throw .unsupported("a directory with block maps (ext2, ext3)") }
    // Linux's limit without large_dir; and none has more blocks than the disk.
    guard size % UInt64(blockSize) == 0, size <= 1 << 31, size >> blockShift <= superblock.blockCount
    else { throw .corrupt("directory: size") }
    return DirectoryWalk(
      directory: directory, seed: try inodeSeed(directory), isHashed: flags & InodeFlag.indexedDirectory != 0,
      end: size >> blockShift)
  }

  /// The next block on the device; nil at the end. Holes are passed over, as Linux does.
  @inline(never)
  func nextBlock(_ walk: inout DirectoryWalk) throws(Ext4Error) -> UInt64? {
    while walk.position < walk.end {
      if walk.remainingInRun == 0 {
        let run = try run(of: walk.directory, at: walk.position)
        guard run.state == .data else {
          walk.position = min(walk.end, walk.position + run.count)
          continue
        }
        walk.physical = run.physicalBlock
        walk.remainingInRun = run.count
      }
      let block = walk.physical
      walk.position += 1
      walk.physical += 1
      walk.remainingInRun -= 1
      return block
    }
    return nil
  }

  /// The slot of a directory's block, checked.
  @inline(never)
  func directorySlot(_ block: UInt64, _ walk: DirectoryWalk) throws(Ext4Error) -> Int {
    let slot = try slot(of: block)
    if try needsCheck(slot, .directory, seed: walk.seed) {
      let hasChecksums = hasChecksums
      let inodeCount = superblock.inodeCount
      let isValid = cache.read(slot) {
        $0.isValidDirectoryBlock(inodeCount: inodeCount)
          && (!hasChecksums || $0.directoryChecksumMatches(seed: walk.seed))
      }
      guard isValid else { throw .corrupt("directory: block") }
      setKind(slot, .directory, seed: walk.seed)
    }
    return slot
  }
}
