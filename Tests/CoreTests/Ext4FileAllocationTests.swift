// SPDX-License-Identifier: Apache-2.0
import Ext4
import Foundation
import Storage
import Testing

@Suite struct FileAllocationTests {
  /// Random ranges, compared with an array of bytes; e2fsck judges the blocks.
  @Test(arguments: [true, false], mutationCount > 10_000 ? 0..<20 : 0..<2)
  func agreesWithAnArray(hasJournal: Bool, seed: Int) throws {
    let fileSystem = try freshFileSystem(megabytes: 24) { $0.journalBlocks = hasJournal ? 1024 : 0 }
    var random = SeededGenerator(seed: UInt64(seed) + 30)
    let file = try fileSystem.makeFile("file")
    var model: [UInt8] = []
    func grow(to size: Int) { model += [UInt8](repeating: 0, count: max(0, size - model.count)) }
    for step in 0..<400 {
      let isWhole = random.next() % 3 == 0
      var offset = Int(random.next() % 300_000)
      var count = Int(random.next() % 60_000) + 1
      if isWhole { (offset, count) = (offset & ~4095, (count + 4095) & ~4095) }
      let all: [FileAllocation] = [
        .reserve, .reserveKeepingSize, .punchHole, .zero, .zeroKeepingSize, .collapse, .insert,
      ]
      let change = all.randomElement(using: &random)!
      if random.next() % 3 == 0 {
        let part = random.bytes(count)
        try fileSystem.put(part, into: file, at: UInt64(offset))
        grow(to: offset + count)
        model.replaceSubrange(offset..<(offset + count), with: part)
        continue
      }
      var expected: Ext4Error?
      if change == .collapse, !isWhole || offset + count >= model.count { expected = .invalid }
      if change == .insert, !isWhole || offset >= model.count { expected = .invalid }
      if (offset | count) & 4095 == 0, !isWhole { expected = nil }
      var thrown: Ext4Error?
      do throws(Ext4Error) {
        try fileSystem.allocate(file, change, at: UInt64(offset), count: UInt64(count))
      } catch { thrown = error }
      #expect(thrown == expected, "step \(step): \(change) \(offset) \(count) of \(model.count)")
      guard thrown == nil else { continue }
      let end = min(offset + count, model.count)
      switch change {
      case .reserve: grow(to: offset + count)
      case .reserveKeepingSize: break
      case .punchHole, .zero, .zeroKeepingSize:
        if offset < end { model.replaceSubrange(offset..<end, with: [UInt8](repeating: 0, count: end - offset)) }
        if change == .zero { grow(to: offset + count) }
      case .collapse: model.removeSubrange(offset..<(offset + count))
      case .insert: model.insert(contentsOf: [UInt8](repeating: 0, count: count), at: offset)
      }
      if model.count > 600_000 {
        try fileSystem.truncate(file, to: 100_000)
        model = Array(model.prefix(100_000))
      }
      if step % 20 == 0 {
        let same = try fileSystem.content(of: file) == model
        try #require(same, "step \(step), after \(change) \(offset) \(count)")
      }
    }
    let same = try fileSystem.content(of: file) == model
    #expect(same)
    try expectClean(fileSystem)
  }

  @Test func reservedBlocksAreThereAndReadAsZeros() throws {
    let fileSystem = try freshFileSystem(megabytes: 16)
    let file = try fileSystem.makeFile("file", [1, 2, 3])
    try fileSystem.allocate(file, .reserveKeepingSize, at: 0, count: 1 << 20)
    #expect(try fileSystem.attributes(of: file).size == 3)
    #expect(try fileSystem.attributes(of: file).blocks512 == 2048)
    #expect(try fileSystem.extent(of: file, at: 0).state == .data)
    #expect(try fileSystem.extent(of: file, at: 1).state == .unwritten)
    try fileSystem.allocate(file, .punchHole, at: 8192, count: 4096)
    #expect(try fileSystem.extent(of: file, at: 2).state == .hole)
    #expect(throws: Ext4Error.noSpace) { try fileSystem.allocate(file, .reserve, at: 0, count: 1 << 30) }
    #expect(throws: Ext4Error.invalid) { try fileSystem.allocate(file, .reserve, at: 0, count: 0) }
    #expect(throws: Ext4Error.fileTooLarge) { try fileSystem.allocate(file, .reserve, at: 1 << 44, count: 1) }
    #expect(throws: Ext4Error.isDirectory) { try fileSystem.allocate(2, .reserve, at: 0, count: 1) }
    try expectClean(fileSystem)
  }
}
