// SPDX-License-Identifier: Apache-2.0
import Collections
import Ext4
import Machine
import Storage

/// What is below a mounted ext4: a partition of a disk.
typealias FileDisk = DeviceSlice<MountedDisk>

/// A mounted ext4 file system: Core's `Ext4FileSystem` with the nodes that the kernel knows of it.
///
/// Content that a program writes waits in the page cache and goes to the disk when somebody asks for that
/// (`fsync`), when there is too much of it, or when memory is short. So that this does not fail for want of
/// room long after the program was told that all is well, every page that waits has a block promised to it.
final class Ext4Mount: FileSystem {
  let ext4: Ext4FileSystem<FileDisk>
  /// By inode number. An inode whose last name went is taken out: nobody can find it, and it is freed when
  /// the last user lets go of its node.
  private var nodes = HashTable<Ext4Node>()
  /// Where reclaim goes on.
  private var hand = 0
  private var nodeLimit: Int
  /// The file system is at work: it must not be asked for anything else.
  private(set) var isBusy = false
  /// Pages that wait to be written, of all nodes.
  private(set) var dirtyPages = 0
  private let dirtyLimit: Int

  /// Blocks that stay out of promises, for extents, directories and the like.
  private static let slack: UInt64 = 64
  /// Nodes that may be in use at a time: their table must fit into one block of the kernel's heap.
  private static let maximumNodes = 130_000

  init(mounting disk: FileDisk, device: UInt64) throws(Ext4Error) {
    // What stays in memory ends with the machine: no journal is needed.
    ext4 = try Ext4FileSystem(
      mounting: disk, readOnly: false, usesJournal: disk.base.isDurable, metadataCacheBlocks: 256)
    nodeLimit = min(max(PhysicalMemory.total / 16, 256), 32768)
    dirtyLimit = max(PhysicalMemory.total / 8, 64)
    super.init(device: device, typeName: "ext4", magic: 0xef53, source: "/dev/root")
  }

  func root() throws(Errno) -> Ext4Node { try node(ext4.rootDirectory) }

  // MARK: using the file system

  /// Reads something of the file system.
  @inline(__always)
  func use<Result>(_ body: (Ext4FileSystem<FileDisk>) throws(Ext4Error) -> Result) throws(Errno) -> Result {
    guard !isBusy else { throw .EIO }
    isBusy = true
    defer { isBusy = false }
    do throws(Ext4Error) {
      return try body(ext4)
    } catch {
      throw Self.errno(error)
    }
  }

  /// Changes something, with the time of now.
  func change<Result>(_ body: (Ext4FileSystem<FileDisk>) throws(Ext4Error) -> Result) throws(Errno) -> Result {
    ext4.currentTime = Ext4.Timestamp(.now)
    return try use(body)
  }

  private static func errno(_ error: Ext4Error) -> Errno {
    switch error {
    case .notFound: return .ENOENT
    case .exists: return .EEXIST
    case .notDirectory: return .ENOTDIR
    case .isDirectory: return .EISDIR
    case .notEmpty: return .ENOTEMPTY
    case .noSpace: return .ENOSPC
    case .readOnly: return .EROFS
    case .nameTooLong: return .ENAMETOOLONG
    case .fileTooLarge: return .EFBIG
    case .tooManyLinks: return .EMLINK
    case .invalid: return .EINVAL
    case .corrupt(let what):
      Log.error { message in
        message.append("the root file system is damaged: ")
        message.append(what)
      }
      return .EUCLEAN
    case .unsupported: return .EOPNOTSUPP
    case .storage(.noSpace): return .ENOSPC
    case .storage(.readOnly): return .EROFS
    case .storage(.inputOutput): return .EIO
    case .noAttribute: return .ENODATA
    case .bufferTooSmall: return .ERANGE
    }
  }

  // MARK: nodes

