// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxHeaders
public import SystemPackage

/// An open file, pipe or terminal, closed when the last reference goes away.
///
/// It exists because swift-system reads and writes through raw pointers only: the few `unsafe` words that this costs
/// are here, and everybody else passes spans.
public final class OpenFile: Sendable {
  public let descriptor: FileDescriptor
  private let closesDescriptor: Bool

  /// Takes over `descriptor`; closes it at the end unless `closesDescriptor` is false.
  public init(_ descriptor: FileDescriptor, closesDescriptor: Bool = true) {
    self.descriptor = descriptor
    self.closesDescriptor = closesDescriptor
  }

  deinit {
    if closesDescriptor { try? descriptor.close() }
  }

  /// The tool's own three streams, which are never closed.
  public static let standardInput = OpenFile(.standardInput, closesDescriptor: false)
  public static let standardOutput = OpenFile(.standardOutput, closesDescriptor: false)
  public static let standardError = OpenFile(.standardError, closesDescriptor: false)

  /// Opens `path`. Descriptors are never inherited by other programs.
  public static func open(
    _ path: FilePath, _ mode: FileDescriptor.AccessMode = .readOnly, options: FileDescriptor.OpenOptions = [],
    permissions: FilePermissions? = nil
  ) throws(Errno) -> OpenFile {
    try catchingErrno {
      OpenFile(
        try FileDescriptor.open(path, mode, options: options.union(.closeOnExec), permissions: permissions))
    }
  }

  /// Reads at most `buffer.count` bytes; 0 at the end of the file. Waits until there is something.
  public func read(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    while true {
      do throws(Errno) {
        // SAFETY: the pointer is used only inside the closure, for the bytes of the span.
        return try catchingErrno { try unsafe buffer.withUnsafeMutableBytes { try unsafe descriptor.read(into: $0) } }
      } catch {
        guard error == .wouldBlock else { throw error }
        wait(for: Int16(POLLIN))
      }
    }
  }

  private func wait(for events: Int16) {
    var entry = pollfd(fd: descriptor.rawValue, events: events, revents: 0)
    // SAFETY: `poll` reads and writes the one entry during the call only.
    unsafe poll(&entry, 1, -1)
  }

  /// Reads at most `buffer.count` bytes from `offset`; 0 at or after the end of the file.
  public func read(at offset: Int64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    // SAFETY: the pointer is used only inside the closure, for the bytes of the span.
    try catchingErrno {
      try unsafe buffer.withUnsafeMutableBytes { try unsafe descriptor.read(fromAbsoluteOffset: offset, into: $0) }
    }
  }

  /// Reads until `buffer` is full or the file ends; returns the number of bytes read.
  public func readFully(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    try unsafe fill(&buffer) { bytes, _ in
      // SAFETY: see `fill`.
      try unsafe descriptor.read(into: bytes)
    }
  }

  /// As `readFully(into:)`, from `offset`.
  public func readFully(at offset: Int64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    try unsafe fill(&buffer) { bytes, count in
      // SAFETY: see `fill`.
      try unsafe descriptor.read(fromAbsoluteOffset: offset + Int64(count), into: bytes)
    }
  }

  /// Calls `read` with what is still empty of `buffer`, and the number of bytes that are not, until nothing comes.
  private func fill(
    _ buffer: inout MutableSpan<UInt8>, _ read: (UnsafeMutableRawBufferPointer, Int) throws -> Int
  ) throws(Errno) -> Int {
    try catchingErrno {
      // SAFETY: the pointers are used only inside the closure, for bytes of the span.
      try unsafe buffer.withUnsafeMutableBytes { bytes in
        var count = 0
        while count < bytes.count {
          let step = try unsafe read(.init(rebasing: bytes[count...]), count)
          if step == 0 { break }
          count += step
        }
        return count
      }
    }
  }

  /// Up to `count` bytes from `offset`; fewer where the file ends.
  public func bytes(at offset: Int64, count: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    let length = try readFully(at: offset, into: &span)
    bytes.removeLast(count - length)
    return bytes
  }

  /// Writes all of `bytes`, however long that takes; waits where somebody made the file non-blocking.
  public func write(_ bytes: Span<UInt8>) throws(Errno) {
    var count = 0
    while count < bytes.count {
      let rest = bytes.extracting(droppingFirst: count)
      do throws(Errno) {
        // SAFETY: the pointer is used only inside the closure, for the bytes of the span.
        count += try catchingErrno { try unsafe rest.withUnsafeBytes { try unsafe descriptor.write($0) } }
      } catch {
        guard error == .wouldBlock else { throw error }
        wait(for: Int16(POLLOUT))
      }
    }
  }

  /// Writes all of `bytes` at `offset`.
  public func write(_ bytes: Span<UInt8>, at offset: Int64) throws(Errno) {
    // SAFETY: the pointer is used only inside the closure, for the bytes of the span.
    _ = try catchingErrno {
      try unsafe bytes.withUnsafeBytes { try unsafe descriptor.writeAll(toAbsoluteOffset: offset, $0) }
    }
  }

  /// The next range of bytes at or after `offset` that are no hole; nil if only a hole follows.
  public func nextData(from offset: Int64) -> Range<Int64>? {
    do throws(Errno) {
      let start = try catchingErrno { try descriptor.seek(offset: offset, from: .init(rawValue: SEEK_NEXT_DATA)) }
      let end = try catchingErrno { try descriptor.seek(offset: start, from: .init(rawValue: SEEK_NEXT_HOLE)) }
      return start..<end
    } catch .noSuchAddressOrDevice {
      return nil
    } catch {
      // A file system that does not know its holes has none.
      return offset..<Int64.max
    }
  }

  /// Sets the length; what is added reads as zero and takes no room.
  public func resize(to length: Int64) throws(Errno) {
    try catchingErrno { try descriptor.resize(to: length) }
  }

  /// Everything about the file that `stat` knows.
  public func status() throws(Errno) -> Stat {
    try catchingErrno { try descriptor.stat() }
  }
}

/// Swift-system throws nothing but `Errno` and does not say so in its types.
func catchingErrno<Result>(_ body: () throws -> Result) throws(Errno) -> Result {
  do {
    return try body()
  } catch let error as Errno {
    throw error
  } catch {
    throw .ioError
  }
}
