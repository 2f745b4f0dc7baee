// SPDX-License-Identifier: Apache-2.0
import Storage

// The orphan list (the layout, "Orphan List"): inodes that a power cut must not leave as they are. Those without
// names are freed by the next mount, those with names are cut to their size. The superblock has the first, and
// every inode the next one in place of its deletion time.

extension Ext4FileSystem {
  /// Enters an inode, if there is a journal and it is not there yet.
  func addOrphan(_ inode: InodeNumber) throws(Ext4Error) {
    guard journal != nil, orphans.lastIndex(of: inode) == nil else { return }
    try setNextOrphan(of: inode, orphans.last ?? 0)
    superblock.lastOrphan = inode
    orphans.append(inode)
  }

  /// Takes an inode out, if it is there.
  func removeOrphan(_ inode: InodeNumber) throws(Ext4Error) {
    guard let index = orphans.lastIndex(of: inode) else { return }
    let next = index > 0 ? orphans[index - 1] : 0
    if index == orphans.count - 1 {
      superblock.lastOrphan = next
    } else {
      try setNextOrphan(of: orphans[index + 1], next)
    }
    orphans.remove(at: index)
    try setNextOrphan(of: inode, 0)
  }

  private func setNextOrphan(of inode: InodeNumber, _ next: InodeNumber) throws(Ext4Error) {
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.store32(next, at: InodeField.deletionTime) }
  }

  /// Commits what was done so far of a long operation on an inode, when there is no room for another step. Should
  /// the power go now, the next mount completes it.
  func pause(_ inode: InodeNumber) throws(Ext4Error) {
    guard let journal, !journal.hasRoom(cache.transactionBlocks) else { return }
    try addOrphan(inode)
    try commit(journal)
  }

  /// Does what a power cut has left undone, at mount.
  func releaseOrphans() throws(Ext4Error) {
    while superblock.lastOrphan != 0 {
      let inode = superblock.lastOrphan
      guard inode >= superblock.firstInode, inode <= superblock.inodeCount else { throw .corrupt("orphan list") }
      let next: InodeNumber
      let attributes: Inode
      do throws(Ext4Error) {
        attributes = try self.attributes(of: inode)
        next = try readInode(inode) { $0.littleEndian32(at: InodeField.deletionTime) }
      } catch { throw error == .notFound ? .corrupt("orphan list") : error }
      // As much of the list as it takes to remove the first. A ring of inodes ends with the second visit to one,
      // which then has no next.
      orphans = next == 0 ? [inode] : [next, inode]
      if attributes.links == 0 {
        try release(inode)
      } else if attributes.isRegularFile {
        try truncate(inode, to: attributes.size)
      }
      try change { () throws(Ext4Error) in try removeOrphan(inode) }
    }
    orphans = []
    try flush()
  }
}
