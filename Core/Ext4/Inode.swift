// SPDX-License-Identifier: Apache-2.0
import Checksums
import Storage

/// The attributes of an inode.
public struct Inode: Equatable, Sendable {
  /// Type and permissions, as in stat(2).
  public let mode: UInt16
  public let userID: UInt32
  public let groupID: UInt32
  /// In bytes.
  public let size: UInt64
  /// The space that it takes, in units of 512 bytes.
  public let blocks512: UInt64
  public let links: UInt16
  /// The inode flags of the layout (chattr(1)).
  public let flags: UInt32
  public let generation: UInt32
  public let accessTime: Timestamp
  public let modifyTime: Timestamp
  public let changeTime: Timestamp
  public let birthTime: Timestamp
  /// The device that a device node stands for; zero for others.
  public let device: DeviceNumber

  public var isDirectory: Bool { mode & Mode.typeMask == Mode.directory }
  public var isRegularFile: Bool { mode & Mode.typeMask == Mode.regular }
  public var isSymbolicLink: Bool { mode & Mode.typeMask == Mode.symbolicLink }
  public var isCharacterDevice: Bool { mode & Mode.typeMask == Mode.characterDevice }
  public var isBlockDevice: Bool { mode & Mode.typeMask == Mode.blockDevice }
  public var isPipe: Bool { mode & Mode.typeMask == Mode.pipe }
  public var isSocket: Bool { mode & Mode.typeMask == Mode.socket }
}

/// The file types in the high bits of a mode (inode(7)).
public enum Mode {
  public static let typeMask: UInt16 = 0o170000
  public static let pipe: UInt16 = 0o010000
  public static let characterDevice: UInt16 = 0o020000
  public static let directory: UInt16 = 0o040000
  public static let blockDevice: UInt16 = 0o060000
  public static let regular: UInt16 = 0o100000
  public static let symbolicLink: UInt16 = 0o120000
  public static let socket: UInt16 = 0o140000

  /// The type as directory entries have it.
  static func directoryEntryType(_ mode: UInt16) -> UInt8 {
    switch mode & typeMask {
    case regular: 1
    case directory: 2
    case characterDevice: 3
    case blockDevice: 4
    case pipe: 5
    case socket: 6
    case symbolicLink: 7
    default: 0
    }
  }
}

/// Offsets in an inode on disk (the layout, "Index Nodes").
enum InodeField {
  static let mode = 0
  static let userIDLow = 2
  static let sizeLow = 4
  static let accessTime = 8
  static let changeTime = 12
  static let modifyTime = 16
  static let deletionTime = 20
  static let groupIDLow = 24
  static let links = 26
  static let blocksLow = 28
  static let flags = 32
  static let block = 40
  static let blockSize = 60
  static let generation = 100
  static let attributeBlockLow = 104
  static let sizeHigh = 108
  static let blocksHigh = 116
  static let attributeBlockHigh = 118
  static let userIDHigh = 120
  static let groupIDHigh = 122
  static let checksumLow = 124
  /// Inodes of 128 bytes end here.
  static let extraSize = 128
  static let checksumHigh = 130
  static let changeTimeExtra = 132
  static let modifyTimeExtra = 136
  static let accessTimeExtra = 140
  static let birthTime = 144
  static let birthTimeExtra = 148
  /// The fields that end at offset 160; what a new inode gets (s_want_extra_isize).
  static let wantedExtraSize = 32
}

enum InodeFlag {
  static let immutable: UInt32 = 0x10
  static let appendOnly: UInt32 = 0x20
  static let indexedDirectory: UInt32 = 0x1000
  /// i_blocks counts file system blocks.
  static let hugeFile: UInt32 = 0x4_0000
  static let extents: UInt32 = 0x8_0000
  static let attributeInInode: UInt32 = 0x20_0000
}

// What follows works on the bytes of one inode: s_inode_size of them.

