// SPDX-License-Identifier: Apache-2.0
import Ext4
import Foundation
import Storage
import Testing

/// Journals that others have written, or damaged.
@Suite struct ForeignJournalTests {
  /// An image with a file whose blocks debugfs has written through the journal; what they are to contain, and
  /// where they are.
  private func image(_ options: [String], _ journalOptions: String) throws -> (image: [UInt8], content: [UInt8]) {
    let scratch = try ScratchDirectory()
    let path = scratch["image"].path
    let made = try run(
      "mke2fs", ["-q", "-t", "ext4", "-b", "4096"] + options + [path, "32M"], package: "e2fsprogs")
    try #require(made.status == 0, "\(made.output)")
    var random = SeededGenerator(seed: 3)
    try Data(random.bytes(5 * 4096)).write(to: scratch["old"])
    var new = random.bytes(5 * 4096)
    // Two blocks start like one of the journal.
    for block in [1, 3] { new.replaceSubrange((block * 4096)..<(block * 4096 + 4), with: [0xc0, 0x3b, 0x39, 0x98]) }
    try Data(new).write(to: scratch["new"])
    try Data(new[0..<4096]).write(to: scratch["one"])
    try Data(new[4096..<8192]).write(to: scratch["two"])
    try run("debugfs", ["-w", "-R", "write \(scratch["old"].path) file", path], package: "e2fsprogs")
    let blocks = try run("debugfs", ["-R", "blocks file", path], package: "e2fsprogs").output
      .split(whereSeparator: { $0.isNewline || $0 == " " }).compactMap { Int($0) }
    try #require(blocks.count == 5, "\(blocks)")
    let list = blocks.map(String.init)
    // The first two blocks: the copy of one is revoked, and written once more; that of the other stays revoked.
    let commands = """
      jo \(journalOptions)
      jw -b \(list[0]) \(scratch["two"].path)
      jw -b \(list.joined(separator: ",")) \(scratch["new"].path)
      jw -r \(list[0]),\(list[2])
      jw -b \(list[0]) \(scratch["one"].path)
      jc

      """
    try run("debugfs", ["-w", "-f", "-", path], package: "e2fsprogs", input: commands)
    let old = try [UInt8](Data(contentsOf: scratch["old"]))
    new.replaceSubrange((2 * 4096)..<(3 * 4096), with: old[(2 * 4096)..<(3 * 4096)])
    return (try [UInt8](Data(contentsOf: scratch["image"])), new)
  }

  @Test(arguments: [
    ([], "-c"), ([], "-c -v 2"), ([], ""), (["-O", "^64bit"], "-c"), (["-O", "^64bit"], "-c -v 2"),
    (["-O", "^64bit,^metadata_csum"], ""),
  ])
  func replaysWhatDebugfsWrote(options: [String], journalOptions: String) throws {
    let (image, content) = try image(options, journalOptions)
    let fileSystem = try MemoryFileSystem(mounting: MemoryDevice(image), readOnly: false, metadataCacheBlocks: 16)
    let same = try fileSystem.content(of: try fileSystem.find("file")) == content
    #expect(same)
    try expectClean(recovered: image)
  }

  /// Where the journal's blocks are: they carry its magic number.
  private func journalBlocks(_ image: [UInt8]) -> [(offset: Int, type: UInt8)] {
    stride(from: 0, to: image.count, by: 4096)
      .filter { Array(image[$0..<($0 + 7)]) == [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0] }
      .map { ($0, image[$0 + 7]) }
  }

