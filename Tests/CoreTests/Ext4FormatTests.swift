// SPDX-License-Identifier: Apache-2.0
import Ext4
import Foundation
import Storage
import Testing

@Suite struct Ext4FormatTests {
  @Test(arguments: [1, 2, 8, 127, 128, 129, 300, 1100])
  func emptyFileSystemIsClean(megabytes: Int) throws {
    try expectClean(try freshFileSystem(megabytes: megabytes), "\(megabytes) MiB")
  }

  @Test func smallFileSystemWithFewInodes() throws {
    let fileSystem = try freshFileSystem(megabytes: 1) {
      $0.inodeCount = 11
      $0.hasLostAndFound = false
    }
    #expect(fileSystem.statistics.inodes == 16)
    try expectClean(fileSystem)
  }

  @Test func oneOfEverything() throws {
    let fileSystem = try freshFileSystem(megabytes: 16)
    let directory = try fileSystem.makeDirectory("directory")
    let file = try fileSystem.makeFile("file", Array("content\n".utf8), in: directory)
    _ = try fileSystem.makeSymbolicLink("short", to: "file", in: directory)
    _ = try fileSystem.makeSymbolicLink("long", to: String(repeating: "long/", count: 40), in: directory)
    try fileSystem.link(file, as: Array("other name".utf8).span, in: fileSystem.rootDirectory)
    _ = try fileSystem.createNode(
      name: Array("null".utf8).span, in: 2, attributes: NewInode(mode: Mode.characterDevice | 0o666),
      device: DeviceNumber(major: 1, minor: 3))
    try fileSystem.setAttribute("user.comment", Array("small".utf8), of: file)
    try fileSystem.setAttribute("user.big", [UInt8](repeating: 7, count: 1000), of: file)
    try expectClean(fileSystem)
  }
}
