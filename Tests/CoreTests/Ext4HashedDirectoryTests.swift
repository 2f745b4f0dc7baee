// SPDX-License-Identifier: Apache-2.0
import Ext4
import Foundation
import Storage
import Testing

@Suite struct HashedDirectoryTests {
  private func name(_ index: Int) -> String {
    // Long ones, so that the blocks fill fast; some with bytes above 127, whose sign matters to the hash.
    "entry-\(index)-" + String(repeating: index % 3 == 0 ? "é" : "n", count: index * 7 % 60)
  }

  /// Directories that we make, and change, as e2fsck sees them: also with blocks small enough for an index of two
  /// levels.
  @Test(arguments: [
    [], ["-b", "1024"], ["-b", "1024", "-O", "^metadata_csum"], ["-O", "^dir_index"],
  ])
  func growsAndShrinks(options: [String]) throws {
    let device = MemoryDevice(try imageOfMke2fs(["-b", "4096", "-N", "6000"] + options, "48M"))
    let fileSystem = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 64)
    fileSystem.currentTime = Timestamp(seconds: 1_700_000_000)
    let directory = try fileSystem.makeDirectory("directory")
    let file = try fileSystem.makeFile("file")
    // Names of one file take no inodes; there may be 65000.
    let count = options.contains("^dir_index") ? 800 : 5000
    for index in 0..<count {
      try fileSystem.link(file, as: Array(name(index).utf8).span, in: directory)
    }
    let isHashed = try fileSystem.attributes(of: directory).flags & 0x1000 != 0
    #expect(isHashed == !options.contains("^dir_index"))
    try expectClean(fileSystem, "\(options), grown")
    for index in 0..<count { #expect(try fileSystem.find(name(index), in: directory) == file) }
    #expect(throws: Ext4Error.notFound) { try fileSystem.find("nobody", in: directory) }
    #expect(throws: Ext4Error.exists) {
      try fileSystem.link(file, as: Array(name(7).utf8).span, in: directory)
    }
    for index in stride(from: 0, to: count, by: 2) {
      _ = try fileSystem.unlink(Array(name(index).utf8).span, in: directory)
    }
    for index in 0..<(count / 5) {
      try fileSystem.link(file, as: Array("again-\(index)".utf8).span, in: directory)
    }
    #expect(try fileSystem.names(in: directory).count == 2 + count - count / 2 + count / 5)
    let child = try fileSystem.makeDirectory("child", in: directory)
    try fileSystem.move("directory", to: "moved", into: 2)
    #expect(try fileSystem.find("..", in: child) == directory)
    try expectClean(fileSystem, "\(options), shrunk")
  }

  /// An index of e2fsck's leads to the names, and e2fsck finds names of ours where it expects them.
  @Test(arguments: ["half_md4", "tea", "legacy"])
  func hashesAsE2fsprogs(algorithm: String) throws {
    let scratch = try ScratchDirectory()
    let tree = scratch["tree"]
    try FileManager.default.createDirectory(at: tree, withIntermediateDirectories: true)
    for index in 0..<500 { try Data().write(to: tree.appendingPathComponent(name(index))) }
    let image = scratch["image"].path
    try run("mke2fs", ["-q", "-t", "ext4", "-b", "1024", "-d", tree.path, image, "32M"], package: "e2fsprogs")
    try run("tune2fs", ["-E", "hash_alg=\(algorithm)", image], package: "e2fsprogs")
    // Makes the index.
    try run("e2fsck", ["-fyD", image], package: "e2fsprogs")
    let fileSystem = try MemoryFileSystem(
      mounting: try MemoryDevice(contentsOf: scratch["image"]), readOnly: false, metadataCacheBlocks: 64)
    #expect(try fileSystem.attributes(of: 2).flags & 0x1000 != 0)
    for index in 0..<500 { _ = try fileSystem.find(name(index)) }
    for index in 500..<900 { _ = try fileSystem.makeFile(name(index)) }
    try expectClean(fileSystem)
  }

  @Test(.timeLimit(.minutes(5))) func aHundredThousandEntries() throws {
    let count = mutationCount > 10_000 ? 100_000 : 20_000
    let fileSystem = try freshFileSystem(megabytes: 128) { $0.inodeCount = UInt32(count + 1000) }
    let directory = try fileSystem.makeDirectory("directory")
    for index in 0..<count { _ = try fileSystem.makeFile("file-\(index)", in: directory) }
    for index in stride(from: 0, to: count, by: 3) { _ = try fileSystem.find("file-\(index)", in: directory) }
    try expectClean(fileSystem)
  }

  /// An index with random damage, of a file system without checksums that would tell: an error or a value.
  @Test(.timeLimit(.minutes(20))) func damagedIndexesEndInErrors() throws {
    let device = MemoryDevice(
      try imageOfMke2fs(["-b", "1024", "-O", "^metadata_csum,^has_journal,^resize_inode", "-N", "64"], "2M"))
    let fileSystem = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 64)
    let file = try fileSystem.makeFile("file")
    let directory = try fileSystem.makeDirectory("directory")
    for index in 0..<3000 { try fileSystem.link(file, as: Array(name(index).utf8).span, in: directory) }
    try fileSystem.unmount()
    let blocks = try (0..<8).map { Int(try fileSystem.extent(of: directory, at: $0).physicalBlock) * 1024 }
    let pristine = device.bytes
    var random = SeededGenerator(seed: 91)
    var outcomes: [String: Int] = [:]
    for _ in 0..<(mutationCount / 4) {
      let block = blocks.randomElement(using: &random)!
      random.mutate(&device.bytes, in: block..<(block + 64))
      do throws(Ext4Error) {
        let fileSystem = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 16)
        for _ in 0..<20 { _ = try? fileSystem.find(name(Int(random.next() % 3200)), in: directory) }
        for index in 0..<10 {
          try? fileSystem.link(file, as: Array("new-\(index)".utf8).span, in: directory)
          _ = try? fileSystem.unlink(Array(name(index).utf8).span, in: directory)
        }
        _ = try fileSystem.find(name(2999), in: directory)
        _ = try fileSystem.names(in: directory)
        outcomes["ok", default: 0] += 1
      } catch { outcomes["\(error)", default: 0] += 1 }
      device.bytes = pristine
    }
    #expect(outcomes["ok", default: 0] > 0 && outcomes.count > 2, "\(outcomes)")
  }
}