  @Test func damageInsideOfTheLogIsNotTakenForItsEnd() throws {
    let (image, _) = try image([], "-c")
    let blocks = journalBlocks(image)
    try #require(blocks.map(\.type) == [4, 1, 2, 1, 2, 5, 2, 1, 2], "\(blocks)")
    func mount(_ change: (inout [UInt8]) -> Void) throws -> String {
      let device = MemoryDevice(image)
      change(&device.bytes)
      do throws(Ext4Error) {
        _ = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 16)
        return "ok"
      } catch { return "\(error)" }
    }
    // A descriptor, a revocation, a commit and a copy of the first transactions.
    #expect(try mount { $0[blocks[1].offset + 100] ^= 1 }.contains("a transaction is damaged"))
    #expect(try mount { $0[blocks[5].offset + 100] ^= 1 }.contains("a transaction is damaged"))
    #expect(try mount { $0[blocks[2].offset + 100] ^= 1 }.contains("a commit is damaged"))
    #expect(try mount { $0[blocks[1].offset + 4096 + 100] ^= 1 }.contains("a copy is damaged"))
    // The last transaction may have been cut off anywhere.
    #expect(try mount { $0[blocks[8].offset + 100] ^= 1 } == "ok")
    #expect(try mount { $0[blocks[8].offset] ^= 1 } == "ok")
    #expect(try mount { $0[blocks[0].offset + 30] ^= 1 }.contains("journal: checksum"))
  }

  /// Journals with random damage, checksums made right again by giving none: an error or a mount, never a trap.
  @Test func damagedJournalsEndInErrors() throws {
    let (image, _) = try image(["-O", "^metadata_csum"], "")
    let blocks = journalBlocks(image)
    var random = SeededGenerator(seed: 77)
    let device = MemoryDevice(image)
    var outcomes: [String: Int] = [:]
    for _ in 0..<(mutationCount / 10) {
      let block = blocks.randomElement(using: &random)!
      let size = block.type == 4 ? 100 : 80
      random.mutate(&device.bytes, in: block.offset..<(block.offset + size))
      do throws(Ext4Error) {
        let readOnly = random.next() % 2 == 0
        let fileSystem = try MemoryFileSystem(mounting: device, readOnly: readOnly, metadataCacheBlocks: 16)
        _ = try fileSystem.names(in: 2)
        if !readOnly {
          _ = try fileSystem.makeFile("new")
          try fileSystem.unmount()
        }
        outcomes["ok", default: 0] += 1
      } catch { outcomes["\(error)", default: 0] += 1 }
      device.bytes = image
    }
    #expect(outcomes["ok", default: 0] > 0 && outcomes.count > 4, "\(outcomes)")
  }

  /// Orphan lists, and the inodes on them, with random damage: an error or a mount, never a trap or a loop.
  @Test(.timeLimit(.minutes(20))) func damagedOrphanListsEndInErrors() throws {
    let device = MemoryDevice(
      try imageOfMke2fs(["-b", "4096", "-O", "^metadata_csum,^resize_inode", "-N", "64", "-J", "size=4"], "12M"))
    let fileSystem = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 64)
    for index in 0..<6 {
      let file = try fileSystem.makeFile("file-\(index)")
      for block in 0..<6 { try fileSystem.put([1], into: file, at: UInt64(block * 8192)) }
      _ = try fileSystem.unlink(Array("file-\(index)".utf8).span, in: 2)
    }
    try fileSystem.unmount()
    let pristine = device.bytes
    let scratch = try ScratchDirectory()
    try device.save(to: scratch["image"])
    let place = try run("debugfs", ["-R", "imap <12>", scratch["image"].path], package: "e2fsprogs").output
    let words = place.split { " ,\n\t".contains($0) }
    let block = try #require(words.lastIndex(of: "block").flatMap { Int(words[$0 + 1]) }, "\(place)")
    let offset = try #require(words.last.flatMap { Int($0.dropFirst(2), radix: 16) }, "\(place)")
    var random = SeededGenerator(seed: 13)
    var outcomes: [String: Int] = [:]
    for _ in 0..<(mutationCount / 10) {
      let inode = block * 4096 + offset + Int(random.next() % 6) * 256
      switch random.next() % 4 {
      case 0: random.mutate(&device.bytes, in: 1256..<1260)
      case 1: device.bytes[inode + 20] = UInt8(10 + random.next() % 10)  // The next in the list.
      case 2: device.bytes[inode + 26] = UInt8(random.next() % 3)  // Its links.
      default: random.mutate(&device.bytes, in: inode..<(inode + 128))
      }
      do throws(Ext4Error) {
        let fileSystem = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 16)
        try fileSystem.unmount()
        outcomes["ok", default: 0] += 1
      } catch { outcomes["\(error)", default: 0] += 1 }
      device.bytes = pristine
    }
    #expect(outcomes["ok", default: 0] > 0 && outcomes.count > 2, "\(outcomes)")
  }

  @Test(arguments: [
    (["-b", "4096", "-J", "size=4"], "fast_commit", "a journal with fast commits that needs recovery")
  ])
  func refusesByName(options: [String], feature: String, error: String) throws {
    var image = try imageOfMke2fs(options + ["-O", feature], "64M")
    // Clean it is accepted: the feature goes with the first transaction.
    let fileSystem = try mounted(image)
    _ = try fileSystem.makeFile("file", [1])
    try fileSystem.flush()
    try expectClean(recovered: fileSystem.device.bytes)
    // With something in the log: where it starts and the feature, in the journal's superblock, and that it is to be
    // replayed.
    let block = journalBlocks(image).first { $0.type == 4 }!
    image[block.offset + 31] = 1
    image[block.offset + 43] = 0x20
    let device = MemoryDevice(image)
    let scratch = try ScratchDirectory()
    try device.save(to: scratch["image"])
    try run("debugfs", ["-w", "-R", "feature +needs_recovery", scratch["image"].path], package: "e2fsprogs")
    let dirty = try MemoryDevice(contentsOf: scratch["image"])
    let thrown = #expect(throws: Ext4Error.self) {
      try MemoryFileSystem(mounting: dirty, readOnly: false, metadataCacheBlocks: 16)
    }
    #expect(thrown.map { "\($0)" }?.contains(error) == true, "\(String(describing: thrown))")
  }
}
