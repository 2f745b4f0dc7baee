// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// A file, directory or link of a `TemporaryFileSystem`. Its pages are nowhere else: they are never
/// reclaimed, and one that is missing is a hole.
final class TemporaryNode: PagedNode {
  private let temporary: TemporaryFileSystem
  /// Of a directory.
  private var entries = OrderedNames<Node>()
  /// Of a symbolic link.
  private var target: [UInt8] = []
  private var extendedAttributes: [(name: [UInt8], value: [UInt8])] = []
  /// Made by O_TMPFILE and still without a name.
  private(set) var isUnnamed = false
  /// What may no longer be done with it. Only `memfd_create` makes files that can be sealed.
  var seals: FileSeals = .seal
  /// The pipe that goes through a FIFO while somebody has it open.
  private var pipe: Pipe?

  /// Entries of one directory: its table must fit into one block of the kernel's heap.
  private static let maximumEntries = 60_000
  /// Bytes of names and values of extended attributes.
  private static let maximumAttributeBytes = 65536

  init(_ fileSystem: TemporaryFileSystem, _ number: UInt64, _ attributes: Attributes, parent: TemporaryNode?) {
    temporary = fileSystem
    super.init(fileSystem: fileSystem, number: number, attributes: attributes)
    if attributes.isDirectory { self.attributes.linkCount = 2 }
  }

  deinit {
    temporary.usedPages &-= pages.count
    temporary.usedNodes &-= 1
  }

  override func opened(_ flags: OpenFlags) throws(Errno) -> Node {
    guard attributes.type == .fifo else { return try super.opened(flags) }
    return try Pipe.open(&pipe, self, flags)
  }

  // MARK: content

  override func isHole(_ index: UInt64) -> Bool { true }

  override var keepsPages: Bool { true }

  override var outOfMemory: Errno { .ENOSPC }

  override func chargePage() throws(Errno) {
    guard temporary.usedPages < temporary.maximumPages else { throw .ENOSPC }
    temporary.usedPages &+= 1
    attributes.blockCount &+= 8
  }

  override func unchargePage() {
    temporary.usedPages &-= 1
    attributes.blockCount &-= 8
  }

  override func commit(at offset: UInt64, count: Int) throws(Errno) {
    let end = offset &+ UInt64(count)
    if end > attributes.size { attributes.size = end }
    attributes.modified = Timestamp.now
    attributes.changed = attributes.modified
  }

  /// No window around it: what is missing is a hole, and stays one.
  override func page(at index: UInt64, forWriting: Bool) throws(Errno) -> Frame {
    guard let last = lastPage, index <= last else { throw .EFAULT }
    return try entry(index, ahead: 0).frame
  }

  override func readAhead(at offset: UInt64, count: UInt64) {}

  override func truncate(to size: UInt64) throws(Errno) {
    guard attributes.isRegular else { return try super.truncate(to: size) }
    guard size <= maximumSize else { throw .EFBIG }
    try checkSeals(resizingTo: size)
    if size < attributes.size { cutPages(at: size) } else { clearBehindEnd(attributes.size) }
    attributes.size = size
    attributes.modified = Timestamp.now
    attributes.changed = attributes.modified
  }

  override func allocate(mode: UInt32, at offset: UInt64, count: UInt64) throws(Errno) {
    guard attributes.isRegular else { throw isDirectory ? .EISDIR : .ENODEV }
    let end = offset &+ count
    guard end <= maximumSize else { throw .EFBIG }
    try checkSeals(allocating: mode, to: end)
    switch mode {
    case FileAllocation.punchHole | FileAllocation.keepSize:
      clearPages(offset, count)
    case 0, FileAllocation.keepSize:
      try fillHoles(offset >> 12, (end &- 1) >> 12)
      if mode == 0 && end > attributes.size { attributes.size = end }
    default: throw .EOPNOTSUPP
    }
    attributes.changed = Timestamp.now
  }

  private func fillHoles(_ first: UInt64, _ last: UInt64) throws(Errno) {
    var index = first
    while index <= last {
      if pages[index] == 0 { _ = try addZeroPage(index) }
      index &+= 1
    }
  }

