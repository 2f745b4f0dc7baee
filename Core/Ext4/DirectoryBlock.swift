// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

// A block of a directory (the layout, "Directory Entries"): entries one after another, each with the inode
// (0 if the entry is free), the entry's length, the name's length, the file type, and the name. With metadata
// checksums the last 12 bytes look like a free entry of type 0xde that ends with the checksum.

enum DirectoryEntry {
  static let headerSize = 8
  static let maximumNameLength = 255

  /// The room that an entry with a name of that length needs.
  static func size(nameLength: Int) -> Int { (headerSize + nameLength + 3) & ~3 }
}

let directoryTailSize = 12
private let directoryTailMark: UInt32 = 0xde00_000c

extension Span where Element == UInt8 {
  func entryInode(_ offset: Int) -> UInt32 { littleEndian32(at: offset) }
  func entryLength(_ offset: Int) -> Int { Int(littleEndian16(at: offset &+ 4)) }
  func entryNameLength(_ offset: Int) -> Int { Int(self[offset &+ 6]) }
  func entryType(_ offset: Int) -> UInt8 { self[offset &+ 7] }

  /// Whether the entries fill the block exactly: afterwards the functions below are safe to use.
  func isValidDirectoryBlock(inodeCount: UInt32) -> Bool {
    var offset = 0
    while offset < count {
      guard count &- offset >= directoryTailSize else { return false }
      let entry = littleEndian64(at: offset)
      let length = Int(entry >> 32 & 0xffff)
      let nameLength = Int(entry >> 48 & 0xff)
      guard length >= directoryTailSize, length & 3 == 0, length <= count &- offset,
        DirectoryEntry.headerSize &+ nameLength <= length, UInt32(truncatingIfNeeded: entry) <= inodeCount
      else { return false }
      offset &+= length
    }
    return true
  }

  /// Where the entry with that name is, and the one before it (or -1).
  func findEntry(_ name: Span<UInt8>) -> (offset: Int, previous: Int)? {
    let wantedLength = UInt32(name.count)
    let firstByte = name[0]
    let end = count
    var offset = 0
    var previous = -1
    while offset < end {
      let header = littleEndian32(at: offset &+ 4)
      // Length of the name and its first byte tell almost all others apart.
      if header >> 16 & 0xff == wantedLength, self[offset &+ DirectoryEntry.headerSize] == firstByte,
        entryInode(offset) != 0, nameMatches(name, offset)
      {
        return (offset, previous)
      }
      previous = offset
      offset &+= Int(header & 0xffff)
    }
    return nil
  }

  private func nameMatches(_ name: Span<UInt8>, _ offset: Int) -> Bool {
    let start = offset &+ DirectoryEntry.headerSize
    let candidate = extracting(start..<(start &+ name.count))
    for index in 0..<name.count where candidate[index] != name[index] { return false }
    return true
  }

  /// The first entry before `end` with room for another one of `needed` bytes.
  func findRoom(_ needed: Int, end: Int) -> Int? {
    var offset = 0
    while offset < end {
      let length = entryLength(offset)
      let used = entryInode(offset) == 0 ? 0 : DirectoryEntry.size(nameLength: entryNameLength(offset))
      if length &- used >= needed, offset &+ length <= end { return offset }
      offset &+= length
    }
    return nil
  }

  /// Whether there are other entries than "." and "..".
  var hasDirectoryEntries: Bool {
    var offset = 0
    while offset < count {
      if entryInode(offset) != 0, !isDotOrDotDot(offset) { return true }
      offset &+= entryLength(offset)
    }
    return false
  }

  private func isDotOrDotDot(_ offset: Int) -> Bool {
    let length = entryNameLength(offset)
    let start = offset &+ DirectoryEntry.headerSize
    return length == 1 && self[start] == 0x2e || length == 2 && self[start] == 0x2e && self[start &+ 1] == 0x2e
  }

  // MARK: Checksums

  var hasDirectoryTail: Bool {
    let tail = count - directoryTailSize
    return littleEndian32(at: tail) == 0 && littleEndian32(at: tail + 4) == directoryTailMark
  }

  /// Whether the checksum of a block with entries, or of one with the index of a hashed directory, is right.
  func directoryChecksumMatches(seed: UInt32) -> Bool {
    if hasDirectoryTail {
      return crc32c(seed, extracting(first: count - directoryTailSize)) == littleEndian32(at: count - 4)
    }
    guard let start = indexStart, let (offset, checksum) = indexChecksum(start, seed: seed) else { return false }
    return checksum == littleEndian32(at: offset)
  }
}

extension MutableSpan where Element == UInt8 {
  mutating func sealDirectoryBlock(seed: UInt32) {
    if span.hasDirectoryTail {
      store32(crc32c(seed, span.extracting(first: count - directoryTailSize)), at: count - 4)
    } else if let start = span.indexStart, let (offset, checksum) = span.indexChecksum(start, seed: seed) {
      store32(checksum, at: offset)
    }
  }

  /// Marks the end of a block that has a checksum.
  mutating func makeDirectoryTail() {
    store32(0, at: count - directoryTailSize)
    store32(directoryTailMark, at: count - directoryTailSize + 4)
  }

  mutating func setEntryLength(_ offset: Int, _ length: Int) {
    store16(UInt16(truncatingIfNeeded: length), at: offset &+ 4)
  }

  mutating func setEntry(_ offset: Int, inode: UInt32, type: UInt8) {
    store32(inode, at: offset)
    self[offset &+ 7] = type
  }

  /// Puts an entry into one that `findRoom` has found.
  mutating func insertEntry(_ offset: Int, _ name: Span<UInt8>, inode: UInt32, type: UInt8) {
    var position = offset
    var length = span.entryLength(offset)
    if span.entryInode(offset) != 0 {
      let used = DirectoryEntry.size(nameLength: span.entryNameLength(offset))
      setEntryLength(offset, used)
      position &+= used
      length &-= used
    }
    store32(inode, at: position)
    setEntryLength(position, length)
    self[position &+ 6] = UInt8(truncatingIfNeeded: name.count)
    self[position &+ 7] = type
    copy(name, to: position &+ DirectoryEntry.headerSize)
  }

  /// Frees an entry; the one before it takes its room. Nothing of the name stays behind.
  mutating func removeEntry(_ offset: Int, previous: Int) {
    let length = span.entryLength(offset)
    zero(offset..<(offset &+ length))
    if previous >= 0 {
      setEntryLength(previous, offset &+ length &- previous)
    } else {
      setEntryLength(offset, length)
    }
  }

  /// Makes the first block of a directory.
  mutating func makeFirstDirectoryBlock(directory: UInt32, parent: UInt32, hasTail: Bool) {
    zero(0..<count)
    store32(directory, at: 0)
    setEntryLength(0, 12)
    self[6] = 1
    self[7] = 2
    self[8] = 0x2e
    store32(parent, at: 12)
    self[18] = 2
    self[19] = 2
    self[20] = 0x2e
    self[21] = 0x2e
    setEntryLength(12, count - 12 - (hasTail ? directoryTailSize : 0))
    if hasTail { makeDirectoryTail() }
  }

  /// Makes a block without entries.
  mutating func makeEmptyDirectoryBlock(hasTail: Bool) {
    zero(0..<count)
    setEntryLength(0, count - (hasTail ? directoryTailSize : 0))
    if hasTail { makeDirectoryTail() }
  }
}
