// SPDX-License-Identifier: Apache-2.0

/// Why a storage device did not do what it was asked.
public enum StorageError: Error, Equatable {
  /// The device reported an error, or the range lies outside of it.
  case inputOutput
  /// The device, or this view of it, cannot be written.
  case readOnly
  /// There is no room left to hold the data.
  case noSpace
}

/// A random-access store of bytes: a disk, a partition, a file, an array in a test.
///
/// Offsets and lengths are multiples of 512 bytes. A write is durable only after `flush` returned.
public protocol BlockDevice: AnyObject {
  /// The size in bytes; a multiple of 512.
  var sizeInBytes: UInt64 { get }

  /// Fills `destination` with the bytes that start at `offset`.
  func read(at offset: UInt64, into destination: inout MutableSpan<UInt8>) throws(StorageError)

  /// Stores `source` at `offset`.
  func write(at offset: UInt64, from source: Span<UInt8>) throws(StorageError)

  /// Makes all earlier writes durable.
  func flush() throws(StorageError)

  /// Nobody needs `count` bytes from `offset` any more; until they are written again they may read as
  /// anything. A device that has no use for this knowledge does nothing.
  func discard(at offset: UInt64, count: UInt64)
}

extension BlockDevice {
  public func discard(at offset: UInt64, count: UInt64) {}
}

/// A contiguous part of another device, such as a partition.
public final class DeviceSlice<Base: BlockDevice>: BlockDevice {
  public let base: Base
  /// Where the slice starts in `base`, in bytes.
  public let start: UInt64
  public let sizeInBytes: UInt64

  /// A view of `size` bytes of `base` from `start`; nil if that range is not inside `base`.
  public init?(_ base: Base, start: UInt64, size: UInt64) {
    let (end, overflow) = start.addingReportingOverflow(size)
    guard !overflow, end <= base.sizeInBytes else { return nil }
    self.base = base
    self.start = start
    self.sizeInBytes = size
  }

  private func translated(_ offset: UInt64, _ count: Int) throws(StorageError) -> UInt64 {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= sizeInBytes else { throw .inputOutput }
    return start + offset
  }

  public func read(at offset: UInt64, into destination: inout MutableSpan<UInt8>) throws(StorageError) {
    try base.read(at: translated(offset, destination.count), into: &destination)
  }

  public func write(at offset: UInt64, from source: Span<UInt8>) throws(StorageError) {
    try base.write(at: translated(offset, source.count), from: source)
  }

  public func flush() throws(StorageError) {
    try base.flush()
  }

  public func discard(at offset: UInt64, count: UInt64) {
    guard offset <= sizeInBytes, count <= sizeInBytes - offset else { return }
    base.discard(at: start + offset, count: count)
  }
}
