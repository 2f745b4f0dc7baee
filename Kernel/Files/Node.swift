// SPDX-License-Identifier: Apache-2.0
import Machine

/// What somebody who waits for a file can be told: the bits of `poll`.
struct Readiness: OptionSet {
  let rawValue: UInt32
  static let readable = Readiness(rawValue: 0x001)
  static let urgent = Readiness(rawValue: 0x002)
  static let writable = Readiness(rawValue: 0x004)
  static let error = Readiness(rawValue: 0x008)
  static let hangUp = Readiness(rawValue: 0x010)
  static let invalid = Readiness(rawValue: 0x020)
  static let readableNormal = Readiness(rawValue: 0x040)
  static let writableNormal = Readiness(rawValue: 0x100)
  static let writableBand = Readiness(rawValue: 0x200)
  /// The other end of a socket sends no more.
  static let readHangUp = Readiness(rawValue: 0x2000)
  /// Whatever may have changed.
  static let any = Readiness(rawValue: .max)
  /// Bytes have come.
  static let input: Readiness = [.readable, .readableNormal]
  /// There is room for bytes.
  static let output: Readiness = [.writable, .writableNormal]
  /// A file that never makes anybody wait.
  static let always: Readiness = [.readable, .readableNormal, .writable, .writableNormal]
}

/// How a new file is to be: type and permissions (the mask already applied), owner, device number.
struct NewNode {
  var type: FileType
  var permissions: UInt32
  var userIdentifier: UInt32
  var groupIdentifier: UInt32
  var device: UInt64 = 0
}

/// One entry of a directory, as it is listed.
struct DirectoryItem {
  let name: [UInt8]
  let number: UInt64
  let type: FileType
  /// Where the listing goes on after this entry; not 0.
  let cookie: UInt64
}

/// What stands in a file that `lseek` can look for.
enum SeekTarget {
  case data, hole
}

/// An inode: a file, directory, device, pipe …, apart from its names.
///
/// This base class refuses everything with the error that Linux gives; a subclass overrides what its
/// kind of file can do. Names given here are single components, already checked for length and for "."
/// and ".."; permissions were checked by the caller.
class Node {
  let fileSystem: FileSystem
  /// The inode number, unique in its file system.
  let number: UInt64
  /// As `stat` tells them, always up to date. Subclasses that keep them on a disk write them through.
  final var attributes: Attributes
  /// Locks, made when the first one is set.
  final var locks: FileLocks?
  /// The inotify watches on it; nil without any.
  final var watchMarks: [InotifyMark]?
  /// Who waits for `readiness` to change.
  final var waiters = WaitPlace()

  init(fileSystem: FileSystem, number: UInt64, attributes: Attributes) {
    self.fileSystem = fileSystem
    self.number = number
    self.attributes = attributes
  }

  final var isDirectory: Bool { attributes.isDirectory }
  final var isRegularFile: Bool { attributes.isRegular }
  final var permissionBits: UInt32 { attributes.permissions }
  final var size: UInt64 { attributes.size }

  // MARK: opening

  /// What reads and writes through a new descriptor go to: this node, or an object for this one opening.
  func opened(_ flags: OpenFlags) throws(Errno) -> Node {
    switch attributes.type {
    case .regular, .directory: return self
    case .characterDevice: return try CharacterDevices.device(attributes.device).opened(flags)
    case .symbolicLink: throw .ELOOP
    case .blockDevice, .socket, .fifo: throw .ENXIO
    }
  }

  /// An open file whose content this is has been closed for good.
  func closed(_ flags: OpenFlags) {}

  /// What `DescriptorTable` may do without asking the node.
  final var shortcuts: DescriptorTraits = []

  /// Opening it needs no `opened`: the content is the node itself.
  final var opensItself = false

  /// Whether `closed` does anything.
  final var isToldOfClosing = false

  /// Whether there is a position: `lseek`, `pread` and `pwrite` make sense.
  final var isSeekable = true

