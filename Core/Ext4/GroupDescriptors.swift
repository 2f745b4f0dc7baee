// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// Offsets in a group descriptor (the layout, "Block Group Descriptors").
enum DescriptorField {
  static let blockBitmapLow = 0
  static let inodeBitmapLow = 4
  static let inodeTableLow = 8
  static let freeBlocksLow = 12
  static let freeInodesLow = 14
  static let directoriesLow = 16
  static let flags = 18
  static let blockBitmapChecksumLow = 24
  static let inodeBitmapChecksumLow = 26
  static let unusedInodesLow = 28
  static let checksum = 30
  /// Descriptors of 32 bytes end here.
  static let blockBitmapHigh = 32
  static let inodeBitmapHigh = 36
  static let inodeTableHigh = 40
  static let freeBlocksHigh = 44
  static let freeInodesHigh = 46
  static let directoriesHigh = 48
  static let unusedInodesHigh = 50
  static let blockBitmapChecksumHigh = 56
  static let inodeBitmapChecksumHigh = 58
}

enum GroupFlag {
  /// No inode of the group is in use; its bitmap and table are not initialised.
  static let inodesUninitialized: UInt16 = 1
  /// No block of the group is in use for files; its bitmap is not initialised.
  static let blocksUninitialized: UInt16 = 2
}

/// What a group descriptor says, checked to lie inside of the file system.
struct GroupDescriptor {
  var blockBitmap: UInt64
  var inodeBitmap: UInt64
  var inodeTable: UInt64
  var freeBlocks: UInt32
  var freeInodes: UInt32
  var directories: UInt32
  var flags: UInt16
  var blockBitmapChecksum: UInt32
  var inodeBitmapChecksum: UInt32
  /// How many inodes at the end of the table have never been used.
  var unusedInodes: UInt32

  init(_ bytes: Span<UInt8>) {
    let wide = bytes.count >= 64
    func number32(_ low: Int, _ high: Int) -> UInt64 {
      UInt64(bytes.littleEndian32(at: low)) | (wide ? UInt64(bytes.littleEndian32(at: high)) << 32 : 0)
    }
    func number16(_ low: Int, _ high: Int) -> UInt32 {
      UInt32(bytes.littleEndian16(at: low)) | (wide ? UInt32(bytes.littleEndian16(at: high)) << 16 : 0)
    }
    blockBitmap = number32(DescriptorField.blockBitmapLow, DescriptorField.blockBitmapHigh)
    inodeBitmap = number32(DescriptorField.inodeBitmapLow, DescriptorField.inodeBitmapHigh)
    inodeTable = number32(DescriptorField.inodeTableLow, DescriptorField.inodeTableHigh)
    freeBlocks = number16(DescriptorField.freeBlocksLow, DescriptorField.freeBlocksHigh)
    freeInodes = number16(DescriptorField.freeInodesLow, DescriptorField.freeInodesHigh)
    directories = number16(DescriptorField.directoriesLow, DescriptorField.directoriesHigh)
    flags = bytes.littleEndian16(at: DescriptorField.flags)
    blockBitmapChecksum = number16(
      DescriptorField.blockBitmapChecksumLow, DescriptorField.blockBitmapChecksumHigh)
    inodeBitmapChecksum = number16(
      DescriptorField.inodeBitmapChecksumLow, DescriptorField.inodeBitmapChecksumHigh)
    unusedInodes = number16(DescriptorField.unusedInodesLow, DescriptorField.unusedInodesHigh)
  }

  func encode(into bytes: inout MutableSpan<UInt8>) {
    let wide = bytes.count >= 64
    func store32(_ value: UInt64, _ low: Int, _ high: Int, _ bytes: inout MutableSpan<UInt8>) {
      bytes.store32(UInt32(truncatingIfNeeded: value), at: low)
      if wide { bytes.store32(UInt32(truncatingIfNeeded: value >> 32), at: high) }
    }
    func store16(_ value: UInt32, _ low: Int, _ high: Int, _ bytes: inout MutableSpan<UInt8>) {
      bytes.store16(UInt16(truncatingIfNeeded: value), at: low)
      if wide { bytes.store16(UInt16(truncatingIfNeeded: value >> 16), at: high) }
    }
    store32(blockBitmap, DescriptorField.blockBitmapLow, DescriptorField.blockBitmapHigh, &bytes)
    store32(inodeBitmap, DescriptorField.inodeBitmapLow, DescriptorField.inodeBitmapHigh, &bytes)
    store32(inodeTable, DescriptorField.inodeTableLow, DescriptorField.inodeTableHigh, &bytes)
    store16(freeBlocks, DescriptorField.freeBlocksLow, DescriptorField.freeBlocksHigh, &bytes)
    store16(freeInodes, DescriptorField.freeInodesLow, DescriptorField.freeInodesHigh, &bytes)
    store16(directories, DescriptorField.directoriesLow, DescriptorField.directoriesHigh, &bytes)
    bytes.store16(flags, at: DescriptorField.flags)
    store16(
      blockBitmapChecksum, DescriptorField.blockBitmapChecksumLow, DescriptorField.blockBitmapChecksumHigh, &bytes)
    store16(
      inodeBitmapChecksum, DescriptorField.inodeBitmapChecksumLow, DescriptorField.inodeBitmapChecksumHigh, &bytes)
    store16(unusedInodes, DescriptorField.unusedInodesLow, DescriptorField.unusedInodesHigh, &bytes)
  }

