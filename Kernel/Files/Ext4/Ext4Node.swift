// SPDX-License-Identifier: Apache-2.0
import Collections
import Ext4
import Machine
import Storage

/// An inode of a mounted ext4.
final class Ext4Node: Ext4DirectoryNode {
  /// The size that the disk knows of; `attributes.size` may be ahead of it.
  private var storedSize: UInt64
  /// The times that the disk knows of are older.
  private var hasNewTimes = false
  /// Pages that wait to be written.
  private var dirtyCount = 0
  /// Of a symbolic link, once it was read.
  private var target: [UInt8] = []
  /// The pipe that goes through a FIFO while somebody has it open.
  private var pipe: Pipe?

  override init(_ mount: Ext4Mount, _ inode: InodeNumber, _ attributes: Inode) {
    storedSize = attributes.size
    super.init(mount, inode, attributes)
  }

  deinit {
    mount.dirtyChanged(0 &- dirtyCount)
    guard attributes.linkCount == 0 else { return }
    // The last user of a file without a name is gone. If freeing it fails it stays an orphan on the disk.
    let inode = inode
    _ = try? mount.change { (ext4) throws(Ext4Error) in try ext4.release(inode) }
  }

  override func opened(_ flags: OpenFlags) throws(Errno) -> Node {
    guard attributes.type == .fifo else { return try super.opened(flags) }
    return try Pipe.open(&pipe, self, flags)
  }

  /// Whether something waits to be written.
  var hasChanges: Bool { dirtyCount > 0 || hasNewTimes || attributes.isRegular && storedSize != attributes.size }

  // MARK: pages

  override var maximumSize: UInt64 { UInt64(UInt32.max) &* UInt64(mount.ext4.blockSize) }

  /// A disk that is kept in memory is full when that is.
  override var outOfMemory: Errno { .ENOSPC }

  override var isOnDisk: Bool { true }

  override func fill(_ read: PageRead) throws(Errno) {
    let frames = read.frames
    var done = 0
    while done < frames.count {
      let index = read.first &+ UInt64(done)
      // Nothing of what is behind the disk's end of the file is on the disk.
      guard index << 12 < storedSize else {
        frames[done].clear(from: 0, count: Frame.size)
        done &+= 1
        continue
      }
      if mount.ext4.blockSize == Frame.size {
        done &+= try fillRun(index, frames[done...], read)
      } else {
        try fillOne(index, frames[done])
        done &+= 1
      }
    }
  }

  /// Has frames filled as far as one extent goes; returns how many.
  private func fillRun(_ index: UInt64, _ frames: ArraySlice<Frame>, _ read: PageRead) throws(Errno) -> Int {
    let inode = inode
    let run = try mount.use { (ext4) throws(Ext4Error) in try ext4.extent(of: inode, at: index) }
    let count = Int(min(run.count, UInt64(frames.count)))
    let part = frames.prefix(count)
    if run.state == .data {
      let offset = mount.ext4.device.start &+ run.physicalBlock &* UInt64(Frame.size)
      mount.ext4.device.base.read(framesAt: offset, into: part, for: read)
    } else {
      for frame in part { frame.clear(from: 0, count: Frame.size) }
    }
    return count
  }

  /// Blocks smaller than a page may lie anywhere: the file system reads them.
  private func fillOne(_ index: UInt64, _ frame: Frame) throws(Errno) {
    let inode = inode
    let count = try mount.use { (ext4) throws(Ext4Error) in
      try frame.withBytes { (bytes: inout MutableSpan<UInt8>) throws(Ext4Error) in
        try ext4.read(inode, at: index << 12, into: &bytes)
      }
    }
    frame.clear(from: count, count: Frame.size &- count)
  }

  override func wasFilled(_ read: PageRead) {
    clearBehindStoredEnd(read.first, read.frames)
  }

  override func wait(for read: PageRead) { mount.ext4.device.base.disk.wait { read.isOver } }

  /// What the last block holds behind the end of the file is nobody's.
  private func clearBehindStoredEnd(_ first: UInt64, _ frames: [Frame]) {
    let start = Int(storedSize & 4095)
    let last = storedSize >> 12
    guard start != 0, last >= first, last &- first < UInt64(frames.count) else { return }
    frames[Int(last &- first)].clear(from: start, count: Frame.size &- start)
  }