  /// The node of an inode.
  func node(_ number: InodeNumber) throws(Errno) -> Ext4Node {
    if let index = nodes.index(hash: number, where: { $0.inode == number }) { return nodes[index] }
    guard nodes.count < Self.maximumNodes else { throw .ENFILE }
    try reserveKernelMemory()
    let attributes = try use { (ext4) throws(Ext4Error) in try ext4.attributes(of: number) }
    let node = Ext4Node(self, number, attributes)
    nodes.insert(node, hash: number)
    if nodes.count > nodeLimit { trim() }
    return node
  }

  /// The node's inode has no name any more.
  func forget(_ node: Ext4DirectoryNode) {
    if let index = nodes.index(hash: node.inode, where: { $0 === node }) { nodes.remove(at: index) }
  }

  /// Lets go of nodes that nobody else holds and that have nothing to write.
  private func trim() {
    NameCache.trim()
    var slot = nodes.nextIndex(from: 0)
    while let index = slot {
      if !nodes[index].hasChanges && nodes.isUnique(at: index) { nodes.remove(at: index) }
      slot = nodes.nextIndex(from: index &+ 1)
    }
    nodeLimit = max(nodeLimit, nodes.count &+ nodes.count / 4)
  }

  override func reclaim(_ count: Int) -> Int {
    var freed = 0
    var visited = 0
    while freed < count && visited < nodes.count {
      guard let index = nodes.nextIndex(from: hand) ?? nodes.nextIndex(from: 0) else { break }
      hand = index &+ 1
      visited &+= 1
      freed &+= nodes[index].reclaimPages(count &- freed, mayStore: !isBusy)
    }
    return freed
  }

  // MARK: writing back

  /// So many more pages wait to be written (or fewer).
  @inline(__always) func dirtyChanged(_ change: Int) {
    dirtyPages &+= change
    PageCache.promised &+= change
  }

  /// Whether one more page may wait: not too much waits already, and there is a block for it, and memory,
  /// since what is written to the disk is kept in memory, too.
  @inline(__always)
  var mayDelay: Bool {
    dirtyPages < dirtyLimit && PhysicalMemory.available > dirtyPages &+ 768
      && ext4.statistics.freeBlocks &* UInt64(ext4.blockSize) / 4096 > UInt64(dirtyPages) &+ Self.slack
  }

  override func unmount() throws(Errno) {
    guard ext4.device.base.isDurable else { return }
    try synchronize()
    try use { (ext4) throws(Ext4Error) in try ext4.unmount() }
  }

  override func synchronize() throws(Errno) {
    var slot = nodes.nextIndex(from: 0)
    while let index = slot {
      if nodes[index].hasChanges { try nodes[index].writeBack() }
      slot = nodes.nextIndex(from: index &+ 1)
    }
    try change { (ext4) throws(Ext4Error) in try ext4.flush() }
  }

  override func statistics() -> FileSystemStatistics {
    let known = ext4.statistics
    var result = FileSystemStatistics()
    result.blockSize = UInt64(known.blockSize)
    result.totalBlocks = known.blocks
    result.freeBlocks = known.freeBlocks &- min(known.freeBlocks, UInt64(dirtyPages))
    result.totalNodes = UInt64(known.inodes)
    result.freeNodes = UInt64(known.freeInodes)
    return result
  }
}

extension Ext4.Timestamp {
  init(_ time: Timestamp) { self.init(seconds: time.seconds, nanoseconds: time.nanoseconds) }
}

extension Timestamp {
  init(_ time: Ext4.Timestamp) {
    seconds = time.seconds
    nanoseconds = time.nanoseconds
  }
}

extension Attributes {
  init(_ inode: Inode) {
    mode = UInt32(inode.mode)
    userIdentifier = inode.userID
    groupIdentifier = inode.groupID
    linkCount = UInt32(inode.links)
    device = Kernel.DeviceNumber.encode(major: UInt64(inode.device.major), minor: UInt64(inode.device.minor))
    size = inode.size
    blockCount = inode.blocks512
    accessed = Timestamp(inode.accessTime)
    modified = Timestamp(inode.modifyTime)
    changed = Timestamp(inode.changeTime)
    created = Timestamp(inode.birthTime)
  }
}
