// SPDX-License-Identifier: Apache-2.0
import Storage

extension Ext4FileSystem {
  /// Reads from a regular file into `destination`, and returns how many bytes there were before its end.
  public func read(
    _ inode: InodeNumber, at offset: UInt64, into destination: inout MutableSpan<UInt8>
  ) throws(Ext4Error) -> Int {
    let (mode, size) = try readInode(inode) { ($0.inodeMode, $0.inodeSizeInBytes) }
    guard mode & Mode.typeMask == Mode.regular
    else { throw mode & Mode.typeMask == Mode.directory ? .isDirectory : .invalid }
    try checkHasExtents(inode)
    guard offset < size else { return 0 }
    let count = Int(min(UInt64(destination.count), size - offset))
    try readBytes(inode, at: offset, count, into: &destination)
    return count
  }

  /// Reads `count` bytes, whatever the file's size, into the start of `destination`.
  func readBytes(
    _ inode: InodeNumber, at offset: UInt64, _ count: Int, into destination: inout MutableSpan<UInt8>
  ) throws(Ext4Error) {
    let mask = UInt64(blockSize - 1)
    var done = 0
    while done < count {
      let position = offset + UInt64(done)
      let run = try run(of: inode, at: position >> blockShift)
      let inBlock = position & mask
      // What is left of the run, in bytes; a run of holes can be as long as 2^32 blocks.
      let available = run.count > UInt64.max >> (blockShift + 1) ? UInt64.max >> 1 : run.count << blockShift - inBlock
      var length = Int(min(UInt64(count - done), available))
      guard run.state == .data else {
        destination.zero(done..<(done + length))
        done += length
        continue
      }
      let start = run.physicalBlock << blockShift + inBlock
      if start & 511 == 0, length >= 512 {
        length &= ~511
        try readDevice(start, destination.part(done..<(done + length)))
      } else {
        length = min(length, blockSize - Int(inBlock))
        var block = [UInt8](repeating: 0, count: blockSize)
        try readDevice(run.physicalBlock << blockShift, block.mutableSpan)
        var target = destination.part(done..<(done + length))
        target.copy(block.span.extracting(Int(inBlock)..<(Int(inBlock) + length)))
      }
      done += length
    }
  }

  func readDevice(_ offset: UInt64, _ destination: consuming MutableSpan<UInt8>) throws(Ext4Error) {
    do throws(StorageError) { try device.read(at: offset, into: &destination) } catch { throw .storage(error) }
  }

  func writeDevice(_ offset: UInt64, _ source: Span<UInt8>) throws(Ext4Error) {
    do throws(StorageError) { try device.write(at: offset, from: source) } catch { throw .storage(error) }
  }

  /// The target of a symbolic link.
  public func readLink(_ inode: InodeNumber) throws(Ext4Error) -> [UInt8] {
    let (mode, flags, size) = try readInode(inode) { ($0.inodeMode, $0.inodeFlags, $0.inodeSizeInBytes) }
    guard mode & Mode.typeMask == Mode.symbolicLink else { throw .invalid }
    if flags & InodeFlag.extents == 0 {
      // A short target is in the inode itself, in place of block numbers.
      guard size > 0, size < UInt64(InodeField.blockSize) else { throw .corrupt("symbolic link: size") }
      return try readInode(inode) { bytes in
        var target: [UInt8] = []
        target.reserveCapacity(Int(size))
        for index in 0..<Int(size) { target.append(bytes[InodeField.block + index]) }
        return target
      }
    }
    guard size > 0, size <= UInt64(blockSize) else { throw .corrupt("symbolic link: size") }
    let run = try run(of: inode, at: 0)
    guard run.state == .data else { throw .corrupt("symbolic link: no block") }
    let slot = try slot(of: run.physicalBlock)
    if try needsCheck(slot, .linkTarget) { setKind(slot, .linkTarget) }
    return cache.read(slot) { bytes in
      var target: [UInt8] = []
      target.reserveCapacity(Int(size))
      for index in 0..<Int(size) { target.append(bytes[index]) }
      return target
    }
  }
}
