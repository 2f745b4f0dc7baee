// SPDX-License-Identifier: Apache-2.0
import Machine

/// A point in time as files keep it.
struct Timestamp: Equatable, BitwiseCopyable {
  /// Since 1970-01-01 UTC.
  var seconds: Int64
  /// Less than 1,000,000,000.
  var nanoseconds: UInt32

  static var now: Timestamp {
    let time = Clock.realtimeNanoseconds()
    return Timestamp(
      seconds: Int64(truncatingIfNeeded: time / 1_000_000_000), nanoseconds: UInt32(time % 1_000_000_000))
  }
}

/// What a file is: the upper four bits of its mode.
enum FileType: UInt32 {
  case fifo = 0o010000
  case characterDevice = 0o020000
  case directory = 0o040000
  case blockDevice = 0o060000
  case regular = 0o100000
  case symbolicLink = 0o120000
  case socket = 0o140000

  /// The number that `getdents64` gives (DT_*).
  var directoryEntryType: UInt8 { UInt8(rawValue >> 12) }
}

/// What `stat` tells about a file.
struct Attributes: BitwiseCopyable {
  /// Type and permissions.
  var mode: UInt32
  var userIdentifier: UInt32 = 0
  var groupIdentifier: UInt32 = 0
  var linkCount: UInt32 = 1
  /// Which device a device file stands for, as Linux encodes it for programs (`DeviceNumber`).
  var device: UInt64 = 0
  /// In bytes.
  var size: UInt64 = 0
  /// The unit in which programs do well to read and write.
  var blockSize: UInt32 = 4096
  /// Space that the file takes, in units of 512 bytes.
  var blockCount: UInt64 = 0
  var accessed: Timestamp
  var modified: Timestamp
  var changed: Timestamp
  var created: Timestamp

  /// Attributes of something that comes to be now.
  init(type: FileType, permissions: UInt32, user: UInt32 = 0, group: UInt32 = 0, device: UInt64 = 0) {
    mode = type.rawValue | permissions & 0o7777
    userIdentifier = user
    groupIdentifier = group
    self.device = device
    let now = Timestamp.now
    accessed = now
    modified = now
    changed = now
    created = now
  }

  static var typeMask: UInt32 { 0o170000 }
  var permissions: UInt32 { mode & 0o7777 }
  var isDirectory: Bool { mode & Self.typeMask == FileType.directory.rawValue }
  var isRegular: Bool { mode & Self.typeMask == FileType.regular.rawValue }
  var isSymbolicLink: Bool { mode & Self.typeMask == FileType.symbolicLink.rawValue }
  var type: FileType { FileType(rawValue: mode & Self.typeMask) ?? .regular }
}

/// Which attributes `chmod`, `chown` and `utimensat` set; nil stays as it is. The time of the change
/// becomes now in any case.
struct AttributeChange {
  var permissions: UInt32?
  var userIdentifier: UInt32?
  var groupIdentifier: UInt32?
  var accessed: Timestamp?
  var modified: Timestamp?

  /// Attributes with the change made.
  func applied(to old: Attributes) -> Attributes {
    var new = old
    if let permissions { new.mode = old.mode & Attributes.typeMask | permissions & 0o7777 }
    if let userIdentifier { new.userIdentifier = userIdentifier }
    if let groupIdentifier { new.groupIdentifier = groupIdentifier }
    if let accessed { new.accessed = accessed }
    if let modified { new.modified = modified }
    new.changed = Timestamp.now
    return new
  }
}

/// Device numbers as Linux gives them to programs (include/linux/kdev_t.h, new_encode_dev).
enum DeviceNumber {
  static func encode(major: UInt64, minor: UInt64) -> UInt64 { minor & 0xff | major << 8 | (minor & ~0xff) << 12 }
  static func major(_ device: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: device >> 8 & 0xfff) }
  static func minor(_ device: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: device & 0xff | device >> 12 & 0xfff00)
  }
}
