// SPDX-License-Identifier: Apache-2.0
import Ext4
import HostSystem
import Storage
import SystemPackage

/// A file tree as an ext4 file system, written in one pass and without a temporary copy.
struct RootFileSystem {
  let size: RootFileSystemSize
  private let entries: [(path: FilePath, entry: FileTree.Entry)]

  /// The size in bytes of the smallest device that holds the tree and the free space that was asked for.
  var minimumSize: UInt64 { size.bytes }

  init(_ tree: FileTree, freeBytes: UInt64) {
    entries = tree.sorted()
    size = RootFileSystemSize(entries, freeBytes: freeBytes)
  }

  /// Writes the file system, which fills `device`. Its identifier depends on `identity` only, so that the same input
  /// gives the same bytes. `progress` is told the part of the bytes that is written, from 0 to 1.
  func write<Device: BlockDevice>(
    to device: Device, identity: [UInt8], progress: @escaping (Double) -> Void
  ) throws(Failure) {
    var parameters = FormatParameters()
    parameters.inodeCount = size.inodes
    parameters.label = Array("vorteil-root".utf8)
    parameters.identifier = Self.identifier(identity)
    parameters.hashSeed = parameters.identifier
    let fileSystem: Ext4FileSystem<Device>
    do throws(Ext4Error) {
      try Ext4FileSystem.format(device, parameters)
      fileSystem = try Ext4FileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 4096)
    } catch {
      throw Self.failure(error)
    }
    var writer = TreeWriter(fileSystem, totalBytes: size.contentBytes, progress: progress)
    // Other names come last: the file that they belong to may be anywhere.
    for (path, entry) in entries where !entry.isHardLink { try writer.add(entry, at: path) }
    for (path, entry) in entries where entry.isHardLink { try writer.add(entry, at: path) }
    try writer.finish(directories: entries.filter { $0.entry.kind == .directory })
  }

  /// Makes sure that there is a file system on `device`, a part of the image `path`.
  static func check<Device: BlockDevice>(_ device: Device, _ path: FilePath) throws(Failure) {
    do throws(Ext4Error) {
      let fileSystem = try Ext4FileSystem(mounting: device, readOnly: true, metadataCacheBlocks: 16)
      try fileSystem.enumerate(fileSystem.rootDirectory, from: 0) { _, _, _, _ in false }
    } catch {
      throw Failure("\(path) has a damaged file system (\(error)): build the image again")
    }
  }

  static func failure(_ error: Ext4Error) -> Failure {
    switch error {
    case .noSpace: Failure("the files do not fit the disk: give a larger --disk-size")
    default: Failure("cannot write the file system: \(error)")
    }
  }

  /// A version 8 UUID (RFC 9562 §5.8) of 122 bits that depend on `identity`.
  private static func identifier(_ identity: [UInt8]) -> [16 of UInt8] {
    // FNV-1a, twice from different starts: to tell images apart, not to protect them.
    var hashes: (UInt64, UInt64) = (0xcbf2_9ce4_8422_2325, 0x9ae1_6a3b_2f90_404f)
    for byte in identity {
      hashes.0 = (hashes.0 ^ UInt64(byte)) &* 0x100_0000_01b3
      hashes.1 = (hashes.1 ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    var identifier: [16 of UInt8] = .init(repeating: 0)
    for index in 0..<8 {
      identifier[index] = UInt8(truncatingIfNeeded: hashes.0 >> (8 * index))
      identifier[8 + index] = UInt8(truncatingIfNeeded: hashes.1 >> (8 * index))
    }
    identifier[6] = identifier[6] & 0x0f | 0x80
    identifier[8] = identifier[8] & 0x3f | 0x80
    return identifier
  }
}

extension FileTree.Entry {
  var isHardLink: Bool {
    if case .hardLink = kind { true } else { false }
  }
}