  /// The greatest offset and size.
  var maximumSize: UInt64 { 0x7fff_ffff_ffff_ffff }

  /// What can be done without waiting.
  func readiness() -> Readiness { .always }

  /// What can be done without waiting through a descriptor that was opened with `flags`: an end that was not opened
  /// for reading or writing is not ready for it.
  final func readiness(through flags: OpenFlags) -> Readiness {
    var ready = readiness()
    if !flags.isReadable { ready.subtract([.readable, .readableNormal, .hangUp]) }
    if !flags.isWritable { ready.subtract([.writable, .writableNormal, .error]) }
    return ready
  }

  /// Whether it makes sense to wait for it: what is always ready cannot be watched by epoll.
  var isPollable: Bool { !attributes.isRegular && !attributes.isDirectory }

  /// Where changes of `readiness` are told.
  func readinessQueue() -> WaitQueue { waiters.queue }

  /// `epoll_wait`, for an epoll instance.
  func waitForEvents(_ address: UInt64, count: Int, deadline: UInt64?) throws(Errno) -> Int { throw .EINVAL }

  // MARK: content

  /// Copies content from `offset` to the program's memory. Returns how much, 0 at the end.
  /// `mayWait` is false for O_NONBLOCK and RWF_NOWAIT: what would wait throws EAGAIN.
  func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    throw isDirectory ? .EISDIR : .EINVAL
  }

  /// Copies from the program's memory to `offset`. Returns how much.
  func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    throw isDirectory ? .EISDIR : .EINVAL
  }

  /// Reads for the kernel itself; returns how much, less than asked for only at the end.
  func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    throw isDirectory ? .EISDIR : .EINVAL
  }

  /// Writes for the kernel itself, all of it or an error.
  func write(at offset: UInt64, bytes: Span<UInt8>) throws(Errno) { throw isDirectory ? .EISDIR : .EINVAL }

  /// Writes for the kernel itself to something without positions; returns how much.
  func writeStream(_ bytes: Span<UInt8>, mayWait: Bool) throws(Errno) -> Int { throw .EINVAL }

  /// Sets the size; new bytes are zero.
  func truncate(to size: UInt64) throws(Errno) { throw isDirectory ? .EISDIR : .EINVAL }

  /// `fallocate`: `mode` is Linux's (FALLOC_FL_*), the range is checked.
  func allocate(mode: UInt32, at offset: UInt64, count: UInt64) throws(Errno) { throw .EOPNOTSUPP }

  /// The first byte at or after `offset` that is data or hole; nil if there is none before the end.
  func seek(_ target: SeekTarget, from offset: UInt64) throws(Errno) -> UInt64? {
    guard offset < attributes.size else { return nil }
    return target == .data ? offset : attributes.size
  }

  /// Makes what was written durable; with `dataOnly`, without times and the like.
  func synchronize(dataOnly: Bool) throws(Errno) { throw .EINVAL }

  /// Makes what was written durable.
  final func synchronize() throws(Errno) { try synchronize(dataOnly: false) }

  /// An `ioctl` of this kind of file.
  func control(_ request: UInt32, _ argument: UInt64) throws(Errno) -> UInt64 { throw .ENOTTY }

  /// Reads ahead, if the node has a cache; errors come with the real read.
  func readAhead(at offset: UInt64, count: UInt64) {}

  /// The pages of a range will not be needed soon (POSIX_FADV_DONTNEED).
  func dropCache(at offset: UInt64, count: UInt64) {}

  // MARK: mapping

  /// Whether `mmap` works.
  var isMappable: Bool { false }

  /// What a mapping of this file is a mapping of; nil is anonymous memory.
  func nodeForMapping() throws(Errno) -> Node? { self }

  /// Whether it may be mapped so; may forbid that the mapping ever becomes writable.
  func checkMapping(_ mapping: inout Mapping) throws(Errno) {}

  /// The frame that holds page `index` (offset / 4096), read in if needed. It belongs to the cache: the
  /// caller retains it before anything else can happen. Beyond the end it throws EFAULT, which is SIGBUS.
  /// `forWriting`: storage behind the page is made sure of, and the page counts as changed.
  func page(at index: UInt64, forWriting: Bool) throws(Errno) -> Frame { throw .ENODEV }

  /// The frame of page `index` if it is in memory and inside the file.
  func residentPage(at index: UInt64) -> Frame? { nil }

  /// Whether page `index` can only be had by waiting for a disk.
  func mustBeRead(_ index: UInt64) -> Bool { false }

  /// Waits for page `index` to be read from the disk, while others run. It may be gone again afterwards.
  func bring(_ index: UInt64) {}

  /// The page is mapped for writing, and counts as changed for as long as it is mapped.
  func markDirty(_ index: UInt64) {}

  /// Without a name, but made so that it may get one (O_TMPFILE).
  var isLinkable: Bool { false }

  // MARK: directories

  /// Whether names found here stay true until changed through this kernel, so that they may be cached.
  var hasStableNames: Bool { true }

  /// What has this name; nil if nothing has.
  func lookup(_ name: [UInt8]) throws(Errno) -> Node? { throw .ENOTDIR }

  /// Calls `body` with entries (without "." and "..") that come after `cookie`, 0 for all, until it
  /// returns false.
  func enumerate(after cookie: UInt64, _ body: (DirectoryItem) -> Bool) throws(Errno) { throw .ENOTDIR }

  /// Makes a file, directory, device or FIFO; the name is free.
  func create(_ name: [UInt8], _ new: NewNode) throws(Errno) -> Node {
    throw new.type == .regular ? .EACCES : .EPERM
  }

  /// Makes a file without a name (O_TMPFILE).
  func createUnnamed(_ new: NewNode) throws(Errno) -> Node { throw .EOPNOTSUPP }

  func createSymbolicLink(_ name: [UInt8], to target: [UInt8], _ new: NewNode) throws(Errno) -> Node {
    throw .EPERM
  }

  /// Gives `node`, of the same file system, one more name.
  func link(_ name: [UInt8], to node: Node) throws(Errno) { throw .EPERM }

  /// Takes a name away from `node`, which is no directory.
  func unlink(_ name: [UInt8], _ node: Node) throws(Errno) { throw .EPERM }

  /// Takes the name of `node`, a directory, away; ENOTEMPTY if it has entries.
  func removeDirectory(_ name: [UInt8], _ node: Node) throws(Errno) { throw .EPERM }

  /// Moves `node` to `newName` in `newParent`, of the same file system, in place of `replaced`. Types were
  /// checked: a directory replaces only an empty directory (to be checked here).
  func rename(_ name: [UInt8], _ node: Node, to newParent: Node, _ newName: [UInt8], replacing replaced: Node?)
    throws(Errno)
  {
    throw .EPERM
  }

  /// Exchanges two names.
  func exchange(_ name: [UInt8], _ node: Node, with other: Node, _ otherName: [UInt8], _ otherNode: Node)
    throws(Errno)
  {
    throw .EINVAL
  }

  // MARK: symbolic links

  func readLink() throws(Errno) -> [UInt8] { throw .EINVAL }

  /// A link that leads to a place rather than to a path, like `/proc/self/fd/1`; nil for all others.
  func followMagicLink() throws(Errno) -> Location? { nil }

  // MARK: attributes

  func setAttributes(_ change: AttributeChange) throws(Errno) { attributes = change.applied(to: attributes) }

  func extendedAttribute(_ name: [UInt8]) throws(Errno) -> [UInt8] { throw .EOPNOTSUPP }

  /// `flags`: XATTR_CREATE 1, XATTR_REPLACE 2.
  func setExtendedAttribute(_ name: [UInt8], _ value: [UInt8], flags: UInt32) throws(Errno) { throw .EOPNOTSUPP }

  func removeExtendedAttribute(_ name: [UInt8]) throws(Errno) { throw .EOPNOTSUPP }

  /// The names.
  func extendedAttributeNames() throws(Errno) -> [[UInt8]] { [] }
}
