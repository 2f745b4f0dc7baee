// SPDX-License-Identifier: Apache-2.0
import Ext4
import Foundation
import Storage
import Testing

typealias RecordedFileSystem = Ext4FileSystem<RecordingDevice>

/// An empty file system with a journal of 4 MiB.
func journaledImage(megabytes: Int = 16) throws -> [UInt8] {
  let device = MemoryDevice(size: megabytes << 20)
  var parameters = formatParameters()
  parameters.journalBlocks = 1024
  try MemoryFileSystem.format(device, parameters)
  return device.bytes
}

func mounted(_ image: [UInt8], cacheBlocks: Int = 64) throws -> RecordedFileSystem {
  let fileSystem = try RecordedFileSystem(
    mounting: RecordingDevice(image), readOnly: false, metadataCacheBlocks: cacheBlocks)
  fileSystem.currentTime = Timestamp(seconds: 1_700_000_000)
  return fileSystem
}

@Suite struct JournalTests {
  @Test func formatMakesAJournalThatE2fsckAccepts() throws {
    for (megabytes, blocks) in [(16, 1024), (200, 4096)] as [(Int, UInt32)] {
      let fileSystem = try freshFileSystem(megabytes: megabytes) { $0.journalBlocks = blocks }
      try expectClean(fileSystem)
    }
    #expect(FormatParameters.usualJournalBlocks(deviceSize: 7 << 20) == 0)
    #expect(FormatParameters.usualJournalBlocks(deviceSize: 64 << 20) == 1024)
    #expect(FormatParameters.usualJournalBlocks(deviceSize: 10 << 30) == 16384)
    #expect(FormatParameters.usualJournalBlocks(deviceSize: 1 << 40) == 262144)
  }

