// SPDX-License-Identifier: Apache-2.0
import Checksums
import DiskLayout
import Foundation
import Storage
import Testing

@Suite struct DiskLayoutTests {
  let seed = Array("the same image".utf8)

  func place(_ requests: [PartitionRequest]) throws(PartitionTableError) -> PartitionTable {
    try PartitionTable(placing: requests, seed: seed.span)
  }

  func table() throws -> PartitionTable {
    try place([
      PartitionRequest(type: .vorteilKernel, name: "vorteil-kernel", sizeInBytes: 700_001),
      PartitionRequest(type: .vorteilConfiguration, name: "vorteil-config", sizeInBytes: 300),
      PartitionRequest(type: .linuxRoot, name: "vorteil-root", sizeInBytes: 5 << 20),
    ])
  }

  func disk() throws -> MemoryDevice {
    let table = try table()
    let device = MemoryDevice(size: Int(table.minimumDeviceSize))
    try table.write(to: device)
    return device
  }

  @Test func placesPartitionsAligned() throws {
    let table = try table()
    #expect(table.partitions.map(\.startInBytes) == [1 << 20, 2 << 20, 3 << 20])
    #expect(table.partitions.map(\.sizeInBytes) == [700_416, 512, 5 << 20])
    #expect(table.minimumDeviceSize == 9 << 20)
    #expect(Set(table.partitions.map(\.identifier.text)).count == 3)
    #expect(try self.table() == table)
    #expect(String(decoding: GUID.linuxRoot.text, as: UTF8.self) == "4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
  }

  @Test func readsWhatItWrote() throws {
    let table = try PartitionTable(reading: disk())
    #expect(try table == self.table())
    #expect(table.partition(ofType: .linuxRoot)?.startInBytes == 3 << 20)
    #expect(String(decoding: table.partitions[0].name, as: UTF16.self) == "vorteil-kernel")
  }

  @Test func gdiskAgrees() throws {
    let scratch = try ScratchDirectory()
    let image = scratch["disk.img"]
    try disk().save(to: image)
    let verification = try run("sgdisk", ["-v", image.path], package: "gdisk")
    #expect(verification.status == 0)
    #expect(verification.output.contains("No problems found"), "\(verification.output)")
    let first = try run("sgdisk", ["-i", "1", image.path], package: "gdisk").output
    #expect(first.contains("6B1D2F0C-5A0E-4B3B-9D6E-564F52544B31"), "\(first)")
    #expect(first.contains("Partition name: 'vorteil-kernel'"), "\(first)")
  }

  @Test func readsATableOfGdisk() throws {
    let scratch = try ScratchDirectory()
    let image = scratch["disk.img"]
    try MemoryDevice(size: 16 << 20).save(to: image)
    let made = try run(
      "sgdisk", ["-n", "1:2048:+1M", "-c", "1:größer", "-n", "5:8192:0", "-t", "5:8304", image.path], package: "gdisk")
    #expect(made.status == 0, "\(made.output)")
    let table = try PartitionTable(reading: MemoryDevice(contentsOf: image))
    #expect(table.partitions.count == 2)
    #expect(table.partitions[0].sizeInBytes == 1 << 20)
    #expect(String(decoding: table.partitions[0].name, as: UTF16.self) == "größer")
    #expect(table.partition(ofType: .linuxRoot)?.firstBlock == 8192)
  }

  @Test func fallsBackToTheBackup() throws {
    for damaged in [600, 512, 1024 + 40] {
      let device = try disk()
      device.bytes[damaged] ^= 1
      #expect(try PartitionTable(reading: device) == table())
    }
  }

  @Test func refusesWithTheReason() throws {
    #expect(throws: PartitionTableError.notPartitioned) { try PartitionTable(reading: MemoryDevice(size: 1 << 20)) }
    #expect(throws: PartitionTableError.notPartitioned) { try PartitionTable(reading: MemoryDevice(size: 0)) }
    let device = try disk()
    device.bytes[600] ^= 1
    device.bytes[device.bytes.count - 500] ^= 1
    #expect(throws: PartitionTableError.checksumMismatch) { try PartitionTable(reading: device) }

    #expect(throws: PartitionTableError.nameTooLong) {
      try place([PartitionRequest(type: .linuxRoot, name: String(repeating: "x", count: 37), sizeInBytes: 1)])
    }
    #expect(throws: PartitionTableError.noSpace) { try table().write(to: MemoryDevice(size: 8 << 20)) }
    #expect(throws: PartitionTableError.overlappingPartitions) {
      var table = try table()
      table.partitions[1] = table.partitions[0]
      try table.write(to: MemoryDevice(size: 16 << 20))
    }
  }

  /// Headers and entries with random damage, half of them with checksums that are right again.
  @Test func endsWithValueOrErrorOnDamage() throws {
    let pristine = try disk().bytes
    var random = SeededGenerator(seed: 2)
    let device = MemoryDevice(pristine)
    var errors = 0
    for _ in 0..<mutationCount {
      var head = Array(pristine[512..<2048])
      random.mutate(&head, in: 0..<head.count)
      device.bytes.replaceSubrange(512..<2048, with: head)
      if Bool.random(using: &random) { repairChecksums(device) }
      // The backup must not save it.
      device.bytes[pristine.count - 512] = 0
      do { _ = try PartitionTable(reading: device) } catch { errors += 1 }
    }
    #expect(errors > mutationCount / 2)
  }

  private func repairChecksums(_ device: MemoryDevice) {
    var bytes = device.bytes
    let entries = crc32(bytes.span.extracting(1024..<(1024 + 16384)))
    var span = bytes.mutableSpan
    span.store32(entries, at: 512 + 88)
    span.store32(0, at: 512 + 16)
    span.store32(crc32(span.span.extracting(512..<(512 + 92))), at: 512 + 16)
    device.bytes = bytes
  }
}