  override func store(_ index: UInt64, _ frame: Frame, count: Int) throws(Errno) {
    let inode = inode
    let offset = index << 12
    let written = try mount.change { (ext4) throws(Ext4Error) in
      try frame.withBytes { (bytes: inout MutableSpan<UInt8>) throws(Ext4Error) in
        try ext4.write(inode, at: offset, from: bytes.span.extracting(0..<count))
      }
    }
    storedSize = max(storedSize, offset &+ UInt64(written))
    guard written == count else { throw .ENOSPC }
  }

  override func dirtyChanged(_ change: Int, _ index: UInt64) {
    dirtyCount &+= change
    mount.dirtyChanged(change)
    // A page behind the disk's end of the file will need a block.
    if change > 0 && index << 12 >= storedSize { attributes.blockCount &+= 8 }
  }

  override func commit(at offset: UInt64, count: Int) throws(Errno) {
    let end = offset &+ UInt64(count)
    let oldSize = attributes.size
    if end > oldSize { attributes.size = end }
    if !mount.mayDelay {
      do throws(Errno) {
        try storeChangedPages()
      } catch {
        attributes.size = oldSize
        throw error
      }
    }
    attributes.modified = Timestamp.now
    attributes.changed = attributes.modified
    hasNewTimes = true
  }

  override func prepareForMappedWriting(_ index: UInt64) throws(Errno) {
    if mount.mayDelay { return }
    try storeChangedPages()
    // No promise can be given: the page gets its block now.
    let entry = CachedPage(bits: pages[index])
    if entry.isPresent && !entry.isDirty { try storeChanged(index, entry) }
  }

  override func markDirty(_ index: UInt64) {
    super.markDirty(index)
    hasNewTimes = true
    attributes.modified = Timestamp.now
    attributes.changed = attributes.modified
  }

  // MARK: sizes

  override func truncate(to size: UInt64) throws(Errno) {
    guard attributes.isRegular else { return try super.truncate(to: size) }
    guard size <= maximumSize else { throw .EFBIG }
    if size < storedSize {
      let inode = inode
      try mount.change { (ext4) throws(Ext4Error) in try ext4.truncate(inode, to: size) }
      storedSize = size
    }
    if size < attributes.size { cutPages(at: size) } else { clearBehindEnd(attributes.size) }
    attributes.size = size
    attributes.modified = Timestamp.now
    attributes.changed = attributes.modified
    hasNewTimes = true
    if dirtyCount == 0 { try updateBlockCount() }
  }

  override func allocate(mode: UInt32, at offset: UInt64, count: UInt64) throws(Errno) {
    guard attributes.isRegular else { throw isDirectory ? .EISDIR : .ENODEV }
    guard offset &+ count <= maximumSize else { throw .EFBIG }
    let change: Ext4.FileAllocation
    switch mode {
    case 0: change = .reserve
    case FileAllocation.keepSize: change = .reserveKeepingSize
    case FileAllocation.punchHole | FileAllocation.keepSize: change = .punchHole
    case FileAllocation.zeroRange: change = .zero
    case FileAllocation.zeroRange | FileAllocation.keepSize: change = .zeroKeepingSize
    case FileAllocation.collapseRange: change = .collapse
    case FileAllocation.insertRange: change = .insert
    default: throw .EOPNOTSUPP
    }
    try writeBack()
    let inode = inode
    let new = try mount.change { (ext4) throws(Ext4Error) in
      try ext4.allocate(inode, change, at: offset, count: count)
      return try ext4.attributes(of: inode)
    }
    // The cache follows: what was moved is read again.
    switch change {
    case .reserve, .reserveKeepingSize: break
    case .collapse, .insert: cutPages(at: offset & ~4095)
    case .punchHole, .zero, .zeroKeepingSize: clearPages(offset, count)
    }
    storedSize = new.size
    attributes.size = new.size
    attributes.blockCount = new.blocks512
    attributes.changed = Timestamp.now
    hasNewTimes = true
  }

