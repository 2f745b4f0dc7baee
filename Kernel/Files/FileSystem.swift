// SPDX-License-Identifier: Apache-2.0

/// What `statfs` tells about a file system.
struct FileSystemStatistics {
  /// In bytes.
  var blockSize: UInt64 = 4096
  var totalBlocks: UInt64 = 0
  var freeBlocks: UInt64 = 0
  var totalNodes: UInt64 = 0
  var freeNodes: UInt64 = 0
  var identifier: UInt64 = 0
}

/// A file system that is mounted somewhere; nodes belong to one.
class FileSystem {
  /// `st_dev` of its files.
  let device: UInt64
  /// Its name in `/proc/mounts`.
  let typeName: StaticString
  /// Its number in `statfs` (include/uapi/linux/magic.h).
  let magic: UInt64
  /// The second field of its line in `/proc/mounts`.
  let source: StaticString

  /// Devices without a disk have major number 0 and count up.
  private static var nextMinor: UInt64 = 20

  init(device: UInt64? = nil, typeName: StaticString, magic: UInt64, source: StaticString) {
    self.typeName = typeName
    self.magic = magic
    self.source = source
    if let device {
      self.device = device
    } else {
      Self.nextMinor += 1
      self.device = DeviceNumber.encode(major: 0, minor: Self.nextMinor)
    }
  }

  /// Space and nodes; all zero where there is no such thing.
  func statistics() -> FileSystemStatistics { FileSystemStatistics() }

  /// Makes everything written durable.
  func synchronize() throws(Errno) {}

  /// Leaves on the disk what is to be found there later, before the machine ends.
  func unmount() throws(Errno) {}

  /// Gives back up to `count` frames of cached pages that nobody maps; see `PageCache.reclaim`.
  func reclaim(_ count: Int) -> Int { 0 }
}