extension Span where Element == UInt8 {
  /// How many bytes of fields follow the first 128.
  var inodeExtraSize: Int {
    guard count > InodeField.extraSize else { return 0 }
    return Swift.min(Int(littleEndian16(at: InodeField.extraSize)), count - InodeField.extraSize)
  }

  func hasInodeField(endingAt end: Int) -> Bool { InodeField.extraSize + inodeExtraSize >= end }

  var inodeMode: UInt16 { littleEndian16(at: InodeField.mode) }
  var inodeFlags: UInt32 { littleEndian32(at: InodeField.flags) }
  var inodeLinks: UInt16 { littleEndian16(at: InodeField.links) }
  var inodeSizeInBytes: UInt64 {
    UInt64(littleEndian32(at: InodeField.sizeLow)) | UInt64(littleEndian32(at: InodeField.sizeHigh)) << 32
  }
  var inodeBlocks: UInt64 {
    UInt64(littleEndian32(at: InodeField.blocksLow)) | UInt64(littleEndian16(at: InodeField.blocksHigh)) << 32
  }
  var inodeAttributeBlock: UInt64 {
    UInt64(littleEndian32(at: InodeField.attributeBlockLow))
      | UInt64(littleEndian16(at: InodeField.attributeBlockHigh)) << 32
  }

  func inodeTime(_ field: Int, extra: Int) -> Timestamp {
    let seconds = Int64(Int32(bitPattern: littleEndian32(at: field)))
    guard hasInodeField(endingAt: extra + 4) else { return Timestamp(seconds: seconds) }
    let more = littleEndian32(at: extra)
    // Two more bits of seconds and 30 bits of nanoseconds.
    return Timestamp(seconds: seconds + Int64(more & 3) << 32, nanoseconds: Swift.min(more >> 2, 999_999_999))
  }

  func inodeAttributes(blockSize: Int) -> Inode {
    let mode = inodeMode
    let flags = inodeFlags
    var device = DeviceNumber(major: 0, minor: 0)
    if mode & Mode.typeMask == Mode.characterDevice || mode & Mode.typeMask == Mode.blockDevice {
      device = inodeDevice
    }
    let birthTime =
      hasInodeField(endingAt: InodeField.birthTime + 4)
      ? inodeTime(InodeField.birthTime, extra: InodeField.birthTimeExtra) : Timestamp(seconds: 0)
    return Inode(
      mode: mode,
      userID: UInt32(littleEndian16(at: InodeField.userIDLow))
        | UInt32(littleEndian16(at: InodeField.userIDHigh)) << 16,
      groupID: UInt32(littleEndian16(at: InodeField.groupIDLow))
        | UInt32(littleEndian16(at: InodeField.groupIDHigh)) << 16,
      size: inodeSizeInBytes,
      blocks512: flags & InodeFlag.hugeFile != 0 ? inodeBlocks &* UInt64(blockSize / 512) : inodeBlocks,
      links: inodeLinks, flags: flags, generation: littleEndian32(at: InodeField.generation),
      accessTime: inodeTime(InodeField.accessTime, extra: InodeField.accessTimeExtra),
      modifyTime: inodeTime(InodeField.modifyTime, extra: InodeField.modifyTimeExtra),
      changeTime: inodeTime(InodeField.changeTime, extra: InodeField.changeTimeExtra),
      birthTime: birthTime, device: device)
  }

  /// The first word holds 8 bits each of major and minor, or is zero and the second holds 12 and 20 bits.
  private var inodeDevice: DeviceNumber {
    let old = littleEndian32(at: InodeField.block)
    if old != 0 { return DeviceNumber(major: old >> 8 & 0xff, minor: old & 0xff) }
    let new = littleEndian32(at: InodeField.block + 4)
    return DeviceNumber(major: new >> 8 & 0xfff, minor: new & 0xff | (new >> 12 & 0xfff00))
  }

