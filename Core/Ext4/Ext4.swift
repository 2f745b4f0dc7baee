// SPDX-License-Identifier: Apache-2.0
import Storage

// The ext4 file system, after the kernel's Documentation/filesystems/ext4 ("ext4 Data Structures and
// Algorithms"), which the comments of this module call "the layout".

/// The number of an inode: 1 and up, 2 is the root directory.
public typealias InodeNumber = UInt32

/// Why an operation on the file system failed.
public enum Ext4Error: Error, Equatable {
  /// There is no such name, or the inode is not in use.
  case notFound
  /// The name is taken.
  case exists
  case notDirectory
  case isDirectory
  /// The directory to remove has entries.
  case notEmpty
  /// No free block or inode is left, or an extended attribute does not fit.
  case noSpace
  /// The file system is mounted for reading only.
  case readOnly
  /// The name is longer than 255 bytes, or the target of a symbolic link longer than a block.
  case nameTooLong
  case fileTooLarge
  case tooManyLinks
  /// An argument makes no sense: an empty name, a directory moved into itself, data of a directory.
  case invalid
  /// What is on the disk contradicts itself (EUCLEAN); the text says what.
  case corrupt(StaticString)
  /// The disk uses a feature that is not supported here; the text names it.
  case unsupported(StaticString)
  /// The device failed.
  case storage(StorageError)
  /// There is no extended attribute of that name.
  case noAttribute
  /// The value does not fit into the caller's buffer.
  case bufferTooSmall

  public static func == (left: Ext4Error, right: Ext4Error) -> Bool {
    switch (left, right) {
    case (.notFound, .notFound), (.exists, .exists), (.notDirectory, .notDirectory), (.isDirectory, .isDirectory),
      (.notEmpty, .notEmpty), (.noSpace, .noSpace), (.readOnly, .readOnly), (.nameTooLong, .nameTooLong),
      (.fileTooLarge, .fileTooLarge), (.tooManyLinks, .tooManyLinks), (.invalid, .invalid), (.corrupt, .corrupt),
      (.unsupported, .unsupported), (.noAttribute, .noAttribute), (.bufferTooSmall, .bufferTooSmall):
      true
    case (.storage(let one), .storage(let other)): one == other
    default: false
    }
  }
}

/// A point in time, from 1970-01-01 UTC. The disk holds the years 1901 to 2446.
public struct Timestamp: Equatable, Sendable {
  public var seconds: Int64
  /// 0 to 999,999,999.
  public var nanoseconds: UInt32

  public init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }
}

/// The number of a character or block device.
public struct DeviceNumber: Equatable, Sendable {
  public var major: UInt32
  public var minor: UInt32

  public init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }
}

/// The attributes of a new inode.
public struct NewInode: Sendable {
  /// The permission bits (low 12 bits); `createNode` also takes the type from the bits above.
  public var mode: UInt16
  public var userID: UInt32
  public var groupID: UInt32

  public init(mode: UInt16, userID: UInt32 = 0, groupID: UInt32 = 0) {
    self.mode = mode
    self.userID = userID
    self.groupID = groupID
  }
}

/// What `setAttributes` changes: everything that is not nil.
public struct AttributeChange: Sendable {
  /// The permission bits (low 12 bits); the type stays.
  public var mode: UInt16?
  public var userID: UInt32?
  public var groupID: UInt32?
  public var accessTime: Timestamp?
  public var modifyTime: Timestamp?
  public var changeTime: Timestamp?
  public var birthTime: Timestamp?

  public init() {}
}

/// Where a file's blocks are.
public struct BlockRun: Equatable, Sendable {
  public enum State: Sendable {
    /// No blocks: reads as zeros.
    case hole
    /// Blocks are reserved and nothing was written: reads as zeros.
    case unwritten
    /// Blocks with data.
    case data
  }

  public let state: State
  /// The first block on the device; 0 for a hole.
  public let physicalBlock: UInt64
  /// How many blocks this goes on, at least one.
  public let count: UInt64
}

/// How full the file system is.
public struct FileSystemStatistics: Equatable, Sendable {
  /// In bytes.
  public let blockSize: Int
  public let blocks: UInt64
  public let freeBlocks: UInt64
  public let inodes: UInt32
  public let freeInodes: UInt32
}

/// How `rename` treats a target that exists.
public enum RenameMode: Sendable {
  /// Replace it (rename(2)).
  case replace
  /// Fail with `exists` (RENAME_NOREPLACE).
  case noReplace
  /// Both must exist and change places (RENAME_EXCHANGE).
  case exchange
}

/// An inode that has lost a name.
public struct RemovedName: Equatable, Sendable {
  public let inode: InodeNumber
  /// How many names are left. At 0 nobody can find the inode any more, and `release` frees it.
  public let remainingLinks: UInt16
}