  /// The low half of the CRC over the group's number and the descriptor, its checksum field taken as zero.
  static func checksum(_ bytes: Span<UInt8>, group: UInt64, seed: UInt32) -> UInt16 {
    let zeros: [2 of UInt8] = [0, 0]
    var crc = crc32c(seed, UInt32(truncatingIfNeeded: group))
    crc = crc32c(crc, bytes.extracting(0..<DescriptorField.checksum))
    crc = crc32c(crc, zeros.span)
    crc = crc32c(crc, bytes.extracting((DescriptorField.checksum + 2)..<bytes.count))
    return UInt16(truncatingIfNeeded: crc)
  }
}

extension Ext4FileSystem {
  /// The slot that has a group's descriptor, and where in it.
  private func descriptorPlace(_ group: UInt64) throws(Ext4Error) -> (slot: Int, offset: Int) {
    let size = superblock.descriptorSize
    let perBlock = UInt64(blockSize / size)
    let slot = try slot(of: superblock.firstDataBlock + 1 + group / perBlock)
    if try needsCheck(slot, .groupDescriptors) {
      let first = group / perBlock * perBlock
      let count = min(perBlock, superblock.groupCount - first)
      if hasChecksums {
        let seed = checksumSeed
        let matches = cache.read(slot) { bytes in
          for index in 0..<Int(count) {
            let descriptor = bytes.extracting((index &* size)..<(index &* size &+ size))
            let checksum = GroupDescriptor.checksum(descriptor, group: first &+ UInt64(index), seed: seed)
            if checksum != descriptor.littleEndian16(at: DescriptorField.checksum) { return false }
          }
          return true
        }
        guard matches else { throw .corrupt("group descriptor: checksum") }
      }
      setKind(slot, .groupDescriptors)
    }
    return (slot, Int(group % perBlock) * size)
  }

  func descriptor(_ group: UInt64) throws(Ext4Error) -> GroupDescriptor {
    guard group < superblock.groupCount else { throw .corrupt("a group number is outside of the file system") }
    let place = try descriptorPlace(group)
    let size = superblock.descriptorSize
    let descriptor = cache.read(place.slot) {
      GroupDescriptor($0.extracting(place.offset..<(place.offset &+ size)))
    }
    let blocks = (superblock.firstDataBlock + 1)..<superblock.blockCount
    let (tableEnd, overflow) = descriptor.inodeTable.addingReportingOverflow(superblock.inodeTableBlocks)
    guard blocks.contains(descriptor.blockBitmap), blocks.contains(descriptor.inodeBitmap),
      blocks.contains(descriptor.inodeTable), !overflow, tableEnd <= superblock.blockCount,
      UInt64(descriptor.freeBlocks) <= superblock.blocksPerGroup, descriptor.freeInodes <= inodesPerGroup,
      descriptor.unusedInodes <= inodesPerGroup
    else { throw .corrupt("group descriptor: out of range") }
    return descriptor
  }

  /// Stores a changed descriptor.
  func setDescriptor(_ descriptor: GroupDescriptor, _ group: UInt64) throws(Ext4Error) {
    if inodeTable.group == group { inodeTable = InodeTable() }
    let place = try descriptorPlace(group)
    let size = superblock.descriptorSize
    let seed = checksumSeed
    let hasChecksums = hasChecksums
    cache.modify(place.slot) { bytes in
      var bytes = bytes.part(place.offset..<(place.offset &+ size))
      descriptor.encode(into: &bytes)
      if hasChecksums {
        bytes.store16(
          GroupDescriptor.checksum(bytes.span, group: group, seed: seed), at: DescriptorField.checksum)
      }
    }
  }
}
