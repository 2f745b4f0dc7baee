// SPDX-License-Identifier: Apache-2.0
import Ext4
import Storage
import Testing

/// What operations on names and files promise.
@Suite struct Ext4NamespaceTests {
  @Test func namesAreChecked() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    let longest = String(repeating: "n", count: 255)
    let file = try fileSystem.makeFile(longest)
    #expect(try fileSystem.find(longest) == file)
    #expect(throws: Ext4Error.exists) { try fileSystem.makeFile(longest) }
    #expect(throws: Ext4Error.nameTooLong) { try fileSystem.makeFile(longest + "n") }
    #expect(throws: Ext4Error.invalid) { try fileSystem.makeFile("") }
    #expect(throws: Ext4Error.invalid) { try fileSystem.makeFile("a/b") }
    #expect(throws: Ext4Error.exists) { try fileSystem.makeFile("..") }
    #expect(throws: Ext4Error.notFound) { try fileSystem.find("missing") }
    #expect(throws: Ext4Error.notDirectory) { try fileSystem.find("x", in: file) }
    #expect(throws: Ext4Error.notDirectory) { try fileSystem.makeFile("x", in: file) }
    #expect(throws: Ext4Error.isDirectory) { try fileSystem.remove("lost+found") }
    #expect(throws: Ext4Error.notDirectory) { try fileSystem.removeEmptyDirectory(longest) }
    #expect(throws: Ext4Error.invalid) { try fileSystem.removeEmptyDirectory(".") }
    #expect(throws: Ext4Error.notFound) { try fileSystem.attributes(of: 4000) }
    #expect(throws: Ext4Error.notFound) { try fileSystem.attributes(of: 0) }
    #expect(throws: Ext4Error.notFound) { try fileSystem.attributes(of: .max) }
    try expectClean(fileSystem)
  }

  @Test func directoriesCountTheirSubdirectories() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    func links(_ inode: InodeNumber) throws -> UInt16 { try fileSystem.attributes(of: inode).links }
    let one = try fileSystem.makeDirectory("one")
    let two = try fileSystem.makeDirectory("two", in: one)
    #expect(try links(2) == 4 && links(one) == 3 && links(two) == 2)
    #expect(throws: Ext4Error.notEmpty) { try fileSystem.removeEmptyDirectory("one") }
    try fileSystem.move("two", in: one, to: "two")
    #expect(try links(2) == 5 && links(one) == 2)
    #expect(try fileSystem.find("..", in: two) == 2)
    try fileSystem.removeEmptyDirectory("one")
    #expect(try links(2) == 4)
    try expectClean(fileSystem)
  }

  @Test func manySubdirectoriesStopCounting() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    let directory = try fileSystem.makeDirectory("directory")
    for index in 0..<50 { _ = try fileSystem.makeDirectory("\(index)", in: directory) }
    let names = try fileSystem.names(in: directory)
    #expect(names.count == 52 && names[0] == "." && names[1] == "..")
    for index in 0..<50 { try fileSystem.removeEmptyDirectory("\(index)", in: directory) }
    #expect(try fileSystem.attributes(of: directory).links == 2)
    try expectClean(fileSystem)
  }

  @Test func renameReplacesAndExchanges() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    let one = try fileSystem.makeDirectory("one")
    let two = try fileSystem.makeDirectory("two")
    let file = try fileSystem.makeFile("file", [1])
    let other = try fileSystem.makeFile("other", [2])
    #expect(throws: Ext4Error.exists) { try fileSystem.move("file", to: "other", mode: .noReplace) }
    #expect(throws: Ext4Error.notDirectory) { try fileSystem.move("one", to: "file") }
    #expect(throws: Ext4Error.isDirectory) { try fileSystem.move("file", to: "one") }
    #expect(throws: Ext4Error.invalid) { try fileSystem.move("one", to: "inside", into: one) }
    #expect(throws: Ext4Error.notFound) { try fileSystem.move("missing", to: "x") }
    #expect(throws: Ext4Error.notFound) { try fileSystem.move("file", to: "x", mode: .exchange) }

    let inner = try fileSystem.makeDirectory("inner", in: one)
    #expect(throws: Ext4Error.invalid) { try fileSystem.move("one", to: "one", into: inner) }
    #expect(throws: Ext4Error.invalid) { try fileSystem.move("inner", in: one, to: "one", mode: .exchange) }
    #expect(throws: Ext4Error.notEmpty) { try fileSystem.move("two", to: "one") }

    try fileSystem.move("file", to: "inner", into: one, mode: .exchange)
    #expect(try fileSystem.find("inner", in: one) == file && fileSystem.find("file") == inner)
    #expect(try fileSystem.find("..", in: inner) == 2)
    #expect(try fileSystem.attributes(of: one).links == 2)

    try fileSystem.move("other", to: "inner", into: one)
    #expect(try fileSystem.content(of: try fileSystem.find("inner", in: one)) == [2])
    #expect(throws: Ext4Error.notFound) { try fileSystem.attributes(of: file) }
    try fileSystem.move("file", to: "two")
    #expect(throws: Ext4Error.notFound) { try fileSystem.attributes(of: two) }
    #expect(try fileSystem.find("two") == inner)
    #expect(try fileSystem.find("inner", in: one) == other)
    try expectClean(fileSystem)
  }

  @Test func unlinkedFilesStayUntilReleased() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    let before = fileSystem.statistics
    let file = try fileSystem.makeFile("file", [UInt8](repeating: 1, count: 10_000))
    let removed = try fileSystem.unlink(Array("file".utf8).span, in: 2)
    #expect(removed.inode == file && removed.remainingLinks == 0)
    #expect(try fileSystem.content(of: file).count == 10_000)
    try fileSystem.release(file)
    #expect(fileSystem.statistics == before)
    #expect(throws: Ext4Error.notFound) { try fileSystem.attributes(of: file) }
    try expectClean(fileSystem)
  }

  @Test func cookiesSurviveRemoval() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    let directory = try fileSystem.makeDirectory("directory")
    for index in 0..<500 { _ = try fileSystem.makeFile("entry-\(index)", in: directory) }
    var seen: [String] = []
    var cookie: UInt64 = 0
    while true {
      var taken: [String] = []
      try fileSystem.enumerate(directory, from: cookie) { name, _, _, next in
        taken.append(String(decoding: copy(name), as: UTF8.self))
        cookie = next
        return taken.count < 7
      }
      if taken.isEmpty { break }
      seen += taken
      // As `rm -r` does: what was seen goes away while the walk goes on.
      for name in taken where name.hasPrefix("entry") { try fileSystem.remove(name, in: directory) }
    }
    #expect(seen.count == 502 && Set(seen).count == 502)
    try fileSystem.removeEmptyDirectory("directory")
    try expectClean(fileSystem)
  }

  @Test func sparseFilesAndTruncation() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    let file = try fileSystem.makeFile("file")
    try fileSystem.put([1, 2, 3], into: file, at: 3 << 40)
    #expect(try fileSystem.attributes(of: file).size == 3 << 40 + 3)
    #expect(try fileSystem.attributes(of: file).blocks512 == 8)
    let hole = try fileSystem.extent(of: file, at: 0)
    #expect(hole.state == .hole && hole.count == 3 << 28)
    try fileSystem.truncate(file, to: 10)
    #expect(try fileSystem.attributes(of: file).blocks512 == 0)
    try fileSystem.put([UInt8](repeating: 9, count: 5000), into: file)
    try fileSystem.truncate(file, to: 4097)
    try fileSystem.truncate(file, to: 6000)
    let content = try fileSystem.content(of: file)
    #expect(content[..<4097].allSatisfy { $0 == 9 } && content[4097...].allSatisfy { $0 == 0 })
    #expect(throws: Ext4Error.fileTooLarge) { try fileSystem.truncate(file, to: 1 << 44) }
    #expect(throws: Ext4Error.fileTooLarge) { try fileSystem.put([1], into: file, at: .max) }
    #expect(throws: Ext4Error.isDirectory) { try fileSystem.put([1], into: 2) }
    #expect(throws: Ext4Error.isDirectory) { try fileSystem.truncate(2, to: 0) }
    try expectClean(fileSystem)
  }

  /// Every second block, so that nothing merges: a tree of two levels below the root, then back.
  @Test func deepExtentTrees() throws {
    let fileSystem = try freshFileSystem(megabytes: 64)
    let free = fileSystem.statistics.freeBlocks
    let file = try fileSystem.makeFile("file")
    var order = Array(0..<3000)
    var random = SeededGenerator(seed: 31)
    order.shuffle(using: &random)
    for index in order { try fileSystem.put([UInt8(index % 251)], into: file, at: UInt64(index) * 8192) }
    try expectClean(fileSystem, "scattered")
    for index in order[..<200] {
      var byte: [UInt8] = [0xee]
      var span = byte.mutableSpan
      _ = try fileSystem.read(file, at: UInt64(index) * 8192, into: &span)
      #expect(byte == [UInt8(index % 251)])
    }
    for blocks in [5000, 1234, 700, 10, 3] {
      try fileSystem.truncate(file, to: UInt64(blocks) * 4096)
      try expectClean(fileSystem, "cut to \(blocks)")
    }
    try fileSystem.remove("file")
    #expect(fileSystem.statistics.freeBlocks == free)
    for index in 0..<3000 { try fileSystem.put([1], into: try ensure(fileSystem), at: UInt64(index) * 8192) }
    try expectClean(fileSystem, "ascending")
  }

  private func ensure(_ fileSystem: MemoryFileSystem) throws -> InodeNumber {
    if let file = try? fileSystem.find("ascending") { return file }
    return try fileSystem.makeFile("ascending")
  }

  @Test func extendedAttributes() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    let free = fileSystem.statistics.freeBlocks
    let file = try fileSystem.makeFile("file")
    for index in 0..<40 {
      try fileSystem.setAttribute("user.name-\(index)", [UInt8](repeating: UInt8(index), count: index * 2), of: file)
    }
    try expectClean(fileSystem)
    let names = try fileSystem.extendedAttributeNames(of: file).map { String(decoding: $0, as: UTF8.self) }
    #expect(Set(names) == Set((0..<40).map { "user.name-\($0)" }))
    #expect(try fileSystem.attribute("user.name-39", of: file) == [UInt8](repeating: 39, count: 78))
    #expect(throws: Ext4Error.noSpace) { try fileSystem.setAttribute("user.huge", random(4000), of: file) }
    #expect(throws: Ext4Error.noAttribute) { try fileSystem.attribute("user.missing", of: file) }
    #expect(throws: Ext4Error.noAttribute) { try fileSystem.attribute("strange", of: file) }
    for index in 0..<40 {
      try fileSystem.removeExtendedAttribute(Array("user.name-\(index)".utf8).span, of: file)
      if index % 8 == 0 { try expectClean(fileSystem) }
    }
    #expect(fileSystem.statistics.freeBlocks == free)
    try expectClean(fileSystem)
  }

  private func random(_ count: Int) -> [UInt8] {
    var generator = SeededGenerator(seed: 1)
    return generator.bytes(count)
  }
}
