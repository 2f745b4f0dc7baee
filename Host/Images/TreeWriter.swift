// SPDX-License-Identifier: Apache-2.0
import Ext4
import HostSystem
import Storage
import SystemPackage

/// Writes the files of a tree into an empty file system, one after the other.
struct TreeWriter<Device: BlockDevice> {
  /// Long enough for a file to get its blocks in one piece, short enough for the processor's caches.
  private static var bufferSize: Int { 1 << 20 }
  /// Smaller files are not searched for holes.
  private static var smallestSparseFile: UInt64 { 64 << 10 }

  private let fileSystem: Ext4FileSystem<Device>
  private let totalBytes: UInt64
  private let progress: (Double) -> Void
  private var writtenBytes: UInt64 = 0
  private var inodes: [FilePath: InodeNumber]
  private var buffer: [UInt8] = []

  init(_ fileSystem: Ext4FileSystem<Device>, totalBytes: UInt64, progress: @escaping (Double) -> Void) {
    self.fileSystem = fileSystem
    self.totalBytes = totalBytes
    self.progress = progress
    inodes = ["/": fileSystem.rootDirectory]
  }

  /// Adds one file; its directory must be there.
  mutating func add(_ entry: FileTree.Entry, at path: FilePath) throws(Failure) {
    guard path != "/" else { return }
    guard let directory = inodes[path.removingLastComponent()], let name = path.lastComponent?.bytes else {
      throw Failure("cannot write \(path): its directory is something else")
    }
    do throws(Ext4Error) {
      // Whatever the file system does for the file bears this time.
      fileSystem.currentTime = entry.time
      guard let inode = try create(entry, name, in: directory) else { return }
      inodes[path] = inode
      for attribute in entry.attributes {
        try fileSystem.setExtendedAttribute(attribute.name.span, to: attribute.value.span, of: inode)
      }
    } catch .nameTooLong {
      throw Failure("cannot write \(path): its name is too long for ext4")
    } catch {
      throw RootFileSystem.failure(error)
    }
    if case .regular(let source) = entry.kind, let inode = inodes[path] { try copy(source, to: inode) }
  }

  /// Gives the directories their own times, which every file put into them has changed, and completes the file system.
  mutating func finish(directories: [(path: FilePath, entry: FileTree.Entry)]) throws(Failure) {
    do throws(Ext4Error) {
      for (path, entry) in directories {
        guard let inode = inodes[path] else { continue }
        var change = AttributeChange()
        change.modifyTime = entry.time
        change.changeTime = entry.time
        if path == "/" {
          (change.accessTime, change.birthTime) = (entry.time, entry.time)
          (change.mode, change.userID, change.groupID) = (entry.permissions, entry.userID, entry.groupID)
        }
        try fileSystem.setAttributes(of: inode, change)
      }
      try fileSystem.flush()
    } catch {
      throw RootFileSystem.failure(error)
    }
  }

  /// Makes the inode, without content; nil for another name of one that is there.
  private func create(
    _ entry: FileTree.Entry, _ name: [UInt8], in directory: InodeNumber
  ) throws(Ext4Error) -> InodeNumber? {
    var attributes = NewInode(mode: entry.permissions, userID: entry.userID, groupID: entry.groupID)
    switch entry.kind {
    case .directory:
      // The file system has one already.
      if directory == fileSystem.rootDirectory, name.elementsEqual("lost+found".utf8) { return nil }
      return try fileSystem.createDirectory(name: name.span, in: directory, attributes: attributes)
    case .regular:
      return try fileSystem.createFile(name: name.span, in: directory, attributes: attributes)
    case .symbolicLink(let target):
      return try fileSystem.createSymbolicLink(
        name: name.span, in: directory, target: target.span, attributes: attributes)
    case .hardLink(let first):
      guard let inode = inodes[first] else { throw .notFound }
      try fileSystem.link(inode, as: name.span, in: directory)
      return nil
    case .characterDevice(let major, let minor):
      attributes.mode |= Mode.characterDevice
      return try fileSystem.createNode(
        name: name.span, in: directory, attributes: attributes, device: DeviceNumber(major: major, minor: minor))
    case .blockDevice(let major, let minor):
      attributes.mode |= Mode.blockDevice
      return try fileSystem.createNode(
        name: name.span, in: directory, attributes: attributes, device: DeviceNumber(major: major, minor: minor))
    case .namedPipe:
      attributes.mode |= Mode.pipe
      return try fileSystem.createNode(name: name.span, in: directory, attributes: attributes)
    }
  }

  // MARK: Content

  private mutating func copy(_ source: FileTree.Source, to inode: InodeNumber) throws(Failure) {
    switch source {
    case .bytes(let bytes): try write(bytes.span, to: inode, at: 0)
    case .host(let path, let size): try copy(path, size, to: inode)
    }
  }

  private mutating func copy(_ path: FilePath, _ size: UInt64, to inode: InodeNumber) throws(Failure) {
    guard size > 0 else { return }
    let file: OpenFile
    do throws(Errno) { file = try OpenFile.open(path) } catch { throw Failure("read", path, error) }
    guard size >= Self.smallestSparseFile else {
      try copy(file, path, 0..<Int64(size), to: inode)
      return
    }
    var position: Int64 = 0
    while position < Int64(size), let data = file.nextData(from: position) {
      // Whole blocks, so that no block is written twice.
      let range = (data.lowerBound & ~4095..<data.upperBound).clamped(to: position..<Int64(size))
      try copy(file, path, range, to: inode)
      position = max(range.upperBound, position + 1)
    }
    // What follows the last data is a hole too.
    do throws(Ext4Error) { try fileSystem.truncate(inode, to: size) } catch { throw RootFileSystem.failure(error) }
  }

  private mutating func copy(
    _ file: OpenFile, _ path: FilePath, _ range: Range<Int64>, to inode: InodeNumber
  ) throws(Failure) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = Int(min(Int64(Self.bufferSize), range.upperBound - offset))
      if buffer.count < count { buffer = [UInt8](repeating: 0, count: count) }
      do throws(Errno) {
        var span = buffer.mutableSpan
        var part = span._mutatingExtracting(first: count)
        guard try file.readFully(at: offset, into: &part) == count else { throw .ioError }
      } catch {
        throw Failure("cannot read \(path) (\(error)): did it change while it was packed?")
      }
      try write(buffer.span.extracting(first: count), to: inode, at: UInt64(offset))
      offset += Int64(count)
      writtenBytes += UInt64(count)
      progress(Double(writtenBytes) / Double(max(1, totalBytes)))
    }
  }

  private func write(_ bytes: Span<UInt8>, to inode: InodeNumber, at offset: UInt64) throws(Failure) {
    do throws(Ext4Error) {
      guard try fileSystem.write(inode, at: offset, from: bytes) == bytes.count else { throw .noSpace }
    } catch {
      throw RootFileSystem.failure(error)
    }
  }
}

extension FileTree.Entry {
  fileprivate var time: Timestamp { Timestamp(seconds: modificationSeconds, nanoseconds: modificationNanoseconds) }
}