  @Test func formatForgetsAnOldJournalOfTheSameIdentifier() throws {
    let fileSystem = try mounted(try journaledImage())
    for index in 0..<50 { _ = try fileSystem.makeFile("file-\(index)") }
    try fileSystem.flush()
    let device = MemoryDevice(fileSystem.device.bytes)
    var parameters = formatParameters()
    parameters.journalBlocks = 1024
    try MemoryFileSystem.format(device, parameters)
    let again = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 64)
    #expect(try again.names(in: 2) == [".", "..", "lost+found"])
    try expectClean(again)
  }

  @Test func aFlushedChangeIsInTheLogOnly() throws {
    let fileSystem = try mounted(try journaledImage())
    _ = try fileSystem.makeFile("file", [1, 2, 3])
    try fileSystem.flush()
    let device = MemoryDevice(fileSystem.device.bytes)
    let reader = try MemoryFileSystem(mounting: device, readOnly: true, metadataCacheBlocks: 16)
    #expect(try reader.content(of: try reader.find("file")) == [1, 2, 3])
    #expect(device.bytes == fileSystem.device.bytes, "mounted for reading, but changed")
    let writer = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 16)
    #expect(try writer.content(of: try writer.find("file")) == [1, 2, 3])
    try expectClean(writer)
  }

  @Test func anUnflushedChangeIsNotThere() throws {
    let fileSystem = try mounted(try journaledImage())
    _ = try fileSystem.makeFile("early")
    try fileSystem.flush()
    #expect(!fileSystem.hasChanges)
    _ = try fileSystem.makeFile("late")
    #expect(fileSystem.hasChanges)
    let again = try mounted(fileSystem.device.bytes)
    #expect(try again.names(in: 2).contains("early"))
    #expect(throws: Ext4Error.notFound) { try again.find("late") }
  }

  /// Many more transactions than the log holds, whose numbers pass 2^32.
  @Test(arguments: [[], ["-O", "^64bit"], ["-O", "^metadata_csum"], ["-b", "1024"]])
  func theLogIsARing(options: [String]) throws {
    var image = try imageOfMke2fs(["-b", "4096", "-J", "size=4"] + options, "24M")
    setSequence(&image, 0xffff_fff0)
    var fileSystem = try mounted(image, cacheBlocks: 16)
    var random = SeededGenerator(seed: 5)
    for round in 0..<6 {
      for index in 0..<40 {
        let name = "file-\(index % 25)"
        if (try? fileSystem.find(name)) != nil { try fileSystem.remove(name) }
        let inode = try fileSystem.makeFile(name, random.bytes(Int(random.next() % 30_000)))
        try fileSystem.setAttribute("user.long", random.bytes(600), of: inode)
        try fileSystem.flush()
      }
      let names = try fileSystem.names(in: 2).sorted()
      if round % 2 == 0 { try fileSystem.unmount() }
      fileSystem = try mounted(fileSystem.device.bytes, cacheBlocks: 16)
      #expect(try fileSystem.names(in: 2).sorted() == names)
    }
    try expectClean(recovered: fileSystem.device.bytes)
  }

  /// Sets the number of the next transaction in the journal's superblock, wherever that is.
  private func setSequence(_ image: inout [UInt8], _ number: UInt32) {
    let magic: [UInt8] = [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 4]
    let start = stride(from: 0, to: image.count, by: 1024).first { Array(image[$0..<($0 + 8)]) == magic }!
    for index in 0..<4 { image[start + 24 + index] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * index)) }
  }

  @Test func aBlockThatStartsWithTheMagicNumberIsEscaped() throws {
    let fileSystem = try mounted(try journaledImage())
    let target: [UInt8] = [0xc0, 0x3b, 0x39, 0x98] + [UInt8](repeating: 0x41, count: 200)
    _ = try fileSystem.createSymbolicLink(
      name: Array("link".utf8).span, in: 2, target: target.span, attributes: NewInode(mode: 0o777))
    try fileSystem.flush()
    for readOnly in [true, false] {
      let device = MemoryDevice(fileSystem.device.bytes)
      let again = try MemoryFileSystem(mounting: device, readOnly: readOnly, metadataCacheBlocks: 16)
      #expect(try again.readLink(try again.find("link")) == target)
    }
    try expectClean(recovered: fileSystem.device.bytes)
  }

  @Test func aBlockOfMetadataThatBecomesContentIsNotReplayed() throws {
    let fileSystem = try mounted(try journaledImage(), cacheBlocks: 128)
    // Fills the disk, so that the directory's blocks are the only ones left.
    let directory = try fileSystem.makeDirectory("directory")
    for index in 0..<200 { _ = try fileSystem.makeFile("\(index)" + String(repeating: "n", count: 200), in: directory) }
    let filler = try fileSystem.makeFile("filler")
    #expect(throws: Ext4Error.noSpace) {
      try fileSystem.put([UInt8](repeating: 1, count: 16 << 20), into: filler)
    }
    try fileSystem.flush()
    for name in try fileSystem.names(in: directory) where name.count > 2 { try fileSystem.remove(name, in: directory) }
    try fileSystem.removeEmptyDirectory("directory")
    try fileSystem.flush()
    let file = try fileSystem.makeFile("file")
    let content = [UInt8](repeating: 0x5a, count: 4096 * Int(fileSystem.statistics.freeBlocks))
    try #require(content.count >= 10 * 4096)
    try fileSystem.put(content, into: file)
    try fileSystem.flush()
    let again = try mounted(fileSystem.device.bytes)
    let same = try again.content(of: try again.find("file")) == content
    #expect(same)
    try expectClean(recovered: fileSystem.device.bytes)
  }

  /// A block that was freed is not used again before that is committed, unless there is no other.
  @Test func freedBlocksWaitForTheCommit() throws {
    let fileSystem = try mounted(try journaledImage())
    let file = try fileSystem.makeFile("file", [UInt8](repeating: 7, count: 6 << 20))
    let rest = Int(fileSystem.statistics.freeBlocks) - 100
    _ = try fileSystem.makeFile("filler", [UInt8](repeating: 8, count: rest * 4096))
    try fileSystem.flush()
    try fileSystem.truncate(file, to: 0)
    // More than is free without the blocks of `file`.
    _ = try fileSystem.makeFile("other", [UInt8](repeating: 9, count: 300 * 4096))
    let crashed = try mounted(fileSystem.device.bytes)
    #expect(try crashed.content(of: try crashed.find("file")).allSatisfy { $0 == 7 })
    try fileSystem.flush()
    try expectClean(recovered: fileSystem.device.bytes)
  }

  @Test func aLongTruncationIsCompletedAtMount() throws {
    let image = try journaledImage(megabytes: 64)
    let fileSystem = try mounted(image, cacheBlocks: 16)
    let file = try fileSystem.makeFile("file", [UInt8](repeating: 1, count: 100))
    // A tree of thousands of extents: more blocks than a transaction holds.
    for index in 0..<6000 {
      try fileSystem.put([UInt8](repeating: 2, count: 4096), into: file, at: UInt64(index) * 8192)
    }
    let victim = try fileSystem.makeFile("victim")
    try fileSystem.flush()
    let prepared = fileSystem.device.bytes

    let device = RecordingDevice(prepared)
    let worker = try RecordedFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 16)
    try worker.truncate(file, to: 8192)
    try worker.remove("victim")
    try worker.flush()
    var disk = PowerCutDisk(device)
    var random = SeededGenerator(seed: 9)
    for cut in stride(from: 0, through: device.events.count, by: max(1, device.events.count / 12)) {
      let again = try mounted(disk.content(after: cut, &random))
      let size = try again.attributes(of: file).size
      #expect(size == 8192 || size == 5999 * 8192 + 4096)
      try again.unmount()
      try expectClean(recovered: again.device.bytes)
    }
    _ = victim
  }

  @Test func inodesWithoutNamesAreFreedAtMount() throws {
    let fileSystem = try mounted(try journaledImage())
    var inodes: [InodeNumber] = []
    for index in 0..<5 {
      inodes.append(try fileSystem.makeFile("file-\(index)", [UInt8](repeating: 1, count: 50_000)))
    }
    _ = try fileSystem.makeDirectory("directory")
    try fileSystem.flush()
    let free = fileSystem.statistics
    for index in 0..<5 {
      let removed = try fileSystem.unlink(Array("file-\(index)".utf8).span, in: 2)
      #expect(removed.inode == inodes[index] && removed.remainingLinks == 0)
    }
    let directory = try fileSystem.removeDirectory(Array("directory".utf8).span, in: 2)
    // In the middle, at the end, and at the start of the list.
    try fileSystem.release(inodes[2])
    try fileSystem.release(inodes[0])
    try fileSystem.release(directory.inode)
    try fileSystem.flush()
    try expectClean(recovered: fileSystem.device.bytes)
    let again = try mounted(fileSystem.device.bytes)
    #expect(again.statistics.freeInodes == free.freeInodes + 6)
    for inode in inodes { #expect(throws: Ext4Error.notFound) { try again.attributes(of: inode) } }
    try again.unmount()
    try expectClean(recovered: again.device.bytes)
  }

  /// The superblock's checksum stands in another sector than the rest that changes.
  @Test func aTornSuperblockIsMended() throws {
    let clean = try journaledImage()
    let fileSystem = try mounted(clean)
    _ = try fileSystem.makeFile("file", [1])
    try fileSystem.flush()
    let dirty = fileSystem.device.bytes
    for (first, second) in [(clean, dirty), (dirty, clean)] {
      // Torn when "needs recovery" was set or cleared, when the log is empty.
      var image = clean
      image.replaceSubrange(1024..<1536, with: first[1024..<1536])
      image.replaceSubrange(1536..<2048, with: second[1536..<2048])
      try #require(image != clean)
      let again = try mounted(image)
      _ = try again.names(in: 2)
      try again.unmount()
      try expectClean(recovered: again.device.bytes)
    }
    // Torn when it was written to its place: the log has all of it.
    var image = dirty
    image[1024 + 12] ^= 0xff
    let again = try mounted(image)
    #expect(try again.content(of: try again.find("file")) == [1])
    try again.unmount()
    try expectClean(recovered: again.device.bytes)
    // Without a journal that could help it is damage.
    image = clean
    image[1024 + 12] ^= 0xff
    #expect(throws: Ext4Error.corrupt("superblock: checksum")) { try mounted(image) }
  }

  @Test func aDeviceThatFailsMakesItReadOnly() throws {
    let fileSystem = try mounted(try journaledImage())
    _ = try fileSystem.makeFile("early", [1])
    try fileSystem.flush()
    _ = try fileSystem.makeFile("late", [2])
    fileSystem.device.failsFrom = fileSystem.device.events.count + 1
    #expect(throws: Ext4Error.storage(.inputOutput)) { try fileSystem.flush() }
    #expect(fileSystem.isReadOnly)
    #expect(throws: Ext4Error.readOnly) { try fileSystem.makeFile("more") }
    #expect(throws: Ext4Error.storage(.inputOutput)) { try fileSystem.flush() }
    let again = try mounted(fileSystem.device.bytes)
    #expect(try again.content(of: try again.find("early")) == [1])
    #expect(throws: Ext4Error.notFound) { try again.find("late") }
    try again.unmount()
    try expectClean(recovered: again.device.bytes)
  }

  @Test func contentThatCannotBeWrittenFailsTheWriteOnly() throws {
    let fileSystem = try mounted(try journaledImage())
    let file = try fileSystem.makeFile("file", [1])
    try fileSystem.flush()
    fileSystem.device.failsFrom = fileSystem.device.events.count
    #expect(throws: Ext4Error.storage(.inputOutput)) {
      try fileSystem.put([UInt8](repeating: 2, count: 9000), into: file, at: 8192)
    }
    fileSystem.device.failsFrom = .max
    #expect(!fileSystem.isReadOnly)
    try fileSystem.put([3], into: file)
    try fileSystem.unmount()
    try expectClean(recovered: fileSystem.device.bytes)
  }
}

/// Expects e2fsck to find nothing to complain about once it, or we, have replayed the journal.
func expectClean(recovered image: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) throws {
  let ours = try MemoryFileSystem(mounting: MemoryDevice(image), readOnly: false, metadataCacheBlocks: 64)
  try expectClean(ours, "recovered here", sourceLocation: sourceLocation)
  let scratch = try ScratchDirectory()
  try Data(image).write(to: scratch["image"])
  let repaired = try run("e2fsck", ["-p", scratch["image"].path], package: "e2fsprogs")
  #expect(repaired.status <= 1, "e2fsck -p says: \(repaired.output)", sourceLocation: sourceLocation)
  let theirs = try MemoryFileSystem(
    mounting: try MemoryDevice(contentsOf: scratch["image"]), readOnly: false, metadataCacheBlocks: 64)
  try expectClean(theirs, "recovered by e2fsck", sourceLocation: sourceLocation)
}
