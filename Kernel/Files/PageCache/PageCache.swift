// SPDX-License-Identifier: Apache-2.0
import Machine

/// The memory that files take: frames are had from here, and given back when others need them.
enum PageCache {
  /// Pages in one request to the device.
  static let readAheadPages = 16
  /// Frames that the cache leaves to everybody else.
  private static let reserve = 96
  /// Pages that wait to be written to a disk that is kept in memory: each will need a frame more. While any
  /// wait, what that disk itself leaves free is not used either.
  static var promised = 0
  private static var floor: Int { promised == 0 ? reserve : reserve &+ promised &+ 288 }

  /// A frame for a page of a file, with any content; nil if there is no memory even after reclaiming.
  static func allocate() -> Frame? {
    if PhysicalMemory.available <= floor, reclaim(64) == 0 { return nil }
    return PhysicalMemory.allocateUninitialized()
  }

  /// The same, with zeros.
  static func allocateZeroed() -> Frame? {
    if PhysicalMemory.available <= floor, reclaim(64) == 0 { return nil }
    return PhysicalMemory.allocateZeroed()
  }

  /// Gives back up to `count` frames that hold nothing but copies of what is stored. Returns how many; 0
  /// means that the cache has nothing to give.
  ///
  /// May be called from anywhere, also while a file system is at work: then changed pages are left alone,
  /// since writing them back would need that file system.
  static func reclaim(_ count: Int) -> Int {
    var freed = 0
    // The first round takes what was not used since the last call, the second what was.
    for _ in 0..<2 where freed < count {
      for mount in fileTree.mounts where freed < count {
        freed &+= mount.fileSystem.reclaim(count &- freed)
      }
    }
    if freed < count { NameCache.trim() }
    return freed
  }
}