  override func seek(_ target: SeekTarget, from offset: UInt64) throws(Errno) -> UInt64? {
    guard offset < attributes.size else { return nil }
    guard attributes.isRegular else { return try super.seek(target, from: offset) }
    try writeBack()
    let inode = inode
    let blockSize = UInt64(mount.ext4.blockSize)
    var position = offset
    while position < attributes.size {
      let block = position / blockSize
      let run = try mount.use { (ext4) throws(Ext4Error) in try ext4.extent(of: inode, at: block) }
      if (run.state == .data) == (target == .data) { return position }
      let (next, overflow) = run.count.multipliedReportingOverflow(by: blockSize)
      if overflow { break }
      let (end, tooFar) = (block &* blockSize).addingReportingOverflow(next)
      if tooFar { break }
      position = end
    }
    return target == .data ? nil : attributes.size
  }

  // MARK: writing back

  /// Writes what waits to the file system, though not yet through its own cache to the device.
  func writeBack() throws(Errno) {
    guard attributes.isRegular || hasNewTimes else { return }
    if dirtyCount > 0 { try storeChangedPages() }
    let inode = inode
    if attributes.isRegular && storedSize != attributes.size {
      let size = attributes.size
      try mount.change { (ext4) throws(Ext4Error) in try ext4.truncate(inode, to: size) }
      storedSize = size
    }
    if hasNewTimes {
      var change = Ext4.AttributeChange()
      change.accessTime = Ext4.Timestamp(attributes.accessed)
      change.modifyTime = Ext4.Timestamp(attributes.modified)
      change.changeTime = Ext4.Timestamp(attributes.changed)
      change.mode = UInt16(truncatingIfNeeded: attributes.mode)
      try mount.change { (ext4) throws(Ext4Error) in try ext4.setAttributes(of: inode, change) }
      hasNewTimes = false
    }
    if attributes.isRegular { try updateBlockCount() }
  }

  private func updateBlockCount() throws(Errno) {
    let inode = inode
    attributes.blockCount = try mount.use { (ext4) throws(Ext4Error) in try ext4.attributes(of: inode).blocks512 }
  }

  override func synchronize(dataOnly: Bool) throws(Errno) {
    guard attributes.isRegular || isDirectory else { throw .EINVAL }
    try writeBack()
    try mount.change { (ext4) throws(Ext4Error) in try ext4.flush() }
  }

  // MARK: attributes

  override func setAttributes(_ change: AttributeChange) throws(Errno) {
    let new = change.applied(to: attributes)
    var stored = Ext4.AttributeChange()
    stored.mode = UInt16(truncatingIfNeeded: new.mode)
    stored.userID = new.userIdentifier
    stored.groupID = new.groupIdentifier
    stored.accessTime = Ext4.Timestamp(new.accessed)
    stored.modifyTime = Ext4.Timestamp(new.modified)
    stored.changeTime = Ext4.Timestamp(new.changed)
    let inode = inode
    try mount.change { (ext4) throws(Ext4Error) in try ext4.setAttributes(of: inode, stored) }
    attributes = new
    hasNewTimes = false
  }

  override func readLink() throws(Errno) -> [UInt8] {
    guard attributes.isSymbolicLink else { throw .EINVAL }
    if target.isEmpty {
      let inode = inode
      target = try mount.use { (ext4) throws(Ext4Error) in try ext4.readLink(inode) }
    }
    return target
  }

  override func extendedAttribute(_ name: [UInt8]) throws(Errno) -> [UInt8] {
    let inode = inode
    return try mount.use { (ext4) throws(Ext4Error) in try ext4.extendedAttribute(name.span, of: inode) }
  }

  override func setExtendedAttribute(_ name: [UInt8], _ value: [UInt8], flags: UInt32) throws(Errno) {
    let mode: AttributeSetMode = flags & 1 != 0 ? .create : flags & 2 != 0 ? .replace : .createOrReplace
    let inode = inode
    try mount.change { (ext4) throws(Ext4Error) in
      try ext4.setExtendedAttribute(name.span, to: value.span, of: inode, mode: mode)
    }
    changedNow()
  }

  override func removeExtendedAttribute(_ name: [UInt8]) throws(Errno) {
    let inode = inode
    try mount.change { (ext4) throws(Ext4Error) in try ext4.removeExtendedAttribute(name.span, of: inode) }
    changedNow()
  }

  override func extendedAttributeNames() throws(Errno) -> [[UInt8]] {
    let inode = inode
    return try mount.use { (ext4) throws(Ext4Error) in try ext4.extendedAttributeNames(of: inode) }
  }

  private func changedNow() {
    attributes.changed = Timestamp.now
    hasNewTimes = true
  }
}
