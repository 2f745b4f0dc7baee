// SPDX-License-Identifier: Apache-2.0
import Ext4
import Foundation
import Storage
import Testing

/// Images made here, read by e2fsprogs.
@Suite struct Ext4ContentTests {
  @Test func debugfsReadsTheSame() throws {
    let fileSystem = try freshFileSystem(megabytes: 64)
    var random = SeededGenerator(seed: 21)
    var files: [String: [UInt8]] = [:]
    var directory = fileSystem.rootDirectory
    var path = ""
    for level in 0..<8 {
      for size in [0, 1, 100, 4095, 4096, 4097, 50_000, 300_000] {
        let name = "file-\(size)"
        files["\(path)/\(name)"] = random.bytes(size)
        _ = try fileSystem.makeFile(name, files["\(path)/\(name)"]!, in: directory)
      }
      _ = try fileSystem.makeSymbolicLink("short", to: "file-\(level)", in: directory)
      _ = try fileSystem.makeSymbolicLink("long", to: String(repeating: "abcdefgh/", count: 30), in: directory)
      let name = "directory-\(level)"
      directory = try fileSystem.makeDirectory(name, in: directory)
      path += "/\(name)"
    }
    try expectClean(fileSystem)

    let scratch = try ScratchDirectory()
    try fileSystem.device.save(to: scratch["image"])
    try FileManager.default.createDirectory(at: scratch["out"], withIntermediateDirectories: true)
    try run("debugfs", ["-R", "rdump / \(scratch["out"].path)", scratch["image"].path], package: "e2fsprogs")
    for (path, content) in files {
      let same = try [UInt8](Data(contentsOf: scratch["out\(path)"])) == content
      #expect(same, "content of \(path)")
    }
    let links = try FileManager.default.destinationOfSymbolicLink(atPath: scratch["out/directory-0/long"].path)
    #expect(links == String(repeating: "abcdefgh/", count: 30))
  }

  @Test func debugfsReadsTheSameAttributes() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    let file = try fileSystem.makeFile("file", Array("x".utf8))
    try fileSystem.link(file, as: Array("second".utf8).span, in: 2)
    var change = AttributeChange()
    change.mode = 0o4751
    change.userID = 70_000
    change.groupID = 4_000_000_000
    change.accessTime = Timestamp(seconds: -1, nanoseconds: 1)
    change.modifyTime = Timestamp(seconds: 1 << 32, nanoseconds: 999_999_999)
    change.changeTime = Timestamp(seconds: 1_234_567_890, nanoseconds: 5)
    change.birthTime = Timestamp(seconds: 1_000_000_000)
    try fileSystem.setAttributes(of: file, change)
    try fileSystem.setAttribute("user.one", Array("1".utf8), of: file)
    try fileSystem.setAttribute("security.capability", [UInt8](repeating: 1, count: 20), of: file)
    try fileSystem.setAttribute("trusted.large", [UInt8](repeating: 0x61, count: 3000), of: file)
    _ = try fileSystem.createNode(
      name: Array("node".utf8).span, in: 2, attributes: NewInode(mode: Mode.blockDevice | 0o660, groupID: 6),
      device: DeviceNumber(major: 259, minor: 70_000))
    try expectClean(fileSystem)

    let found = try fileSystem.attributes(of: file)
    #expect(found.mode == Mode.regular | 0o4751)
    #expect(found.userID == 70_000 && found.groupID == 4_000_000_000 && found.links == 2)
    #expect(found.accessTime == change.accessTime && found.modifyTime == change.modifyTime)
    #expect(found.changeTime == change.changeTime && found.birthTime == change.birthTime)
    let node = try fileSystem.attributes(of: try fileSystem.find("node"))
    #expect(node.isBlockDevice && node.device == DeviceNumber(major: 259, minor: 70_000))

    let scratch = try ScratchDirectory()
    try fileSystem.device.save(to: scratch["image"])
    func debugfs(_ request: String) throws -> String {
      try run("debugfs", ["-R", request, scratch["image"].path], package: "e2fsprogs").output
    }
    let status = try debugfs("stat file")
    for expected in [
      "Mode:  04751", "User: 70000", "Group: -294967296", "Links: 2", "Size: 1\n", "ctime: 0x499602d2:00000014",
      "crtime: 0x3b9aca00:00000000", "mtime: 0x00000000:ee6b27fd", "atime: 0xffffffff:00000004",
    ] {
      #expect(status.contains(expected), "\(expected) in \(status)")
    }
    let nodeStatus = try debugfs("stat node")
    #expect(nodeStatus.contains("259:70000"), "\(nodeStatus)")
    #expect(try debugfs("ea_get file user.one").contains("(1) = \"1\""))
    #expect(try debugfs("ea_get -V file trusted.large").filter { $0 == "a" }.count >= 3000)
    #expect(try debugfs("ea_list file").contains("security.capability (20)"))
  }

  @Test func sameInputSameBytes() throws {
    func build() throws -> [UInt8] {
      let fileSystem = try freshFileSystem(megabytes: 32)
      let directory = try fileSystem.makeDirectory("directory")
      for index in 0..<300 {
        let file = try fileSystem.makeFile(
          "f\(index)", [UInt8](repeating: UInt8(index % 256), count: index * 50), in: directory)
        if index % 3 == 0 { try fileSystem.setAttribute("user.x", [UInt8](repeating: 1, count: index), of: file) }
      }
      try fileSystem.flush()
      return fileSystem.device.bytes
    }
    let same = try build() == build()
    #expect(same)
  }

  @Test func onlyFlushedOnce() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    _ = try fileSystem.makeFile("file", [1, 2, 3])
    try fileSystem.flush()
    let bytes = fileSystem.device.bytes
    try fileSystem.flush()
    let again = try MemoryFileSystem(mounting: fileSystem.device, readOnly: false, metadataCacheBlocks: 16)
    try again.flush()
    let same = fileSystem.device.bytes == bytes
    #expect(same)
  }

  @Test func largeFilesLieInOnePiece() throws {
    let fileSystem = try freshFileSystem(megabytes: 300)
    let file = try fileSystem.makeFile("large")
    let chunk = [UInt8](repeating: 0xab, count: 4 << 20)
    for index in 0..<60 { try fileSystem.put(chunk, into: file, at: UInt64(index * chunk.count)) }
    var runs = 0
    var position: UInt64 = 0
    while position < 240 << 8 {
      let run = try fileSystem.extent(of: file, at: position)
      #expect(run.state == .data)
      position += run.count
      runs += 1
    }
    // Every group of 128 MiB starts with its own metadata.
    #expect(runs <= 4, "\(runs) runs")
    try expectClean(fileSystem)
  }
}
