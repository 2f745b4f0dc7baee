// SPDX-License-Identifier: Apache-2.0
import Storage

/// How `setExtendedAttribute` treats one that is there already (setxattr(2)).
public enum AttributeSetMode: Sendable {
  case createOrReplace
  /// Fail with `exists` (XATTR_CREATE).
  case create
  /// Fail with `noAttribute` if there is none (XATTR_REPLACE).
  case replace
}

extension Ext4FileSystem {
  /// The value of an extended attribute; names have their prefix ("user.", "trusted.", "security.", "system.").
  public func extendedAttribute(_ name: Span<UInt8>, of inode: InodeNumber) throws(Ext4Error) -> [UInt8] {
    guard let wanted = StoredAttribute(fullName: name) else { throw .noAttribute }
    let all = try storedAttributes(of: inode)
    guard let index = Self.position(of: wanted, in: all) else { throw .noAttribute }
    return all[index].value
  }

  /// Copies the value of an extended attribute into the start of `destination`, and returns its size.
  /// Throws `bufferTooSmall` if it does not fit.
  public func extendedAttribute(
    _ name: Span<UInt8>, of inode: InodeNumber, into destination: inout MutableSpan<UInt8>
  ) throws(Ext4Error) -> Int {
    let value = try extendedAttribute(name, of: inode)
    guard value.count <= destination.count else { throw .bufferTooSmall }
    destination.copy(value.span)
    return value.count
  }

  /// The names of all extended attributes, with their prefixes.
  public func extendedAttributeNames(of inode: InodeNumber) throws(Ext4Error) -> [[UInt8]] {
    try storedAttributes(of: inode).compactMap { $0.fullName }
  }

  /// Sets an extended attribute. Throws `noSpace` if all of them do not fit into inode and one block.
  public func setExtendedAttribute(
    _ name: Span<UInt8>, to value: Span<UInt8>, of inode: InodeNumber, mode: AttributeSetMode = .createOrReplace
  ) throws(Ext4Error) {
    try change { () throws(Ext4Error) in try setAttributeStep(name, value, inode, mode) }
  }

  private func setAttributeStep(
    _ name: Span<UInt8>, _ value: Span<UInt8>, _ inode: InodeNumber, _ mode: AttributeSetMode
  ) throws(Ext4Error) {
    guard name.count <= 255 else { throw .nameTooLong }
    guard var attribute = StoredAttribute(fullName: name) else { throw .unsupported("a name space of attributes") }
    guard value.count <= blockSize else { throw .noSpace }
    attribute.value.reserveCapacity(value.count)
    for index in 0..<value.count { attribute.value.append(value[index]) }

    var all = try storedAttributes(of: inode)
    if let index = Self.position(of: attribute, in: all) {
      guard mode != .create else { throw .exists }
      all[index] = attribute
    } else {
      guard mode != .replace else { throw .noAttribute }
      all.append(attribute)
    }
    try store(all, of: inode)
  }

  /// Removes an extended attribute.
  public func removeExtendedAttribute(_ name: Span<UInt8>, of inode: InodeNumber) throws(Ext4Error) {
    try change { () throws(Ext4Error) in
      guard let wanted = StoredAttribute(fullName: name) else { throw .noAttribute }
      var all = try storedAttributes(of: inode)
      guard let index = Self.position(of: wanted, in: all) else { throw .noAttribute }
      all.remove(at: index)
      try store(all, of: inode)
    }
  }

  private static func position(of wanted: StoredAttribute, in all: [StoredAttribute]) -> Int? {
    for (index, attribute) in all.enumerated()
    where attribute.prefix == wanted.prefix && attribute.name == wanted.name { return index }
    return nil
  }

  // MARK: Reading

  private func storedAttributes(of inode: InodeNumber) throws(Ext4Error) -> [StoredAttribute] {
    let (inInode, block) = try readInode(inode) { (Self.attributesInInode($0), $0.inodeAttributeBlock) }
    guard let inInode else { throw .corrupt("inode: attributes") }
    guard block != 0 else { return inInode }
    let slot = try attributeSlot(block)
    let inBlock = cache.read(slot) { $0.attributes(first: AttributeBlock.headerSize, base: 0) }
    guard let inBlock else { throw .corrupt("attributes: block") }
    return inInode + inBlock
  }

  private static func attributesInInode(_ bytes: Span<UInt8>) -> [StoredAttribute]? {
    let start = InodeField.extraSize + bytes.inodeExtraSize
    // Inodes of 128 bytes have no room at all.
    guard bytes.count - start >= 8, bytes.inodeExtraSize > 0, bytes.littleEndian32(at: start) == attributeMagic
    else { return [] }
    return bytes.attributes(first: start + 4, base: start + 4)
  }

