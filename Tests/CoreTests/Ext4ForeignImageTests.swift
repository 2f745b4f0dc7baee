// SPDX-License-Identifier: Apache-2.0
import Ext4
import Foundation
import Storage
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Images of e2fsprogs, read and changed here.
@Suite struct Ext4ForeignImageTests {
  /// A tree with something of everything that a host's file system holds without privileges.
  func makeTree(at root: URL, entries: Int) throws {
    let files = FileManager.default
    var random = SeededGenerator(seed: 11)
    try files.createDirectory(at: root.appendingPathComponent("a/b/c/d"), withIntermediateDirectories: true)
    for size in [0, 1, 59, 60, 511, 512, 1023, 4095, 4096, 4097, 100_000, 1_234_567] {
      let url = root.appendingPathComponent("a/size-\(size)")
      try Data(random.bytes(size)).write(to: url)
      try files.setAttributes([.posixPermissions: 0o600 + size % 64], ofItemAtPath: url.path)
      var times = [
        timespec(tv_sec: 1_000_000_000 + size, tv_nsec: size),
        timespec(tv_sec: 1_100_000_000 - size, tv_nsec: 999_999_999),
      ]
      utimensat(AT_FDCWD, url.path, &times, 0)
    }
    let sparse = root.appendingPathComponent("a/b/sparse")
    #expect(files.createFile(atPath: sparse.path, contents: nil))
    let handle = try FileHandle(forWritingTo: sparse)
    for offset in [0, 70_000, 5_000_000, 20_000_000] {
      try handle.seek(toOffset: UInt64(offset))
      try handle.write(contentsOf: Data(random.bytes(5000)))
    }
    try handle.truncate(atOffset: 30_000_000)
    try handle.close()
    for length in [1, 59, 60, 61, 500] {
      try files.createSymbolicLink(
        atPath: root.appendingPathComponent("a/link-\(length)").path,
        withDestinationPath: String(repeating: "x", count: length))
    }
    try files.linkItem(
      at: root.appendingPathComponent("a/size-4097"), to: root.appendingPathComponent("a/b/c/d/other-name"))
    mkfifo(root.appendingPathComponent("a/b/pipe").path, 0o640)
    try files.createDirectory(at: root.appendingPathComponent("many"), withIntermediateDirectories: true)
    for index in 0..<entries {
      let name = "entry-\(index)-" + String(repeating: "n", count: index % 100)
      try Data("\(index)".utf8).write(to: root.appendingPathComponent("many/\(name)"))
    }
    try Data("name".utf8).write(to: root.appendingPathComponent(String(repeating: "ü", count: 127)))
  }

  /// Compares a directory of the host with one of the image, and returns how many names there were.
  @discardableResult
  func compare(_ host: URL, _ fileSystem: MemoryFileSystem, _ directory: InodeNumber) throws -> Int {
    var names = try FileManager.default.contentsOfDirectory(atPath: host.path)
    var ours = Set(try fileSystem.names(in: directory))
    for special in [".", "..", "lost+found"] { ours.remove(special) }
    #expect(ours == Set(names), "names in \(host.path)")
    var count = names.count
    names.sort()
    for name in names {
      let path = host.appendingPathComponent(name).path
      let inode = try fileSystem.find(name, in: directory)
      let found = try fileSystem.attributes(of: inode)
      var expected = stat()
      #expect(lstat(path, &expected) == 0)
      #expect(UInt32(found.mode) == expected.st_mode, "mode of \(path)")
      #expect(found.userID == expected.st_uid && found.groupID == expected.st_gid, "owner of \(path)")
      #expect(found.modifyTime.seconds == expected.st_mtim.tv_sec, "time of \(path)")
      if found.isDirectory {
        count += try compare(URL(fileURLWithPath: path), fileSystem, inode)
        continue
      }
      #expect(UInt64(found.links) == UInt64(expected.st_nlink), "links of \(path)")
      #expect(found.size == UInt64(expected.st_size), "size of \(path)")
      if found.isSymbolicLink {
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: path)
        #expect(String(decoding: try fileSystem.readLink(inode), as: UTF8.self) == target)
      } else if found.isRegularFile {
        let same = try fileSystem.content(of: inode) == [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(same, "content of \(path)")
      } else {
        #expect(found.isPipe)
      }
    }
    return count
  }

