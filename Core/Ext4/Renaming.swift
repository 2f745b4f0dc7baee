// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Moves a name. What was replaced is returned, and stays until `release` if no name is left.
  ///
  /// Throws `invalid` if a directory would come to lie inside of itself, and what rename(2) says of targets
  /// that are (or are not) directories.
  public func rename(
    _ name: Span<UInt8>, in directory: InodeNumber, to newName: Span<UInt8>, in newDirectory: InodeNumber,
    mode: RenameMode = .replace
  ) throws(Ext4Error) -> RemovedName? {
    try change { () throws(Ext4Error) in try renameStep(name, directory, newName, newDirectory, mode) }
  }

  private func renameStep(
    _ name: Span<UInt8>, _ directory: InodeNumber, _ newName: Span<UInt8>, _ newDirectory: InodeNumber,
    _ mode: RenameMode
  ) throws(Ext4Error) -> RemovedName? {
    try checkMovableName(name)
    try checkMovableName(newName)
    guard let source = try findEntry(name, in: directory) else { throw .notFound }
    let target = try findEntry(newName, in: newDirectory)
    switch mode {
    case .noReplace: guard target == nil else { throw .exists }
    case .exchange: guard target != nil else { throw .notFound }
    case .replace: break
    }
    let sourceMode = try readInode(source.inode) { $0.inodeMode }
    let isDirectory = sourceMode & Mode.typeMask == Mode.directory
    if isDirectory { try checkNotInside(newDirectory, source.inode) }
    guard let target else {
      try move(source, name, directory, newName, newDirectory, sourceMode)
      return nil
    }
    if target.inode == source.inode { return nil }
    let targetMode = try readInode(target.inode) { $0.inodeMode }
    if mode == .exchange {
      try exchange(source, directory, sourceMode, target, newDirectory, targetMode)
      return nil
    }
    return try replace(source, name, directory, sourceMode, target, newDirectory, targetMode)
  }

  private func checkMovableName(_ name: Span<UInt8>) throws(Ext4Error) {
    do throws(Ext4Error) { try checkNewName(name) } catch { throw error == .exists ? .invalid : error }
  }

  /// To a name that is free.
  private func move(
    _ source: FoundEntry, _ name: Span<UInt8>, _ directory: InodeNumber, _ newName: Span<UInt8>,
    _ newDirectory: InodeNumber, _ mode: UInt16
  ) throws(Ext4Error) {
    let isDirectory = mode & Mode.typeMask == Mode.directory
    let (links, newDirectoryMode) = try readInode(newDirectory) { ($0.inodeLinks, $0.inodeMode) }
    guard newDirectoryMode & Mode.typeMask == Mode.directory else { throw .notDirectory }
    guard links > 0 else { throw .notFound }
    if isDirectory, directory != newDirectory { try checkCanGainSubdirectory(links) }
    // The new name first: of the two changes only this one can fail for want of space.
    try addEntry(newName, inode: source.inode, type: Mode.directoryEntryType(mode), to: newDirectory)
    try removeSource(name, directory)
    if isDirectory, directory != newDirectory {
      try setParent(of: source.inode, to: newDirectory)
      try changeSubdirectories(directory, by: -1)
      try changeSubdirectories(newDirectory, by: 1)
    }
    try touchAll(source.inode, directory, newDirectory)
  }

  /// To a name that is taken.
  private func replace(
    _ source: FoundEntry, _ name: Span<UInt8>, _ directory: InodeNumber, _ mode: UInt16,
    _ target: FoundEntry, _ newDirectory: InodeNumber, _ targetMode: UInt16
  ) throws(Ext4Error) -> RemovedName {
    let isDirectory = mode & Mode.typeMask == Mode.directory
    let replacesDirectory = targetMode & Mode.typeMask == Mode.directory
    if isDirectory, !replacesDirectory { throw .notDirectory }
    if !isDirectory, replacesDirectory { throw .isDirectory }
    if replacesDirectory {
      guard target.inode != rootDirectory, target.inode != newDirectory, try isEmptyDirectory(target.inode)
      else { throw .notEmpty }
    }
    let links = try readInode(target.inode) { $0.inodeLinks }
    guard links > 0 else { throw .corrupt("a directory entry of an inode without links") }
    try setEntry(target, inode: source.inode, type: Mode.directoryEntryType(mode), in: newDirectory)
    try removeSource(name, directory)
    if replacesDirectory {
      // One directory in `newDirectory` goes, and if it comes from elsewhere another one is new there.
      try dropDirectory(target.inode, parent: directory)
      if directory != newDirectory { try setParent(of: source.inode, to: newDirectory) }
    } else {
      try dropLink(target.inode, remaining: links - 1)
    }
    try touchAll(source.inode, directory, newDirectory)
    return RemovedName(inode: target.inode, remainingLinks: replacesDirectory ? 0 : links - 1)
  }

  private func exchange(
    _ source: FoundEntry, _ directory: InodeNumber, _ mode: UInt16,
    _ target: FoundEntry, _ newDirectory: InodeNumber, _ targetMode: UInt16
  ) throws(Ext4Error) {
    let isDirectory = mode & Mode.typeMask == Mode.directory
    let targetIsDirectory = targetMode & Mode.typeMask == Mode.directory
    if targetIsDirectory { try checkNotInside(directory, target.inode) }
    try setEntry(target, inode: source.inode, type: Mode.directoryEntryType(mode), in: newDirectory)
    try setEntry(source, inode: target.inode, type: Mode.directoryEntryType(targetMode), in: directory)
    if directory != newDirectory {
      if isDirectory { try setParent(of: source.inode, to: newDirectory) }
      if targetIsDirectory { try setParent(of: target.inode, to: directory) }
      if isDirectory != targetIsDirectory {
        try changeSubdirectories(directory, by: isDirectory ? -1 : 1)
        try changeSubdirectories(newDirectory, by: isDirectory ? 1 : -1)
      }
    }
    try touch(target.inode, contentChanged: false)
    try touchAll(source.inode, directory, newDirectory)
  }

  /// Removes the old name. It is looked up again: the new one may have changed its neighbour.
  private func removeSource(_ name: Span<UInt8>, _ directory: InodeNumber) throws(Ext4Error) {
    guard let entry = try findEntry(name, in: directory) else { throw .corrupt("directory: entry has gone") }
    try removeEntry(entry, from: directory)
  }

  private func touchAll(
    _ moved: InodeNumber, _ directory: InodeNumber, _ newDirectory: InodeNumber
  ) throws(Ext4Error) {
    try touch(moved, contentChanged: false)
    try touch(directory, contentChanged: true)
    if newDirectory != directory { try touch(newDirectory, contentChanged: true) }
  }

  private func parent(of directory: InodeNumber) throws(Ext4Error) -> FoundEntry {
    let name: [2 of UInt8] = [0x2e, 0x2e]
    guard let entry = try findEntry(name.span, in: directory) else { throw .corrupt("directory: no parent") }
    return entry
  }

  private func setParent(of directory: InodeNumber, to parent: InodeNumber) throws(Ext4Error) {
    try setEntry(try self.parent(of: directory), inode: parent, type: 2, in: directory)
  }

  /// Throws `invalid` if `directory` is `ancestor` or lies below it.
  private func checkNotInside(_ directory: InodeNumber, _ ancestor: InodeNumber) throws(Ext4Error) {
    var current = directory
    // A damaged disk may have a ring of parents: Brent's way to notice, a mark that moves ever more seldom.
    var mark: InodeNumber = 0
    var steps = 0
    var limit = 8
    while current != ancestor {
      if current == rootDirectory { return }
      guard current != mark else { throw .corrupt("directory: parents form a ring") }
      if steps == limit {
        mark = current
        steps = 0
        limit *= 2
      }
      steps += 1
      current = try parent(of: current).inode
    }
    throw .invalid
  }
}
