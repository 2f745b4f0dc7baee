// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// The greatest number of links to a file, and of those to a directory that are counted (feature dir_nlink).
  private static var maximumLinks: UInt16 { 65000 }

  /// Gives an inode that is no directory one more name.
  public func link(
    _ inode: InodeNumber, as name: Span<UInt8>, in directory: InodeNumber
  ) throws(Ext4Error) {
    try change { () throws(Ext4Error) in try linkStep(inode, as: name, in: directory) }
  }

  private func linkStep(
    _ inode: InodeNumber, as name: Span<UInt8>, in directory: InodeNumber
  ) throws(Ext4Error) {
    try checkNewName(name)
    let (mode, links) = try readInode(inode) { ($0.inodeMode, $0.inodeLinks) }
    guard mode & Mode.typeMask != Mode.directory else { throw .isDirectory }
    guard links < Self.maximumLinks else { throw .tooManyLinks }
    guard links > 0 else { throw .notFound }
    guard try findEntry(name, in: directory) == nil else { throw .exists }
    try addEntry(name, inode: inode, type: Mode.directoryEntryType(mode), to: directory)
    try setLinks(inode, links + 1)
    try touch(inode, contentChanged: false)
    try touch(directory, contentChanged: true)
  }

  /// Takes a name from an inode that is no directory. An inode without names stays as it is until `release`.
  public func unlink(_ name: Span<UInt8>, in directory: InodeNumber) throws(Ext4Error) -> RemovedName {
    try change { () throws(Ext4Error) in try unlinkStep(name, in: directory) }
  }

  private func unlinkStep(_ name: Span<UInt8>, in directory: InodeNumber) throws(Ext4Error) -> RemovedName {
    guard let entry = try findEntry(name, in: directory) else { throw .notFound }
    let (mode, links) = try readInode(entry.inode) { ($0.inodeMode, $0.inodeLinks) }
    guard mode & Mode.typeMask != Mode.directory else { throw .isDirectory }
    guard links > 0 else { throw .corrupt("a directory entry of an inode without links") }
    try removeEntry(entry, from: directory)
    try touch(directory, contentChanged: true)
    try dropLink(entry.inode, remaining: links - 1)
    return RemovedName(inode: entry.inode, remainingLinks: links - 1)
  }

  /// Removes an empty directory. It stays as it is until `release`.
  public func removeDirectory(_ name: Span<UInt8>, in directory: InodeNumber) throws(Ext4Error) -> RemovedName {
    try change { () throws(Ext4Error) in try removeDirectoryStep(name, in: directory) }
  }

  private func removeDirectoryStep(
    _ name: Span<UInt8>, in directory: InodeNumber
  ) throws(Ext4Error) -> RemovedName {
    guard let entry = try findEntry(name, in: directory) else { throw .notFound }
    if name[0] == 0x2e {
      if name.count == 1 { throw .invalid }
      if name.count == 2, name[1] == 0x2e { throw .notEmpty }
    }
    guard entry.inode != directory, entry.inode != rootDirectory else { throw .invalid }
    guard try isEmptyDirectory(entry.inode) else { throw .notEmpty }
    try removeEntry(entry, from: directory)
    try dropDirectory(entry.inode, parent: directory)
    try touch(directory, contentChanged: true)
    return RemovedName(inode: entry.inode, remainingLinks: 0)
  }

  /// Frees an inode without names, and its blocks; does nothing to others. For when the last user has gone.
  public func release(_ inode: InodeNumber) throws(Ext4Error) {
    try change { () throws(Ext4Error) in try free(inode, inSteps: true) }
  }

  func free(_ inode: InodeNumber, inSteps: Bool) throws(Ext4Error) {
    let (mode, flags, links) = try readInode(inode) { ($0.inodeMode, $0.inodeFlags, $0.inodeLinks) }
    guard links == 0, inode >= superblock.firstInode else { return }
    let type = mode & Mode.typeMask
    if flags & InodeFlag.extents != 0 {
      try remove(0..<(1 << 32), from: inode, freeing: true, inSteps: inSteps)
    } else if type == Mode.regular || type == Mode.directory {
      throw .unsupported("a file with block maps (ext2, ext3)")
    }
    if inSteps { try pause(inode) }
    try releaseAttributeBlock(of: inode)
    try removeOrphan(inode)
    // The layout wants a time here that is not zero; the inode's own is as good as any, unless it is so low
    // that it looks like the number of an inode in the orphan list.
    let lowest = superblock.inodeCount
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in
      let time = max(bytes.littleEndian32(at: InodeField.changeTime), lowest)
      let generation = bytes.littleEndian32(at: InodeField.generation)
      let extraSize = bytes.span.inodeExtraSize
      bytes.zero(0..<bytes.count)
      bytes.store32(time, at: InodeField.deletionTime)
      bytes.store32(generation, at: InodeField.generation)
      if extraSize > 0 { bytes.store16(UInt16(extraSize), at: InodeField.extraSize) }
    }
    let place = try inodePlace(inode)
    cache[place.slot].checkedParts &= ~(1 << ((inode - 1) % inodesPerBlock))
    try freeInode(inode, isDirectory: type == Mode.directory)
  }

  func setLinks(_ inode: InodeNumber, _ links: UInt16) throws(Ext4Error) {
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.store16(links, at: InodeField.links) }
  }

  /// One of an inode's names is gone; without any it waits for `release`.
  func dropLink(_ inode: InodeNumber, remaining: UInt16) throws(Ext4Error) {
    try setLinks(inode, remaining)
    try touch(inode, contentChanged: false)
    if remaining == 0 { try addOrphan(inode) }
  }

  // MARK: Links between directories: "." and ".." count

  func checkCanGainSubdirectory(_ links: UInt16) throws(Ext4Error) {
    let canOverflow = superblock.readOnlyCompatible & Feature.ReadOnlyCompatible.manyLinks != 0
    guard links < Self.maximumLinks || canOverflow else { throw .tooManyLinks }
  }

  /// Counts a directory that came to be (or no longer is) in another. With too many to count the number is 1.
  func changeSubdirectories(_ directory: InodeNumber, by change: Int) throws(Ext4Error) {
    let links = try readInode(directory) { $0.inodeLinks }
    guard links != 1 else { return }
    let changed = Int(links) + change
    try setLinks(directory, changed >= Int(Self.maximumLinks) ? 1 : UInt16(max(changed, 2)))
  }

  /// Takes a directory, whose entry is gone, out of the counts.
  func dropDirectory(_ directory: InodeNumber, parent: InodeNumber) throws(Ext4Error) {
    try dropLink(directory, remaining: 0)
    try changeSubdirectories(parent, by: -1)
  }
}