  @Test(arguments: [
    [], ["-b", "1024"], ["-b", "2048"], ["-O", "^64bit"], ["-O", "^metadata_csum"], ["-O", "^has_journal,^flex_bg"],
    ["-I", "128"], ["-O", "^resize_inode,metadata_csum_seed"], ["-O", "sparse_super2,^resize_inode"],
  ])
  func readsAndChangesAnImageOfMke2fs(options: [String]) throws {
    let scratch = try ScratchDirectory()
    let tree = scratch["tree"]
    try makeTree(at: tree, entries: 400)
    let image = scratch["image"]
    let made = try run(
      "mke2fs", ["-q", "-t", "ext4", "-b", "4096"] + options + ["-d", tree.path, image.path, "64M"],
      package: "e2fsprogs")
    try #require(made.status == 0, "\(made.output)")
    // Gives directories their hash index. What it had to do is its exit status.
    let optimized = try run("e2fsck", ["-fyD", image.path], package: "e2fsprogs")
    try #require(optimized.status <= 1, "\(optimized.output)")

    let device = try MemoryDevice(contentsOf: image)
    let reader = try MemoryFileSystem(mounting: device, readOnly: true, metadataCacheBlocks: 16)
    #expect(try compare(tree, reader, reader.rootDirectory) > 400)
    let indexed = try reader.attributes(of: try reader.resolve("/many")).flags & 0x1000 != 0
    #expect(indexed, "e2fsck made no hash index")
    #expect(throws: Ext4Error.readOnly) { try reader.makeFile("new") }

    let writer = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 16)
    writer.currentTime = Timestamp(seconds: 1_700_000_000)
    try changeEverything(writer, tree)
    try expectClean(writer, "\(options)")
    let again = try MemoryFileSystem(mounting: device, readOnly: true, metadataCacheBlocks: 64)
    let withoutTimes = try again.names(in: try again.resolve("/many"))
    #expect(Set(withoutTimes) == Set(try writer.names(in: try writer.resolve("/many"))))
  }

  private func changeEverything(_ fileSystem: MemoryFileSystem, _ tree: URL) throws {
    let many = try fileSystem.resolve("/many")
    let names = try fileSystem.names(in: many).filter { $0 != "." && $0 != ".." }.sorted()
    for name in names[..<200] { try fileSystem.remove(name, in: many) }
    for index in 0..<300 { _ = try fileSystem.makeFile("new-\(index)", Array("\(index)".utf8), in: many) }
    let root = fileSystem.rootDirectory
    try fileSystem.move("b", in: try fileSystem.resolve("/a"), to: "moved", into: root)
    let sparse = try fileSystem.resolve("/moved/sparse")
    try fileSystem.put([UInt8](repeating: 5, count: 2_000_000), into: sparse, at: 1_000_000)
    let content = try fileSystem.content(of: sparse)
    #expect(content[1_000_000..<3_000_000].allSatisfy { $0 == 5 } && content[3_000_000] == 0)
    try fileSystem.truncate(try fileSystem.resolve("/a/size-1234567"), to: 777)
    for name in try fileSystem.names(in: try fileSystem.resolve("/a")) where name.hasPrefix("link-") {
      try fileSystem.remove(name, in: try fileSystem.resolve("/a"))
    }
    var directory = root
    for level in 0..<20 { directory = try fileSystem.makeDirectory("level-\(level)", in: directory) }
  }

  @Test func convertsUnwrittenExtents() throws {
    let scratch = try ScratchDirectory()
    let image = scratch["image"]
    try Data().write(to: scratch["empty"])
    let made = try run("mke2fs", ["-q", "-t", "ext4", image.path, "32M"], package: "e2fsprogs")
    try #require(made.status == 0, "\(made.output)")
    let commands = "write \(scratch["empty"].path) file\nfallocate <12> 0 999\nset_inode_field <12> size 1024000\n"
    try run("debugfs", ["-w", "-f", "-", image.path], package: "e2fsprogs", input: commands)

    let device = try MemoryDevice(contentsOf: image)
    let fileSystem = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 32)
    let file = try fileSystem.find("file")
    try #require(try fileSystem.extent(of: file, at: 5).state == .unwritten)
    #expect(try fileSystem.content(of: file).allSatisfy { $0 == 0 })
    var expected = [UInt8](repeating: 0, count: 1_024_000)
    for (index, offset) in [3, 5000, 40_000, 40_500, 500_000, 1_000_000].enumerated() {
      let part = [UInt8](repeating: UInt8(index + 1), count: 9000)
      expected.replaceSubrange(offset..<(offset + 9000), with: part)
      try fileSystem.put(part, into: file, at: UInt64(offset))
    }
    let content = try fileSystem.content(of: file)
    #expect(content == expected)
    try expectClean(fileSystem)
  }

  @Test(arguments: [
    (["-O", "inline_data"], Ext4Error.unsupported("data in inodes (inline_data)")),
    (["-O", "encrypt"], Ext4Error.unsupported("encryption")),
    (["-O", "^resize_inode,meta_bg"], Ext4Error.unsupported("meta block groups (meta_bg)")),
    (["-O", "mmp"], Ext4Error.unsupported("multiple mount protection (mmp)")),
    (["-O", "^extents,^64bit"], Ext4Error.unsupported("a file system without extents (ext2, ext3)")),
    (["-O", "bigalloc"], Ext4Error.unsupported("clusters (bigalloc)")),
    (["-O", "quota"], Ext4Error.unsupported("writing with quotas")),
  ])
  func refusesByName(options: [String], error: Ext4Error) throws {
    let scratch = try ScratchDirectory()
    let image = scratch["image"]
    let made = try run(
      "mke2fs", ["-q", "-t", "ext4"] + options + [image.path, "64M"], package: "e2fsprogs")
    try #require(made.status == 0, "\(made.output)")
    let device = try MemoryDevice(contentsOf: image)
    let thrown = #expect(throws: Ext4Error.self) {
      try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 16)
    }
    #expect(thrown.map { "\($0)" } == "\(error)")
  }

  @Test func mountsWithAnEmptyJournalThatSaysRecovery() throws {
    let scratch = try ScratchDirectory()
    let image = scratch["image"]
    let made = try run("mke2fs", ["-q", "-t", "ext4", image.path, "32M"], package: "e2fsprogs")
    try #require(made.status == 0, "\(made.output)")
    try run("debugfs", ["-w", "-R", "feature +needs_recovery", image.path], package: "e2fsprogs")
    let device = try MemoryDevice(contentsOf: image)
    let reader = try MemoryFileSystem(mounting: device, readOnly: true, metadataCacheBlocks: 16)
    #expect(try reader.names(in: 2).contains("lost+found"))
    let writer = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 16)
    try expectClean(writer)
  }
}