  private func attributeSlot(_ block: UInt64) throws(Ext4Error) -> Int {
    let slot = try slot(of: block)
    if try needsCheck(slot, .attributes) {
      let seed = checksumSeed
      let hasChecksums = hasChecksums
      let isValid = cache.read(slot) { bytes in
        let references = bytes.littleEndian32(at: AttributeBlock.referenceCount)
        return bytes.littleEndian32(at: 0) == attributeMagic && references >= 1
          && references <= AttributeBlock.maximumReferences
          && bytes.littleEndian32(at: AttributeBlock.blockCount) == 1
          && (!hasChecksums
            || bytes.attributeBlockChecksum(block, seed: seed)
              == bytes.littleEndian32(at: AttributeBlock.checksum))
      }
      guard isValid else { throw .corrupt("attributes: block") }
      setKind(slot, .attributes)
    }
    return slot
  }

  // MARK: Writing

  /// Stores all attributes of an inode: in the inode what fits there, the rest in a block.
  private func store(_ attributes: [StoredAttribute], of inode: InodeNumber) throws(Ext4Error) {
    let extraSize = try readInode(inode) { $0.inodeExtraSize }
    // Magic number before, zero word behind the entries.
    var roomInInode = extraSize > 0 ? inodeSize - InodeField.extraSize - extraSize - 8 : 0
    var roomInBlock = blockSize - AttributeBlock.headerSize - 4
    var inInode: [StoredAttribute] = []
    var inBlock: [StoredAttribute] = []
    var order: [Int] = []
    for index in attributes.indices { order.append(index) }
    sortIndices(&order) { attributes[$0].precedes(attributes[$1]) }
    for index in order {
      let attribute = attributes[index]
      let needed = attribute.entrySize + attribute.valueSize
      if needed <= roomInInode {
        roomInInode -= needed
        inInode.append(attribute)
      } else {
        guard needed <= roomInBlock else { throw .noSpace }
        roomInBlock -= needed
        inBlock.append(attribute)
      }
    }
    if inBlock.isEmpty {
      try releaseAttributeBlock(of: inode)
    } else {
      try storeBlock(inBlock, of: inode)
    }
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in
      guard extraSize > 0 else { return }
      let start = InodeField.extraSize + extraSize
      bytes.zero(start..<bytes.count)
      guard !inInode.isEmpty else { return }
      bytes.store32(attributeMagic, at: start)
      bytes.storeAttributes(inInode, first: start + 4, base: start + 4, hashed: false)
    }
  }

  private func storeBlock(_ attributes: [StoredAttribute], of inode: InodeNumber) throws(Ext4Error) {
    var block = try readInode(inode) { $0.inodeAttributeBlock }
    if block != 0 {
      let slot = try attributeSlot(block)
      let references = cache.read(slot) { $0.littleEndian32(at: AttributeBlock.referenceCount) }
      // Other inodes use the block, too: leave it to them.
      if references > 1 {
        let copy = try allocateBlocks(wanted: 1, goal: 0).start
        try releaseAttributeBlock(of: inode)
        block = copy
        try useAttributeBlock(block, of: inode)
      }
    } else {
      block = try allocateBlocks(wanted: 1, goal: 0).start
      try useAttributeBlock(block, of: inode)
    }
    let slot = try newSlot(for: block, .attributes)
    cache.modify(slot) { $0.makeAttributeBlock(attributes) }
    sealAttributeBlock(slot, block)
  }

  private func useAttributeBlock(_ block: UInt64, of inode: InodeNumber) throws(Ext4Error) {
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setInodeAttributeBlock(block) }
    try chargeBlocks(inode, 1)
  }

  /// Gives up an inode's block of attributes, which other inodes may go on using.
  func releaseAttributeBlock(of inode: InodeNumber) throws(Ext4Error) {
    let block = try readInode(inode) { $0.inodeAttributeBlock }
    guard block != 0 else { return }
    let slot = try attributeSlot(block)
    let references = cache.read(slot) { $0.littleEndian32(at: AttributeBlock.referenceCount) }
    if references > 1 {
      cache.modify(slot) { $0.store32(references - 1, at: AttributeBlock.referenceCount) }
      sealAttributeBlock(slot, block)
    } else {
      try freeBlocks(block, 1, areMetadata: true)
    }
    try modifyInode(inode) { (bytes: inout MutableSpan<UInt8>) in bytes.setInodeAttributeBlock(0) }
    try chargeBlocks(inode, -1)
  }

  private func sealAttributeBlock(_ slot: Int, _ block: UInt64) {
    guard hasChecksums else { return }
    let seed = checksumSeed
    cache.modify(slot) {
      $0.store32($0.span.attributeBlockChecksum(block, seed: seed), at: AttributeBlock.checksum)
    }
  }
}
