// SPDX-License-Identifier: Apache-2.0
import Ext4
import Foundation
import Storage
import Testing

/// How many power cuts a test makes: many only in the long run.
private let cutsPerLoad = mutationCount > 10_000 ? 250 : 12

/// Power cuts at random instants of random work, on a disk that loses and reorders what was not flushed.
@Suite struct PowerCutTests {
  @Test(arguments: mutationCount > 10_000 ? 0..<12 : 0..<3)
  func nothingPromisedIsLost(seed: Int) throws {
    let load = try PowerCutLoad(image: try image(seed), seed: UInt64(seed) + 1)
    try load.run(steps: 600)
    if seed % 2 == 0 { try load.unmount() }
    try check(load, seed)
  }

  /// An empty file system: of our own, or of mke2fs with smaller blocks.
  private func image(_ seed: Int) throws -> [UInt8] {
    if seed % 3 == 2 { return try imageOfMke2fs(["-b", "1024", "-J", "size=1"], "10M") }
    let device = MemoryDevice(size: 12 << 20)
    var parameters = formatParameters()
    parameters.journalBlocks = 1024
    parameters.hasLostAndFound = false
    try MemoryFileSystem.format(device, parameters)
    return device.bytes
  }

  private func check(_ load: PowerCutLoad, _ seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed) + 1000)
    let all = load.device.events.count
    // Most of them just before a flush, when most is at stake, above all that of a checkpoint.
    let flushes = load.device.events.indices.filter {
      if case .flush = load.device.events[$0] { true } else { false }
    }
    let epochs = zip([0] + flushes, flushes).map { (size: $1 - $0, end: $1) }.sorted { $0.size > $1.size }
    let largest = epochs.prefix(6).map(\.end)
    let cuts = (0..<cutsPerLoad).map { index in
      switch index % 3 {
      case 0: Int.random(in: 0...all, using: &random)
      case 1: flushes.randomElement(using: &random)!
      default: largest.randomElement(using: &random)!
      }
    }.sorted()
    var disk = PowerCutDisk(load.device)
    let scratch = try ScratchDirectory()
    for cut in cuts {
      let content = disk.content(after: cut, &random)
      let comment = "seed \(seed), after \(cut) of \(all) events"

      // Without changing anything, then with our recovery.
      let device = MemoryDevice(content)
      let reader = try MemoryFileSystem(mounting: device, readOnly: true, metadataCacheBlocks: 16)
      let readOnlyProblem = try load.check(reader, events: cut)
      #expect(readOnlyProblem == nil, "\(comment), read-only: \(readOnlyProblem ?? "")")
      #expect(device.bytes == content)
      let ours = try MemoryFileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 64)
      let problem = try load.check(ours, events: cut)
      #expect(problem == nil, "\(comment): \(problem ?? "")")
      try ours.unmount()
      try expectClean(ours, comment)

      // With e2fsck's.
      try Data(content).write(to: scratch["image"])
      let repaired = try run("e2fsck", ["-p", scratch["image"].path], package: "e2fsprogs")
      #expect(repaired.status <= 1, "\(comment): e2fsck -p says: \(repaired.output)")
      let theirs = try MemoryFileSystem(
        mounting: try MemoryDevice(contentsOf: scratch["image"]), readOnly: false, metadataCacheBlocks: 64)
      let otherProblem = try load.check(theirs, events: cut)
      #expect(otherProblem == nil, "\(comment), recovered by e2fsck: \(otherProblem ?? "")")
      try expectClean(theirs, "\(comment), recovered by e2fsck")
    }
  }
}

/// An empty ext4 of mke2fs.
func imageOfMke2fs(_ options: [String], _ size: String) throws -> [UInt8] {
  let scratch = try ScratchDirectory()
  let made = try run(
    "mke2fs", ["-q", "-t", "ext4"] + options + [scratch["image"].path, size], package: "e2fsprogs")
  try #require(made.status == 0, "\(made.output)")
  return try [UInt8](Data(contentsOf: scratch["image"]))
}
