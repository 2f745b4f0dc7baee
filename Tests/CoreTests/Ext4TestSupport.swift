// SPDX-License-Identifier: Apache-2.0
import Ext4
import Foundation
import Storage
import Testing

typealias MemoryFileSystem = Ext4FileSystem<MemoryDevice>

// The compiler (6.3.1) fails on a span inside of #expect: these take arrays and strings.
extension Ext4FileSystem {
  func find(_ name: String, in directory: InodeNumber = 2) throws(Ext4Error) -> InodeNumber {
    try lookup(Array(name.utf8).span, in: directory)
  }

  /// The inode at an absolute path; symbolic links are not followed.
  func resolve(_ path: String) throws(Ext4Error) -> InodeNumber {
    var inode = rootDirectory
    for name in path.split(separator: "/") { inode = try find(String(name), in: inode) }
    return inode
  }

  func makeFile(_ name: String, _ content: [UInt8] = [], in directory: InodeNumber = 2) throws(Ext4Error)
    -> InodeNumber
  {
    let inode = try createFile(name: Array(name.utf8).span, in: directory, attributes: NewInode(mode: 0o644))
    try put(content, into: inode)
    return inode
  }

  func makeDirectory(_ name: String, in directory: InodeNumber = 2) throws(Ext4Error) -> InodeNumber {
    try createDirectory(name: Array(name.utf8).span, in: directory, attributes: NewInode(mode: 0o755))
  }

  func makeSymbolicLink(_ name: String, to target: String, in directory: InodeNumber = 2) throws(Ext4Error)
    -> InodeNumber
  {
    try createSymbolicLink(
      name: Array(name.utf8).span, in: directory, target: Array(target.utf8).span,
      attributes: NewInode(mode: 0o777))
  }

  func put(_ content: [UInt8], into inode: InodeNumber, at offset: UInt64 = 0) throws(Ext4Error) {
    let written = try write(inode, at: offset, from: content.span)
    if written < content.count { throw .noSpace }
  }

  /// The whole content of a file, in one read.
  func content(of inode: InodeNumber) throws(Ext4Error) -> [UInt8] {
    var buffer = [UInt8](repeating: 0xee, count: Int(try attributes(of: inode).size))
    var span = buffer.mutableSpan
    let count = try read(inode, at: 0, into: &span)
    #expect(count == buffer.count)
    return buffer
  }

  func names(in directory: InodeNumber) throws(Ext4Error) -> [String] {
    var names: [String] = []
    try enumerate(directory, from: 0) { name, _, _, _ in
      names.append(String(decoding: copy(name), as: UTF8.self))
      return true
    }
    return names
  }

  func remove(_ name: String, in directory: InodeNumber = 2) throws(Ext4Error) {
    let removed = try unlink(Array(name.utf8).span, in: directory)
    try release(removed.inode)
  }

  func removeEmptyDirectory(_ name: String, in directory: InodeNumber = 2) throws(Ext4Error) {
    let removed = try removeDirectory(Array(name.utf8).span, in: directory)
    try release(removed.inode)
  }

  func move(
    _ name: String, in directory: InodeNumber = 2, to newName: String, into newDirectory: InodeNumber = 2,
    mode: RenameMode = .replace
  ) throws(Ext4Error) {
    let replaced = try rename(
      Array(name.utf8).span, in: directory, to: Array(newName.utf8).span, in: newDirectory, mode: mode)
    if let replaced { try release(replaced.inode) }
  }

  func setAttribute(_ name: String, _ value: [UInt8], of inode: InodeNumber) throws(Ext4Error) {
    try setExtendedAttribute(Array(name.utf8).span, to: value.span, of: inode)
  }

  func attribute(_ name: String, of inode: InodeNumber) throws(Ext4Error) -> [UInt8] {
    try extendedAttribute(Array(name.utf8).span, of: inode)
  }
}

func copy(_ span: Span<UInt8>) -> [UInt8] {
  var result: [UInt8] = []
  for index in 0..<span.count { result.append(span[index]) }
  return result
}

func formatParameters() -> FormatParameters {
  var parameters = FormatParameters()
  for index in 0..<16 {
    parameters.identifier[index] = UInt8(0x10 + index)
    parameters.hashSeed[index] = UInt8(0xa0 + index)
  }
  parameters.label = Array("vorteil".utf8)
  parameters.creationTime = 1_700_000_000
  return parameters
}

/// An empty file system of that many MiB, with a time set.
func freshFileSystem(megabytes: Int, _ change: (inout FormatParameters) -> Void = { _ in }) throws -> MemoryFileSystem {
  let device = MemoryDevice(size: megabytes << 20)
  var parameters = formatParameters()
  change(&parameters)
  try MemoryFileSystem.format(device, parameters)
  let fileSystem = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 128)
  fileSystem.currentTime = Timestamp(seconds: 1_700_000_001, nanoseconds: 987_654_321)
  return fileSystem
}

/// Unmounts, and expects e2fsck to find nothing to complain about.
func expectClean(
  _ fileSystem: MemoryFileSystem, _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
) throws {
  try fileSystem.unmount()
  let scratch = try ScratchDirectory()
  try fileSystem.device.save(to: scratch["image"])
  let result = try run("e2fsck", ["-fn", scratch["image"].path], package: "e2fsprogs")
  // That nodes of a tree of extents could be fuller is advice, which Linux's own trees get as well.
  let complaints = result.output.split(separator: "\n").filter {
    !$0.hasPrefix("e2fsck ") && !$0.hasPrefix("Pass ") && !$0.contains(" files (") && !$0.contains("could be narrower")
  }
  #expect(
    result.status == 0 && complaints.isEmpty, "\(comment): e2fsck says: \(result.output)",
    sourceLocation: sourceLocation)
}