  /// The checksum over the inode with its own fields taken as zero; `seed` is that of the inode.
  func inodeChecksum(seed: UInt32) -> UInt32 {
    let zeros: [2 of UInt8] = [0, 0]
    var crc = crc32c(seed, extracting(0..<InodeField.checksumLow))
    crc = crc32c(crc, zeros.span)
    guard hasInodeField(endingAt: InodeField.checksumHigh + 2) else {
      return crc32c(crc, extracting((InodeField.checksumLow + 2)..<count))
    }
    crc = crc32c(crc, extracting((InodeField.checksumLow + 2)..<InodeField.checksumHigh))
    crc = crc32c(crc, zeros.span)
    return crc32c(crc, extracting((InodeField.checksumHigh + 2)..<count))
  }

  func inodeChecksumMatches(seed: UInt32) -> Bool {
    let expected = inodeChecksum(seed: seed)
    guard littleEndian16(at: InodeField.checksumLow) == UInt16(truncatingIfNeeded: expected) else { return false }
    return !hasInodeField(endingAt: InodeField.checksumHigh + 2)
      || littleEndian16(at: InodeField.checksumHigh) == UInt16(truncatingIfNeeded: expected >> 16)
  }
}

extension MutableSpan where Element == UInt8 {
  mutating func setInodeChecksum(seed: UInt32) {
    let checksum = span.inodeChecksum(seed: seed)
    store16(UInt16(truncatingIfNeeded: checksum), at: InodeField.checksumLow)
    if span.hasInodeField(endingAt: InodeField.checksumHigh + 2) {
      store16(UInt16(truncatingIfNeeded: checksum >> 16), at: InodeField.checksumHigh)
    }
  }

  mutating func setInodeSize(_ size: UInt64) {
    store32(UInt32(truncatingIfNeeded: size), at: InodeField.sizeLow)
    store32(UInt32(truncatingIfNeeded: size >> 32), at: InodeField.sizeHigh)
  }

  mutating func setInodeBlocks(_ blocks: UInt64) {
    store32(UInt32(truncatingIfNeeded: blocks), at: InodeField.blocksLow)
    store16(UInt16(truncatingIfNeeded: blocks >> 32), at: InodeField.blocksHigh)
  }

  mutating func setInodeAttributeBlock(_ block: UInt64) {
    store32(UInt32(truncatingIfNeeded: block), at: InodeField.attributeBlockLow)
    store16(UInt16(truncatingIfNeeded: block >> 32), at: InodeField.attributeBlockHigh)
  }

  mutating func setInodeOwner(userID: UInt32) {
    store16(UInt16(truncatingIfNeeded: userID), at: InodeField.userIDLow)
    store16(UInt16(truncatingIfNeeded: userID >> 16), at: InodeField.userIDHigh)
  }

  mutating func setInodeOwner(groupID: UInt32) {
    store16(UInt16(truncatingIfNeeded: groupID), at: InodeField.groupIDLow)
    store16(UInt16(truncatingIfNeeded: groupID >> 16), at: InodeField.groupIDHigh)
  }

  /// Stores a time, clamped to what the disk can hold.
  mutating func setInodeTime(_ time: Timestamp, _ field: Int, extra: Int) {
    guard span.hasInodeField(endingAt: extra + 4) else {
      store32(UInt32(bitPattern: Int32(clamping: time.seconds)), at: field)
      return
    }
    let seconds = Swift.min(Swift.max(time.seconds, -1 << 31), (3 << 32) + (1 << 31) - 1)
    let low = Int32(truncatingIfNeeded: seconds)
    let epoch = UInt32(truncatingIfNeeded: (seconds - Int64(low)) >> 32) & 3
    store32(UInt32(bitPattern: low), at: field)
    store32(epoch | Swift.min(time.nanoseconds, 999_999_999) << 2, at: extra)
  }

  mutating func setInodeDevice(_ device: DeviceNumber) {
    if device.major < 256, device.minor < 256 {
      store32(device.major << 8 | device.minor, at: InodeField.block)
    } else {
      let minorHigh = (device.minor & 0xfff00) << 12
      store32(minorHigh | (device.major & 0xfff) << 8 | device.minor & 0xff, at: InodeField.block + 4)
    }
  }
}
