// SPDX-License-Identifier: Apache-2.0
import Collections
import DiskLayout
import Ext4
import Machine
import Storage

/// Puts the tree of files together when the kernel starts.
enum Files {
  /// Mounts the root file system from a partition of `disk`. What the program writes goes there if the disk can be
  /// written, and is kept in memory otherwise. Ends the machine with one sentence if that cannot be done.
  static func start(_ disk: Disk, _ partition: Partition) {
    NameCache.initialize(frames: PhysicalMemory.total)
    MissingFiles.isEnabled = Options.showsMissingFiles
    let base = MountedDisk(disk)
    guard let slice = DeviceSlice(base, start: partition.startInBytes, size: partition.sizeInBytes) else {
      SystemDisk.fail("the root partition is not inside the disk")
    }
    do throws(Ext4Error) {
      let mount = try Ext4Mount(mounting: slice, device: DeviceNumber.encode(major: 254, minor: 1))
      guard let root = try? mount.root() else { throw .corrupt("no root directory") }
      fileTree.mountRoot(root)
    } catch {
      SystemDisk.fail("the root file system cannot be used: it is no ext4, damaged, or uses features not supported")
    }
    do throws(Errno) {
      try mountOthers()
      try ConsoleStream.openStandardStreams()
    } catch {
      SystemDisk.fail("the file systems cannot be mounted: too little memory")
    }
  }

  /// Mounts what is not on the disk.
  private static func mountOthers() throws(Errno) {
    try fileTree.mount(DeviceTable.make().root(), at: bytes(of: "/dev"))
    try fileTree.mount(ProcTable.make().root(), at: bytes(of: "/proc"))
    try fileTree.mount(SysTable.make().root(), at: bytes(of: "/sys"))
    try fileTree.mount(ControlGroupTable.make().root(), at: bytes(of: "/sys/fs/cgroup"))
    try fileTree.mount(TemporaryFileSystem().makeRoot(permissions: 0o1777), at: bytes(of: "/dev/shm"))
    let temporary = bytes(of: "/tmp")
    // What the image has in /tmp, be it the program itself, is not to be hidden.
    if try !hasEntries(temporary) {
      try fileTree.mount(TemporaryFileSystem().makeRoot(permissions: 0o1777), at: temporary)
    }
  }

  private static func hasEntries(_ path: [UInt8]) throws(Errno) -> Bool {
    let place = try Paths.walk(PathText(path), from: fileTree.root, .creates).location
    guard let node = place.node, node.isDirectory else {
      return false
    }
    var isEmpty = true
    try node.enumerate(after: 0) { _ in
      isEmpty = false
      return false
    }
    return !isEmpty
  }
}
