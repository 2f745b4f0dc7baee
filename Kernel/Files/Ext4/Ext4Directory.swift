// SPDX-License-Identifier: Apache-2.0
import Ext4
import Machine

/// A node of a mounted ext4, with what directories do. `Ext4Node`, the only class made of it, adds content;
/// they are apart because a class's overrides must stand in one place.
class Ext4DirectoryNode: PagedNode {
  let mount: Ext4Mount
  let inode: InodeNumber

  init(_ mount: Ext4Mount, _ inode: InodeNumber, _ attributes: Inode) {
    self.mount = mount
    self.inode = inode
    super.init(fileSystem: mount, number: UInt64(inode), attributes: Attributes(attributes))
  }

  /// Takes over the attributes that the file system itself changed: of a directory all, of a file its links.
  func reload() throws(Errno) {
    let inode = inode
    let new = try mount.use { (ext4) throws(Ext4Error) in try ext4.attributes(of: inode) }
    if isDirectory {
      attributes = Attributes(new)
    } else {
      attributes.linkCount = UInt32(new.links)
      attributes.changed = Timestamp(new.changeTime)
    }
  }

  /// A name went; with the last one the inode lives as long as its node.
  final func lostName(_ remaining: UInt32) {
    attributes.linkCount = remaining
    attributes.changed = Timestamp.now
    if remaining == 0 { mount.forget(self) }
  }

  override func lookup(_ name: [UInt8]) throws(Errno) -> Node? {
    guard isDirectory else { throw .ENOTDIR }
    let inode = inode
    let found = try mount.use { (ext4) throws(Ext4Error) -> InodeNumber? in
      do throws(Ext4Error) {
        return try ext4.lookup(name.span, in: inode)
      } catch {
        if case .notFound = error { return nil }
        throw error
      }
    }
    guard let found else { return nil }
    return try mount.node(found)
  }

  override func enumerate(after cookie: UInt64, _ body: (DirectoryItem) -> Bool) throws(Errno) {
    guard isDirectory else { throw .ENOTDIR }
    let inode = inode
    try mount.use { (ext4) throws(Ext4Error) in
      try ext4.enumerate(inode, from: cookie) { name, number, type, next in
        let isDots = name[0] == 0x2e && (name.count == 1 || name.count == 2 && name[1] == 0x2e)
        if isDots { return true }
        var copy: [UInt8] = []
        copy.reserveCapacity(name.count)
        for index in name.indices { copy.append(name[index]) }
        return body(DirectoryItem(name: copy, number: UInt64(number), type: Self.type(type), cookie: next))
      }
    }
  }

  /// The type in a directory entry (the layout, "Directory file types").
  private static func type(_ code: UInt8) -> FileType {
    switch code {
    case 2: .directory
    case 3: .characterDevice
    case 4: .blockDevice
    case 5: .fifo
    case 6: .socket
    case 7: .symbolicLink
    default: .regular
    }
  }

  override func create(_ name: [UInt8], _ new: NewNode) throws(Errno) -> Node {
    let inode = inode
    let number = try mount.change { (ext4) throws(Ext4Error) in
      switch new.type {
      case .regular: try ext4.createFile(name: name.span, in: inode, attributes: NewInode(new))
      case .directory: try ext4.createDirectory(name: name.span, in: inode, attributes: NewInode(new))
      default: try ext4.createNode(name: name.span, in: inode, attributes: NewInode(new))
      }
    }
    try reload()
    return try mount.node(number)
  }

  /// Made with a name that nobody sees, and which is gone before anybody could look.
  override func createUnnamed(_ new: NewNode) throws(Errno) -> Node {
    var name = bytes(of: ".unnamed-")
    name.append(hexadecimal: Random.next(), width: 16)
    let node = try create(name, new)
    try unlink(name, node)
    return node
  }

  override func createSymbolicLink(_ name: [UInt8], to target: [UInt8], _ new: NewNode) throws(Errno) -> Node {
    let inode = inode
    let number = try mount.change { (ext4) throws(Ext4Error) in
      try ext4.createSymbolicLink(name: name.span, in: inode, target: target.span, attributes: NewInode(new))
    }
    try reload()
    return try mount.node(number)
  }

  override func link(_ name: [UInt8], to node: Node) throws(Errno) {
    guard let node = node as? Ext4DirectoryNode else { throw .EXDEV }
    let inode = inode
    try mount.change { (ext4) throws(Ext4Error) in try ext4.link(node.inode, as: name.span, in: inode) }
    try reload()
    try node.reload()
  }

  override func unlink(_ name: [UInt8], _ node: Node) throws(Errno) {
    guard let node = node as? Ext4DirectoryNode else { throw .EXDEV }
    let inode = inode
    let removed = try mount.change { (ext4) throws(Ext4Error) in try ext4.unlink(name.span, in: inode) }
    node.lostName(UInt32(removed.remainingLinks))
    try reload()
  }

  override func removeDirectory(_ name: [UInt8], _ node: Node) throws(Errno) {
    guard let node = node as? Ext4DirectoryNode else { throw .EXDEV }
    let inode = inode
    _ = try mount.change { (ext4) throws(Ext4Error) in try ext4.removeDirectory(name.span, in: inode) }
    node.lostName(0)
    try reload()
  }

  override func rename(
    _ name: [UInt8], _ node: Node, to newParent: Node, _ newName: [UInt8], replacing replaced: Node?
  ) throws(Errno) {
    try move(name, node, to: newParent, newName, replaced, .replace)
  }

  override func exchange(_ name: [UInt8], _ node: Node, with other: Node, _ otherName: [UInt8], _ otherNode: Node)
    throws(Errno)
  {
    try move(name, node, to: other, otherName, nil, .exchange)
    try (otherNode as? Ext4DirectoryNode)?.reload()
  }

  private func move(
    _ name: [UInt8], _ node: Node, to newParent: Node, _ newName: [UInt8], _ replaced: Node?, _ mode: RenameMode
  ) throws(Errno) {
    guard let target = newParent as? Ext4DirectoryNode else { throw .EXDEV }
    let inode = inode
    let removed = try mount.change { (ext4) throws(Ext4Error) in
      try ext4.rename(name.span, in: inode, to: newName.span, in: target.inode, mode: mode)
    }
    if let removed { (replaced as? Ext4DirectoryNode)?.lostName(UInt32(removed.remainingLinks)) }
    try reload()
    if target !== self { try target.reload() }
    try (node as? Ext4DirectoryNode)?.reload()
  }
}

extension NewInode {
  init(_ new: NewNode) {
    self.init(
      mode: UInt16(truncatingIfNeeded: new.type.rawValue | new.permissions), userID: new.userIdentifier,
      groupID: new.groupIdentifier)
  }
}
