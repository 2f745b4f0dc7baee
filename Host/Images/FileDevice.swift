// SPDX-License-Identifier: Apache-2.0
public import HostSystem
public import Storage
import SystemPackage

/// A disk in a file of the host. What is never written stays a hole.
public final class FileDevice: BlockDevice {
  public let file: OpenFile
  public private(set) var sizeInBytes: UInt64
  /// What the operating system said when the last operation failed: more than a storage error can tell.
  public private(set) var lastError: Errno?

  /// A disk as large as `file`, rounded down to whole blocks.
  public init(_ file: OpenFile) throws(Errno) {
    self.file = file
    sizeInBytes = UInt64(try file.status().size) / 512 * 512
  }

  /// Makes the disk larger or smaller.
  public func resize(to size: UInt64) throws(Errno) {
    try file.resize(to: Int64(size))
    sizeInBytes = size
  }

  public func read(at offset: UInt64, into destination: inout MutableSpan<UInt8>) throws(StorageError) {
    try check(offset, destination.count)
    do throws(Errno) {
      guard try file.readFully(at: Int64(offset), into: &destination) == destination.count else { throw .ioError }
    } catch {
      lastError = error
      throw .inputOutput
    }
  }

  public func write(at offset: UInt64, from source: Span<UInt8>) throws(StorageError) {
    try check(offset, source.count)
    do throws(Errno) {
      try file.write(source, at: Int64(offset))
    } catch {
      lastError = error
      throw error == .noSpace || error == .diskQuotaExceeded ? .noSpace : .inputOutput
    }
  }

  /// Does nothing: an image that was interrupted is thrown away, and one that is complete is synced once by its maker.
  public func flush() throws(StorageError) {}

  private func check(_ offset: UInt64, _ count: Int) throws(StorageError) {
    guard offset <= sizeInBytes, UInt64(count) <= sizeInBytes - offset else { throw .inputOutput }
  }
}
