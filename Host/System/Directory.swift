// SPDX-License-Identifier: Apache-2.0
import Glibc
public import SystemPackage

/// The names in the directory `path`, without `.` and `..`, sorted by their bytes, so that every run sees one order.
public func namesInDirectory(_ path: FilePath) throws(Errno) -> [FilePath.Component] {
  // SAFETY: `stream` is closed on every path; `readdir`'s entry is copied before the next call overwrites it.
  guard let stream = unsafe path.withPlatformString({ unsafe opendir($0) }) else { throw Errno(rawValue: errno) }
  defer { unsafe closedir(stream) }
  var names: [(bytes: [UInt8], component: FilePath.Component)] = []
  errno = 0
  while let entry = unsafe readdir(stream) {
    // SAFETY: `d_name` is zero-terminated and lies inside the entry, whose real length is `d_reclen`.
    let name = unsafe FilePath(platformString: entry.nameStart)
    // `.` and `..` are the only names that are not regular components.
    if let component = name.lastComponent, component.kind == .regular { names.append((name.bytes, component)) }
    errno = 0
  }
  if errno != 0 { throw Errno(rawValue: errno) }
  names.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
  return names.map(\.component)
}

extension UnsafeMutablePointer<dirent> {
  fileprivate var nameStart: UnsafePointer<CChar> {
    // SAFETY: the offset is the one that the C library's own header declares.
    unsafe UnsafeRawPointer(self).advanced(by: MemoryLayout<dirent>.offset(of: \.d_name) ?? 0)
      .assumingMemoryBound(to: CChar.self)
  }
}

/// Everything that `stat` knows of `path`; of a symbolic link itself unless `followsLink`.
public func status(of path: FilePath, followsLink: Bool = false) throws(Errno) -> Stat {
  try catchingErrno { try path.stat(followTargetSymlink: followsLink) }
}

/// What the symbolic link `path` says. Not as a path: that would lose a slash at its end, and every second one.
public func targetOfSymbolicLink(_ path: FilePath) throws(Errno) -> [UInt8] {
  var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
  // SAFETY: one byte of the buffer is kept for the terminating zero, which `readlink` does not write.
  let length = unsafe path.withPlatformString { unsafe readlink($0, &buffer, buffer.count - 1) }
  if length < 0 { throw Errno(rawValue: errno) }
  return buffer[..<length].map { UInt8(bitPattern: $0) }
}

/// Makes the directory `path`; the one above it must exist.
public func makeDirectory(_ path: FilePath, permissions: FilePermissions = .init(rawValue: 0o755)) throws(Errno) {
  // SAFETY: `mkdir` reads the zero-terminated path during the call only.
  let result = unsafe path.withPlatformString { unsafe mkdir($0, permissions.rawValue) }
  if result != 0 { throw Errno(rawValue: errno) }
}

extension FilePath {
  /// A path of arbitrary bytes, up to the first zero, as Linux has them.
  public init(decodingBytes bytes: some Sequence<UInt8>) {
    var platformString = bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
    platformString.append(0)
    self.init(platformString: platformString)
  }

  /// The path's bytes, without the terminating zero.
  public var bytes: [UInt8] { withCodeUnits { $0 } }

  private func withCodeUnits<Result>(_ body: ([UInt8]) -> Result) -> Result {
    // SAFETY: the string is copied up to its zero inside the closure.
    unsafe withPlatformString { pointer in
      let count = unsafe strlen(pointer)
      return body(unsafe UnsafeBufferPointer(start: pointer, count: count).map { UInt8(bitPattern: $0) })
    }
  }
}

extension FilePath.Component {
  /// The name's bytes.
  public var bytes: [UInt8] { FilePath(root: nil, [self]).bytes }
}
