// SPDX-License-Identifier: Apache-2.0
import Checksums
import Ext4
import Foundation
import Storage
import Testing

/// Images with damage: every operation ends with a value or an error. A trap would end the test process, a
/// loop would exceed its time.
@Suite(.timeLimit(.minutes(mutationCount > 10_000 ? 240 : 20))) struct Ext4HostileTests {
  /// A small image in which all kinds of metadata are in use.
  private func image() throws -> [UInt8] {
    let fileSystem = try freshFileSystem(megabytes: 2) { $0.inodeCount = 128 }
    let directory = try fileSystem.makeDirectory("directory")
    for index in 0..<30 {
      _ = try fileSystem.makeFile("entry-\(index)" + String(repeating: "n", count: index), in: directory)
    }
    let file = try fileSystem.makeFile("file", [UInt8](repeating: 1, count: 20_000))
    let sparse = try fileSystem.makeFile("sparse")
    for index in 0..<8 { try fileSystem.put([UInt8(index)], into: sparse, at: UInt64(index) * 65536) }
    _ = try fileSystem.makeSymbolicLink("short", to: "file")
    _ = try fileSystem.makeSymbolicLink("long", to: String(repeating: "x", count: 300))
    try fileSystem.setAttribute("user.small", [1, 2, 3], of: file)
    try fileSystem.setAttribute("user.large", [UInt8](repeating: 1, count: 900), of: file)
    try fileSystem.flush()
    return fileSystem.device.bytes
  }

  /// Where what kind of metadata is: the layout of an image of one group.
  private struct Places {
    let superblock = 1024..<2048
    let descriptor = 4096..<(4096 + 64)
    let bitmaps = 8192..<16384
    let inodes = 16384..<(16384 + 48 * 256)
    let blocks: [Int]
  }

  private func places(_ bytes: [UInt8]) throws -> Places {
    // Blocks of directories, extent nodes, attributes, and long symbolic links; files have little data.
    let dataStart = 16384 + 128 * 256
    let blocks = stride(from: dataStart, to: bytes.count, by: 4096).filter { block in
      bytes[block..<(block + 4096)].contains { $0 != 0 }
    }
    return Places(blocks: blocks)
  }

  @Test func damagedImagesEndInErrors() throws {
    let pristine = try image()
    let places = try places(pristine)
    var random = SeededGenerator(seed: 41)
    let device = MemoryDevice(pristine)
    var outcomes: [String: Int] = [:]
    for step in 0..<mutationCount {
      let range: Range<Int>
      switch random.next() % 8 {
      case 0: range = places.superblock
      case 1: range = places.descriptor
      case 2: range = places.bitmaps
      case 3, 4: range = places.inodes
      default:
        let block = places.blocks.randomElement(using: &random)!
        range = block..<(block + 4096)
      }
      random.mutate(&device.bytes, in: range)
      // Checksums stop nearly all damage by chance; an attacker makes them right.
      let forged = random.next() % 8 != 0
      if forged { forgeChecksums(&device.bytes, range, places) }
      let outcome = exercise(device, writing: step % 2 == 0, &random)
      outcomes[outcome, default: 0] += 1
      device.bytes = pristine
    }
    #expect(outcomes["ok", default: 0] > 0 && outcomes.count > 10, "\(outcomes)")
  }

  /// Mounts and does everything that there is to do; returns what it ended with.
  private func exercise(_ device: MemoryDevice, writing: Bool, _ random: inout SeededGenerator) -> String {
    var first: String?
    func attempt(_ body: () throws(Ext4Error) -> Void) {
      do throws(Ext4Error) { try body() } catch {
        switch error {
        case .corrupt, .unsupported: if first == nil { first = "\(error)" }
        default: break
        }
      }
    }
    attempt { () throws(Ext4Error) in
      let fileSystem = try MemoryFileSystem(mounting: device, readOnly: !writing, metadataCacheBlocks: 16)
      var budget = 60
      func visit(_ directory: InodeNumber, depth: Int) throws(Ext4Error) {
        var entries: [(name: [UInt8], inode: InodeNumber)] = []
        try fileSystem.enumerate(directory, from: 0) { name, inode, _, _ in
          entries.append((copy(name), inode))
          return entries.count < 200
        }
        for (name, inode) in entries where budget > 0 {
          budget -= 1
          attempt { () throws(Ext4Error) in _ = try fileSystem.lookup(name.span, in: directory) }
          attempt { () throws(Ext4Error) in try look(fileSystem, inode) }
          if name != [0x2e], name != [0x2e, 0x2e], depth < 4 {
            attempt { () throws(Ext4Error) in
              if try fileSystem.attributes(of: inode).isDirectory { try visit(inode, depth: depth + 1) }
            }
          }
          if writing { attempt { () throws(Ext4Error) in try harm(fileSystem, name, inode, directory, budget) } }
        }
      }
      try visit(fileSystem.rootDirectory, depth: 0)
      for inode in [InodeNumber(0), 1, 2, 5, 11, 100, 128, 129, .max] {
        attempt { () throws(Ext4Error) in try look(fileSystem, inode) }
      }
      if writing { try fileSystem.flush() }
    }
    return first ?? "ok"
  }

  private func look(_ fileSystem: MemoryFileSystem, _ inode: InodeNumber) throws(Ext4Error) {
    let attributes = try fileSystem.attributes(of: inode)
    _ = try fileSystem.extendedAttributeNames(of: inode)
    if attributes.isSymbolicLink { _ = try fileSystem.readLink(inode) }
    guard attributes.isRegularFile else { return }
    var buffer = [UInt8](repeating: 0, count: 3 * 4096)
    var span = buffer.mutableSpan
    for offset in [0, 100, 65530, attributes.size &- 5000, attributes.size / 2, 1 << 43] {
      _ = try fileSystem.read(inode, at: offset, into: &span)
      _ = try fileSystem.extent(of: inode, at: offset >> 12)
    }
  }

  private func harm(
    _ fileSystem: MemoryFileSystem, _ name: [UInt8], _ inode: InodeNumber, _ directory: InodeNumber, _ step: Int
  ) throws(Ext4Error) {
    switch step % 9 {
    case 0: try fileSystem.put([1, 2, 3], into: inode, at: UInt64(step) * 1000)
    case 1: try fileSystem.truncate(inode, to: UInt64(step) * 100)
    case 2:
      let removed = try fileSystem.unlink(name.span, in: directory)
      try fileSystem.release(removed.inode)
    case 3: _ = try fileSystem.makeFile("new-\(step)", [UInt8](repeating: 1, count: 5000), in: directory)
    case 4: _ = try fileSystem.makeDirectory("directory-\(step)", in: directory)
    case 5:
      let newName = Array("moved-\(step)".utf8)
      _ = try fileSystem.rename(name.span, in: directory, to: newName.span, in: fileSystem.rootDirectory)
    case 6: try fileSystem.setAttribute("user.new", [UInt8](repeating: 1, count: step), of: inode)
    case 7:
      let removed = try fileSystem.removeDirectory(name.span, in: directory)
      try fileSystem.release(removed.inode)
    default:
      try fileSystem.link(inode, as: Array("link-\(step)".utf8).span, in: directory)
      try fileSystem.setAttributes(of: inode, AttributeChange())
    }
  }

  // MARK: Checksums as an attacker would make them

  private func forgeChecksums(_ bytes: inout [UInt8], _ changed: Range<Int>, _ places: Places) {
    let seed = checksum(~0, bytes, 1024 + 104, 16)
    if changed == places.inodes {
      for number in UInt32(1)...48 { forgeInode(&bytes, number, seed) }
    } else if changed == places.superblock {
      put32(&bytes, 1024 + 1020, checksum(~0, bytes, 1024, 1020))
    } else if changed == places.descriptor || changed == places.bitmaps {
      for (offset, field, length) in [(8192, 24, 4096), (12288, 26, 16)] {
        let value = checksum(seed, bytes, offset, length)
        put16(&bytes, 4096 + field, UInt16(truncatingIfNeeded: value))
        put16(&bytes, 4096 + field + 32, UInt16(truncatingIfNeeded: value >> 16))
      }
      put16(&bytes, 4096 + 30, 0)
      let descriptor = checksum(crc32c(seed, UInt32(0)), bytes, 4096, 64)
      put16(&bytes, 4096 + 30, UInt16(truncatingIfNeeded: descriptor))
    } else {
      forgeBlock(&bytes, changed.lowerBound, seed)
    }
  }

  private func forgeInode(_ bytes: inout [UInt8], _ number: UInt32, _ seed: UInt32) {
    let start = 16384 + Int(number - 1) * 256
    // All of an inode that is not in use is zero, its checksum as well.
    guard bytes[start..<(start + 256)].contains(where: { $0 != 0 }) else { return }
    put16(&bytes, start + 124, 0)
    put16(&bytes, start + 130, 0)
    let value = checksum(inodeSeed(seed, number, bytes), bytes, start, 256)
    put16(&bytes, start + 124, UInt16(truncatingIfNeeded: value))
    put16(&bytes, start + 130, UInt16(truncatingIfNeeded: value >> 16))
  }

  /// A block of a directory, extent node or attributes: which one is known from what it looks like; whose it
  /// is from the first inode for which it was made (the numbers are small).
  private func forgeBlock(_ bytes: inout [UInt8], _ block: Int, _ seed: UInt32) {
    let magic = UInt32(bytes[block]) | UInt32(bytes[block + 1]) << 8
    if magic == 0xf30a {
      // The one file with a deep tree comes after lost+found (11), directory, its 30 entries, and `file`.
      put32(&bytes, block + 4092, checksum(inodeSeed(seed, 44, bytes), bytes, block, 4092))
    } else if bytes[block + 2] == 0x02, bytes[block + 3] == 0xea {
      put32(&bytes, block + 16, 0)
      let number = UInt64(block / 4096)
      let start = crc32c(crc32c(seed, UInt32(number)), UInt32(0))
      put32(&bytes, block + 16, checksum(start, bytes, block, 4096))
    } else if bytes[block + 4091] == 0xde {
      let owner: UInt32 = bytes[block] == 2 ? 2 : bytes[block] == 11 ? 11 : 12
      put32(&bytes, block + 4092, checksum(inodeSeed(seed, owner, bytes), bytes, block, 4084))
    }
  }

  private func inodeSeed(_ seed: UInt32, _ number: UInt32, _ bytes: [UInt8]) -> UInt32 {
    let start = 16384 + Int(number - 1) * 256 + 100
    return checksum(crc32c(seed, number), bytes, start, 4)
  }

  private func checksum(_ seed: UInt32, _ bytes: [UInt8], _ start: Int, _ count: Int) -> UInt32 {
    crc32c(seed, bytes.span.extracting(start..<(start + count)))
  }

  private func put16(_ bytes: inout [UInt8], _ offset: Int, _ value: UInt16) {
    bytes[offset] = UInt8(truncatingIfNeeded: value)
    bytes[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
  }

  private func put32(_ bytes: inout [UInt8], _ offset: Int, _ value: UInt32) {
    put16(&bytes, offset, UInt16(truncatingIfNeeded: value))
    put16(&bytes, offset + 2, UInt16(truncatingIfNeeded: value >> 16))
  }
}
