// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Makes an empty regular file.
  public func createFile(
    name: Span<UInt8>, in directory: InodeNumber, attributes: NewInode
  ) throws(Ext4Error) -> InodeNumber {
    try create(name, in: directory, attributes, type: Mode.regular) { (_: InodeNumber) throws(Ext4Error) in }
  }

  /// Makes an empty directory.
  public func createDirectory(
    name: Span<UInt8>, in directory: InodeNumber, attributes: NewInode
  ) throws(Ext4Error) -> InodeNumber {
    let links = try readInode(directory) { $0.inodeLinks }
    try checkCanGainSubdirectory(links)
    let hasTail = hasChecksums
    return try create(name, in: directory, attributes, type: Mode.directory) { (inode) throws(Ext4Error) in
      let slot = try appendBlock(to: inode, try walk(inode))
      cache.modify(slot) { $0.makeFirstDirectoryBlock(directory: inode, parent: directory, hasTail: hasTail) }
    }
  }

  /// Makes a symbolic link; a target of up to 59 bytes takes no block.
  public func createSymbolicLink(
    name: Span<UInt8>, in directory: InodeNumber, target: Span<UInt8>, attributes: NewInode
  ) throws(Ext4Error) -> InodeNumber {
    guard target.count > 0 else { throw .invalid }
    guard target.count < blockSize else { throw .nameTooLong }
    return try create(name, in: directory, attributes, type: Mode.symbolicLink) { (inode) throws(Ext4Error) in
      if target.count < InodeField.blockSize {
        try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in
          bytes.copy(target, to: InodeField.block)
          bytes.setInodeSize(UInt64(target.count))
        }
      } else {
        try storeLongTarget(target, of: inode)
      }
    }
  }

  /// Makes a device node, pipe or socket: `attributes.mode` has the type.
  public func createNode(
    name: Span<UInt8>, in directory: InodeNumber, attributes: NewInode,
    device: DeviceNumber = DeviceNumber(major: 0, minor: 0)
  ) throws(Ext4Error) -> InodeNumber {
    let type = attributes.mode & Mode.typeMask
    let isDevice = type == Mode.characterDevice || type == Mode.blockDevice
    guard isDevice || type == Mode.pipe || type == Mode.socket else { throw .invalid }
    return try create(name, in: directory, attributes, type: type) { (inode) throws(Ext4Error) in
      guard isDevice else { return }
      try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setInodeDevice(device) }
    }
  }

  /// Makes an inode, lets `fill` give it content, and enters its name; on an error nothing of it stays.
  private func create(
    _ name: Span<UInt8>, in directory: InodeNumber, _ attributes: NewInode, type: UInt16,
    _ fill: (InodeNumber) throws(Ext4Error) -> Void
  ) throws(Ext4Error) -> InodeNumber {
    try change { () throws(Ext4Error) in try createStep(name, in: directory, attributes, type: type, fill) }
  }

  private func createStep(
    _ name: Span<UInt8>, in directory: InodeNumber, _ attributes: NewInode, type: UInt16,
    _ fill: (InodeNumber) throws(Ext4Error) -> Void
  ) throws(Ext4Error) -> InodeNumber {
    try checkNewName(name)
    guard try findEntry(name, in: directory) == nil else { throw .exists }
    guard try readInode(directory, { $0.inodeLinks }) > 0 else { throw .notFound }
    let inode = try allocateInode(attributes, type: type, near: directory)
    do throws(Ext4Error) {
      try fill(inode)
      try addEntry(name, inode: inode, type: Mode.directoryEntryType(type), to: directory)
    } catch {
      try free(inode, inSteps: false)
      throw error
    }
    try setLinks(inode, type == Mode.directory ? 2 : 1)
    if type == Mode.directory { try changeSubdirectories(directory, by: 1) }
    try touch(directory, contentChanged: true)
    return inode
  }

  /// Whether a name can be given: "." and ".." are every directory's own.
  func checkNewName(_ name: Span<UInt8>) throws(Ext4Error) {
    guard name.count > 0 else { throw .invalid }
    guard name.count <= DirectoryEntry.maximumNameLength else { throw .nameTooLong }
    if name[0] == 0x2e, name.count == 1 || name.count == 2 && name[1] == 0x2e { throw .exists }
    for index in 0..<name.count where name[index] == 0 || name[index] == 0x2f { throw .invalid }
  }

  private func storeLongTarget(_ target: Span<UInt8>, of inode: InodeNumber) throws(Ext4Error) {
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in
      bytes.store32(bytes.span.inodeFlags | InodeFlag.extents, at: InodeField.flags)
      var root = bytes.part(InodeField.block..<(InodeField.block + InodeField.blockSize))
      root.makeExtentNode(depth: 0)
    }
    let block = try allocateBlocks(wanted: 1, goal: 0).start
    // An empty tree has room: this cannot fail for want of space.
    try insert(Extent(logical: 0, count: 1, physical: block, isUnwritten: false), into: inode)
    try chargeBlocks(inode, 1)
    let slot = try newSlot(for: block, .linkTarget)
    cache.modify(slot) { $0.copy(target) }
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setInodeSize(UInt64(target.count)) }
  }
}
