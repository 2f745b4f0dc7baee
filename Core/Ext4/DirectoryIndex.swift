// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

// The index of a hashed directory (the layout, "Hash Tree Directories"): blocks whose entries tell from which hash
// on names are in which block of the directory. It hides from linear readers: in the first block behind an entry
// for ".." that fills the block, elsewhere in a free entry that does. The first entry has no hash, which is taken
// as zero; in its place stand how many entries fit and how many there are.

enum DirectoryIndex {
  /// Where the entries start in the first block, and in other blocks of the index.
  static let rootStart = 32
  static let nodeStart = 8
  static let versionOffset = 28
  static let levelsOffset = 30
  /// Levels below the root; Linux allows one more with the feature large_dir only.
  static let maximumLevels: UInt8 = 1

  static func capacity(blockSize: Int, start: Int, hasChecksums: Bool) -> Int {
    (blockSize - start) / 8 - (hasChecksums ? 1 : 0)
  }
}

extension Span where Element == UInt8 {
  func indexCount(_ start: Int) -> Int { Int(littleEndian16(at: start &+ 2)) }
  func indexHash(_ start: Int, _ position: Int) -> UInt32 {
    position == 0 ? 0 : littleEndian32(at: start &+ 8 &* position)
  }
  /// The logical block of an entry; the upper bits have no meaning yet.
  func indexBlock(_ start: Int, _ position: Int) -> UInt32 {
    littleEndian32(at: start &+ 8 &* position &+ 4) & 0x0fff_ffff
  }

  /// The last entry whose hash is not behind `hash`.
  func indexPosition(_ start: Int, of hash: UInt32) -> Int {
    var (low, high) = (1, indexCount(start))
    while low < high {
      let middle = (low &+ high) >> 1
      if indexHash(start, middle) <= hash { low = middle &+ 1 } else { high = middle }
    }
    return low &- 1
  }

  /// Where the entries of a block of the index start; nil if it is none.
  var indexStart: Int? {
    if entryLength(0) == count { return DirectoryIndex.nodeStart }
    return entryLength(0) == 12 && entryLength(12) == count - 12 ? DirectoryIndex.rootStart : nil
  }

  /// The checksum over the entries and what is behind the last possible one, and where it stands.
  func indexChecksum(_ start: Int, seed: UInt32) -> (offset: Int, checksum: UInt32)? {
    let tail = start + 8 * Int(littleEndian16(at: start))
    let end = start + 8 * indexCount(start)
    guard end <= tail, tail + 8 <= count else { return nil }
    let crc = crc32c(crc32c(seed, extracting(first: end)), extracting(tail..<(tail + 4)))
    return (tail + 4, crc32c(crc, 0))
  }
}

extension MutableSpan where Element == UInt8 {
  mutating func setIndexCount(_ start: Int, _ count: Int) {
    store16(UInt16(truncatingIfNeeded: count), at: start &+ 2)
  }

  mutating func setIndexEntry(_ start: Int, _ position: Int, hash: UInt32, block: UInt32) {
    if position > 0 { store32(hash, at: start &+ 8 &* position) }
    store32(block, at: start &+ 8 &* position &+ 4)
  }

  /// Adds an entry; there must be room.
  mutating func insertIndexEntry(_ start: Int, _ position: Int, hash: UInt32, block: UInt32) {
    let entries = span.indexCount(start)
    var offset = start &+ 8 &* entries &- 4
    let first = start &+ 8 &* position
    while offset >= first {
      store32(littleEndian32(at: offset), at: offset &+ 8)
      offset &-= 4
    }
    setIndexEntry(start, position, hash: hash, block: block)
    setIndexCount(start, entries &+ 1)
  }

  /// Makes an index without entries, of a block that has the entries of the directory that hide it.
  mutating func makeIndex(_ start: Int, hasChecksums: Bool) {
    zero(start..<count)
    let capacity = DirectoryIndex.capacity(blockSize: count, start: start, hasChecksums: hasChecksums)
    store16(UInt16(capacity), at: start)
  }

  /// Makes the first block of a hashed directory.
  mutating func makeIndexRoot(directory: UInt32, parent: UInt32, version: UInt8, hasChecksums: Bool) {
    makeFirstDirectoryBlock(directory: directory, parent: parent, hasTail: false)
    makeIndex(DirectoryIndex.rootStart, hasChecksums: hasChecksums)
    self[DirectoryIndex.versionOffset] = version
    self[DirectoryIndex.versionOffset + 1] = 8  // The length of what describes the index.
  }

  /// Makes another block of the index.
  mutating func makeIndexNode(hasChecksums: Bool) {
    makeEmptyDirectoryBlock(hasTail: false)
    makeIndex(DirectoryIndex.nodeStart, hasChecksums: hasChecksums)
  }
}
