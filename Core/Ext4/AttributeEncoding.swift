// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// An extended attribute as it is stored: the name without its prefix, which is a number.
struct StoredAttribute {
  var prefix: UInt8
  var name: [UInt8]
  var value: [UInt8]

  /// The room that its entry takes, in bytes.
  var entrySize: Int { (AttributeEntry.headerSize + name.count + 3) & ~3 }
  /// The room that its value takes, in bytes.
  var valueSize: Int { (value.count + 3) & ~3 }

  /// The order of entries in a block: by prefix, length of the name, name.
  func precedes(_ other: StoredAttribute) -> Bool {
    if prefix != other.prefix { return prefix < other.prefix }
    if name.count != other.name.count { return name.count < other.name.count }
    for (one, another) in zip(name, other.name) where one != another { return one < another }
    return false
  }

  /// The hash of an entry in a block (the layout, "Extended Attributes"; Linux's ext4_xattr_hash_entry).
  var hash: UInt32 {
    var hash: UInt32 = 0
    for byte in name { hash = (hash << 5) ^ (hash >> 27) ^ UInt32(byte) }
    var index = 0
    while index < value.count {
      var word: UInt32 = 0
      for byte in 0..<min(4, value.count - index) { word |= UInt32(value[index + byte]) << UInt32(8 * byte) }
      hash = (hash << 16) ^ (hash >> 16) ^ word
      index += 4
    }
    return hash
  }
}

/// Offsets in an entry.
enum AttributeEntry {
  static let nameLength = 0
  static let prefix = 1
  static let valueOffset = 2
  static let valueInode = 4
  static let valueSize = 8
  static let hash = 12
  static let headerSize = 16
}

/// Offsets in the header of a block of attributes.
enum AttributeBlock {
  static let referenceCount = 4
  static let blockCount = 8
  static let hash = 12
  static let checksum = 16
  static let headerSize = 32
  /// Linux shares a block between at most so many inodes.
  static let maximumReferences: UInt32 = 1024
}

let attributeMagic: UInt32 = 0xea02_0000

/// The prefixes that have numbers; other names cannot be stored. Those of access control lists (2 and 3) are
/// left out: programs see their values in another form than the disk.
private func prefixText(_ number: UInt8) -> [UInt8]? {
  switch number {
  case 1: Array("user.".utf8)
  case 4: Array("trusted.".utf8)
  case 6: Array("security.".utf8)
  case 7: Array("system.".utf8)
  default: nil
  }
}

extension StoredAttribute {
  /// Splits a full name; nil if its prefix has no number.
  init?(fullName: Span<UInt8>) {
    for number: UInt8 in [1, 4, 6, 7] {
      guard let text = prefixText(number), Self.starts(fullName, text) else { continue }
      prefix = number
      name = []
      for index in text.count..<fullName.count { name.append(fullName[index]) }
      value = []
      return
    }
    return nil
  }

  private static func starts(_ name: Span<UInt8>, _ text: [UInt8]) -> Bool {
    guard name.count > text.count else { return false }
    for index in 0..<text.count where name[index] != text[index] { return false }
    return true
  }

  /// The name with its prefix; nil if that is not known.
  var fullName: [UInt8]? { prefixText(prefix).map { $0 + name } }
}

extension Span where Element == UInt8 {
  /// Reads the entries that start at `first`; their values' offsets count from `base`. Nil if they are damaged.
  func attributes(first: Int, base: Int) -> [StoredAttribute]? {
    var result: [StoredAttribute] = []
    var offset = first
    while true {
      guard count - offset >= 4 else { return nil }
      if littleEndian32(at: offset) == 0 { return result }
      guard count - offset >= AttributeEntry.headerSize else { return nil }
      let nameLength = Int(self[offset + AttributeEntry.nameLength])
      let valueStart = base + Int(littleEndian16(at: offset + AttributeEntry.valueOffset))
      let valueSize = Int(littleEndian32(at: offset + AttributeEntry.valueSize))
      let nameStart = offset + AttributeEntry.headerSize
      guard nameLength <= count - nameStart, littleEndian32(at: offset + AttributeEntry.valueInode) == 0,
        valueSize == 0 || valueStart <= count && valueSize <= count - valueStart
      else { return nil }
      var attribute = StoredAttribute(prefix: self[offset + AttributeEntry.prefix], name: [], value: [])
      for index in 0..<nameLength { attribute.name.append(self[nameStart + index]) }
      for index in 0..<valueSize { attribute.value.append(self[valueStart + index]) }
      offset += attribute.entrySize
      guard offset <= count else { return nil }
      result.append(attribute)
    }
  }

  func attributeBlockChecksum(_ block: UInt64, seed: UInt32) -> UInt32 {
    let zeros: [4 of UInt8] = [0, 0, 0, 0]
    var crc = crc32c(seed, UInt32(truncatingIfNeeded: block))
    crc = crc32c(crc, UInt32(truncatingIfNeeded: block >> 32))
    crc = crc32c(crc, extracting(first: AttributeBlock.checksum))
    crc = crc32c(crc, zeros.span)
    return crc32c(crc, extracting((AttributeBlock.checksum + 4)..<count))
  }
}

extension MutableSpan where Element == UInt8 {
  /// Writes entries from `first` on and their values from the end backwards; they must fit, and the span must
  /// be zero from there. Only entries in blocks have hashes.
  mutating func storeAttributes(_ attributes: [StoredAttribute], first: Int, base: Int, hashed: Bool) {
    var offset = first
    var valueOffset = count
    for attribute in attributes {
      valueOffset -= attribute.valueSize
      self[offset + AttributeEntry.nameLength] = UInt8(truncatingIfNeeded: attribute.name.count)
      self[offset + AttributeEntry.prefix] = attribute.prefix
      store32(UInt32(truncatingIfNeeded: attribute.value.count), at: offset + AttributeEntry.valueSize)
      if !attribute.value.isEmpty {
        store16(UInt16(truncatingIfNeeded: valueOffset - base), at: offset + AttributeEntry.valueOffset)
      }
      if hashed { store32(attribute.hash, at: offset + AttributeEntry.hash) }
      copy(attribute.name.span, to: offset + AttributeEntry.headerSize)
      copy(attribute.value.span, to: valueOffset)
      offset += attribute.entrySize
    }
  }

  /// Makes a whole block of attributes, but for its checksum.
  mutating func makeAttributeBlock(_ attributes: [StoredAttribute]) {
    zero(0..<count)
    store32(attributeMagic, at: 0)
    store32(1, at: AttributeBlock.referenceCount)
    store32(1, at: AttributeBlock.blockCount)
    storeAttributes(attributes, first: AttributeBlock.headerSize, base: 0, hashed: true)
    var hash: UInt32 = 0
    for attribute in attributes { hash = (hash << 16) ^ (hash >> 16) ^ attribute.hash }
    store32(hash, at: AttributeBlock.hash)
  }
}
