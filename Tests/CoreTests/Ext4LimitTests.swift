// SPDX-License-Identifier: Apache-2.0
import Ext4
import Storage
import Testing

/// A device that starts to fail after some number of operations.
final class FailingDevice: BlockDevice {
  let base: MemoryDevice
  var remaining: Int

  init(_ base: MemoryDevice, after remaining: Int) {
    self.base = base
    self.remaining = remaining
  }

  var sizeInBytes: UInt64 { base.sizeInBytes }

  private func count() throws(StorageError) {
    guard remaining > 0 else { throw .inputOutput }
    remaining -= 1
  }

  func read(at offset: UInt64, into destination: inout MutableSpan<UInt8>) throws(StorageError) {
    try count()
    try base.read(at: offset, into: &destination)
  }

  func write(at offset: UInt64, from source: Span<UInt8>) throws(StorageError) {
    try count()
    try base.write(at: offset, from: source)
  }

  func flush() throws(StorageError) { try count() }
}

@Suite struct Ext4LimitTests {
  @Test func fullDiskIsConsistent() throws {
    let fileSystem = try freshFileSystem(megabytes: 4)
    let chunk = [UInt8](repeating: 1, count: 100_000)
    var count = 0
    #expect(throws: Ext4Error.noSpace) {
      while true {
        _ = try fileSystem.makeFile("file-\(count)", chunk)
        count += 1
      }
    }
    #expect(fileSystem.statistics.freeBlocks == 0)
    try expectClean(fileSystem, "full of files")
    let last = try fileSystem.find("file-\(count)")
    // A short write says how much there was room for.
    #expect(try fileSystem.attributes(of: last).size % 4096 == 0)
    #expect(throws: Ext4Error.noSpace) { try fileSystem.makeDirectory("directory") }
    #expect(throws: Ext4Error.noSpace) {
      try fileSystem.makeSymbolicLink("link", to: String(repeating: "x", count: 100))
    }
    #expect(throws: Ext4Error.noSpace) {
      try fileSystem.setAttribute("user.large", [UInt8](repeating: 1, count: 500), of: last)
    }
    try expectClean(fileSystem, "after failures")
    for index in 0...count { try fileSystem.remove("file-\(index)") }
    try expectClean(fileSystem, "empty again")
  }

  /// A directory that cannot grow, and extent trees that cannot: what failed leaves nothing behind.
  @Test func fullDiskWithSmallRequests() throws {
    let fileSystem = try freshFileSystem(megabytes: 4) { $0.inodeCount = 4000 }
    let directory = try fileSystem.makeDirectory("directory")
    let sparse = try fileSystem.makeFile("sparse")
    var random = SeededGenerator(seed: 5)
    var failures = 0
    for index in 0..<3000 {
      do throws(Ext4Error) {
        switch random.next() % 3 {
        case 0: _ = try fileSystem.makeFile("entry-\(index)" + String(repeating: "l", count: 200), in: directory)
        case 1: try fileSystem.put([1], into: sparse, at: (random.next() % 4000) * 8192)
        default: try fileSystem.setAttribute("user.\(index)", [2], of: sparse)
        }
      } catch {
        guard error == .noSpace else { throw error }
        failures += 1
      }
    }
    #expect(failures > 0)
    try expectClean(fileSystem)
  }

  @Test func noInodesLeft() throws {
    let fileSystem = try freshFileSystem(megabytes: 4) { $0.inodeCount = 64 }
    var count = 0
    #expect(throws: Ext4Error.noSpace) {
      while true {
        _ = try fileSystem.makeFile("file-\(count)")
        count += 1
      }
    }
    #expect(count == 64 - 11)
    #expect(fileSystem.statistics.freeInodes == 0)
    try expectClean(fileSystem)
  }

  @Test func holesInUnwrittenSpaceWhenFull() throws {
    let fileSystem = try freshFileSystem(megabytes: 4)
    let file = try fileSystem.makeFile("file")
    // Fills the disk with one file, then makes holes in it by truncating and growing.
    var position: UInt64 = 0
    while (try? fileSystem.put([UInt8](repeating: 3, count: 65536), into: file, at: position)) != nil {
      position += 65536
    }
    try fileSystem.truncate(file, to: position / 2)
    try fileSystem.truncate(file, to: position)
    let content = try fileSystem.content(of: file)
    #expect(content[(Int(position) / 2)...].allSatisfy { $0 == 0 })
    try expectClean(fileSystem)
  }

  @Test func deviceErrorsArePassedOn() throws {
    let fileSystem = try freshFileSystem(megabytes: 8)
    try fileSystem.flush()
    let pristine = fileSystem.device.bytes
    for limit in 0..<60 {
      let device = FailingDevice(MemoryDevice(pristine), after: limit)
      do throws(Ext4Error) {
        let failing = try Ext4FileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 16)
        for index in 0..<10 { _ = try failing.makeFile("file-\(index)", [UInt8](repeating: 1, count: 5000)) }
        try failing.flush()
      } catch {
        #expect(error == .storage(.inputOutput))
      }
    }
  }

  /// Only what the cache holds is in memory; the smallest one has to do for everything.
  @Test func smallestCache() throws {
    let device = MemoryDevice(size: 64 << 20)
    try MemoryFileSystem.format(device, formatParameters())
    let fileSystem = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 0)
    var directory = fileSystem.rootDirectory
    for level in 0..<30 {
      directory = try fileSystem.makeDirectory("level-\(level)", in: directory)
      for index in 0..<20 { _ = try fileSystem.makeFile("file-\(index)", Array("\(index)".utf8), in: directory) }
    }
    for index in 0..<2000 {
      try fileSystem.put([1], into: try fileSystem.resolve("/level-0/file-0"), at: UInt64(index) << 13)
    }
    #expect(try fileSystem.content(of: try fileSystem.resolve("/level-0/level-1/file-7")) == Array("7".utf8))
    try expectClean(fileSystem)
  }
}