  override func seek(_ target: SeekTarget, from offset: UInt64) throws(Errno) -> UInt64? {
    guard offset < attributes.size else { return nil }
    var index = offset >> 12
    switch target {
    case .data:
      guard let found = pages.next(from: index), found.index << 12 < attributes.size else { return nil }
      return max(offset, found.index << 12)
    case .hole:
      while pages[index] != 0 { index &+= 1 }
      return min(max(offset, index << 12), attributes.size)
    }
  }

  override func synchronize(dataOnly: Bool) throws(Errno) {
    guard attributes.isRegular || isDirectory else { throw .EINVAL }
  }

  override func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    let allowed = seals == .seal ? count : try sealedCount(at: offset, count)
    return try super.write(at: offset, from: address, count: allowed, mayWait: mayWait)
  }

  override func write(at offset: UInt64, bytes: Span<UInt8>) throws(Errno) {
    let allowed = seals == .seal ? bytes.count : try sealedCount(at: offset, bytes.count)
    guard allowed == bytes.count else { throw .EPERM }
    try super.write(at: offset, bytes: bytes)
  }

  override func checkMapping(_ mapping: inout Mapping) throws(Errno) {
    guard mapping.isShared, seals.forbidWriting else { return }
    if mapping.protection.isWritable { throw .EPERM }
    mapping.mayWrite = false
  }

  override func setAttributes(_ change: AttributeChange) throws(Errno) {
    if let permissions = change.permissions, seals.contains(.execute), (attributes.mode ^ permissions) & 0o111 != 0 {
      throw .EPERM
    }
    try super.setAttributes(change)
  }

  // MARK: directories

  override func lookup(_ name: [UInt8]) throws(Errno) -> Node? {
    guard isDirectory else { throw .ENOTDIR }
    return entries[name]
  }

  override func enumerate(after cookie: UInt64, _ body: (DirectoryItem) -> Bool) throws(Errno) {
    guard isDirectory else { throw .ENOTDIR }
    var last = cookie
    while let entry = entries.next(after: last) {
      last = entry.cookie
      guard let node = entry.value else { continue }
      let item = DirectoryItem(name: entry.name, number: node.number, type: node.attributes.type, cookie: entry.cookie)
      if !body(item) { return }
    }
  }

  private func add(_ name: [UInt8], _ node: Node) {
    entries.set(node, for: name)
    changed()
  }

  private func changed() {
    attributes.size = UInt64(entries.count) &* 20
    attributes.modified = Timestamp.now
    attributes.changed = attributes.modified
  }

  private func checkRoom() throws(Errno) {
    guard attributes.linkCount > 0 else { throw .ENOENT }
    guard entries.count < Self.maximumEntries else { throw .ENOSPC }
    try reserveKernelMemory()
  }

  override func create(_ name: [UInt8], _ new: NewNode) throws(Errno) -> Node {
    try checkRoom()
    let node = try temporary.makeNode(new)
    if new.type == .directory { attributes.linkCount &+= 1 }
    add(name, node)
    return node
  }

  override func createUnnamed(_ new: NewNode) throws(Errno) -> Node {
    let node = try temporary.makeNode(new)
    node.attributes.linkCount = 0
    node.isUnnamed = true
    return node
  }

  override var isLinkable: Bool { isUnnamed }

  override func createSymbolicLink(_ name: [UInt8], to target: [UInt8], _ new: NewNode) throws(Errno) -> Node {
    try checkRoom()
    let node = try temporary.makeNode(new)
    node.target = target
    node.attributes.size = UInt64(target.count)
    add(name, node)
    return node
  }

  override func link(_ name: [UInt8], to node: Node) throws(Errno) {
    try checkRoom()
    guard node.attributes.linkCount < 65000 else { throw .EMLINK }
    node.attributes.linkCount &+= 1
    (node as? TemporaryNode)?.isUnnamed = false
    node.attributes.changed = Timestamp.now
    add(name, node)
  }

  override func unlink(_ name: [UInt8], _ node: Node) throws(Errno) {
    entries.remove(name)
    node.attributes.linkCount &-= 1
    changed()
    node.attributes.changed = attributes.changed
  }

  private func isEmptyDirectory(_ node: Node) -> Bool { (node as? TemporaryNode)?.entries.count == 0 }

  override func removeDirectory(_ name: [UInt8], _ node: Node) throws(Errno) {
    guard isEmptyDirectory(node) else { throw .ENOTEMPTY }
    entries.remove(name)
    node.attributes.linkCount = 0
    attributes.linkCount &-= 1
    changed()
  }

  override func rename(
    _ name: [UInt8], _ node: Node, to newParent: Node, _ newName: [UInt8], replacing replaced: Node?
  ) throws(Errno) {
    guard let target = newParent as? TemporaryNode else { throw .EXDEV }
    if replaced == nil { try target.checkRoom() }
    if let replaced {
      if replaced.isDirectory {
        guard isEmptyDirectory(replaced) else { throw .ENOTEMPTY }
        replaced.attributes.linkCount = 0
        target.attributes.linkCount &-= 1
      } else {
        replaced.attributes.linkCount &-= 1
      }
      replaced.attributes.changed = Timestamp.now
    }
    entries.remove(name)
    if node.isDirectory {
      attributes.linkCount &-= 1
      target.attributes.linkCount &+= 1
    }
    changed()
    target.add(newName, node)
    node.attributes.changed = attributes.changed
  }

  override func exchange(_ name: [UInt8], _ node: Node, with other: Node, _ otherName: [UInt8], _ otherNode: Node)
    throws(Errno)
  {
    guard let target = other as? TemporaryNode else { throw .EXDEV }
    if node.isDirectory != otherNode.isDirectory {
      let change: UInt32 = node.isDirectory ? 1 : 0 &- 1
      attributes.linkCount &-= change
      target.attributes.linkCount &+= change
    }
    add(name, otherNode)
    target.add(otherName, node)
    node.attributes.changed = attributes.changed
    otherNode.attributes.changed = attributes.changed
  }

  override func readLink() throws(Errno) -> [UInt8] {
    guard attributes.isSymbolicLink else { throw .EINVAL }
    return target
  }

  // MARK: extended attributes

  private func attributePosition(_ name: [UInt8]) -> Int? {
    for (position, attribute) in extendedAttributes.enumerated() where attribute.name == name { return position }
    return nil
  }

  override func extendedAttribute(_ name: [UInt8]) throws(Errno) -> [UInt8] {
    guard let position = attributePosition(name) else { throw .ENODATA }
    return extendedAttributes[position].value
  }

  override func setExtendedAttribute(_ name: [UInt8], _ value: [UInt8], flags: UInt32) throws(Errno) {
    let position = attributePosition(name)
    if position != nil && flags & 1 != 0 { throw .EEXIST }
    if position == nil && flags & 2 != 0 { throw .ENODATA }
    var total = name.count + value.count
    for attribute in extendedAttributes { total += attribute.name.count + attribute.value.count }
    guard total <= Self.maximumAttributeBytes else { throw .ENOSPC }
    try reserveKernelMemory()
    if let position { extendedAttributes[position].value = value } else { extendedAttributes.append((name, value)) }
    attributes.changed = Timestamp.now
  }

  override func removeExtendedAttribute(_ name: [UInt8]) throws(Errno) {
    guard let position = attributePosition(name) else { throw .ENODATA }
    extendedAttributes.remove(at: position)
    attributes.changed = Timestamp.now
  }

  override func extendedAttributeNames() throws(Errno) -> [[UInt8]] {
    var names: [[UInt8]] = []
    for attribute in extendedAttributes { names.append(attribute.name) }
    return names
  }
}

/// The modes of `fallocate` (include/uapi/linux/falloc.h).
enum FileAllocation {
  static let keepSize: UInt32 = 1
  static let punchHole: UInt32 = 2
  static let collapseRange: UInt32 = 8
  static let zeroRange: UInt32 = 16
  static let insertRange: UInt32 = 32
  static let unshareRange: UInt32 = 64
}
