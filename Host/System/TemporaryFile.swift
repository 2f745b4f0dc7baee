// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxHeaders
public import SystemPackage

extension OpenFile {
  /// A new, empty file without a name, for reading and writing: it is gone with its last descriptor, however the tool
  /// ends. It lies in `directory`, or in the first usable of `$TMPDIR`, `/var/tmp` and `/tmp`.
  public static func temporary(in directory: FilePath? = nil) throws(Errno) -> OpenFile {
    var candidates = [directory].compactMap { $0 }
    if candidates.isEmpty {
      candidates = [environmentVariable("TMPDIR").map { FilePath($0) }, "/var/tmp", "/tmp"].compactMap { $0 }
    }
    var firstError: Errno?
    for candidate in candidates {
      do throws(Errno) {
        return try temporaryFile(in: candidate)
      } catch {
        firstError = firstError ?? error
      }
    }
    throw firstError ?? .noSuchFileOrDirectory
  }

  private static func temporaryFile(in directory: FilePath) throws(Errno) -> OpenFile {
    do throws(Errno) {
      return try open(
        directory, .readWrite, options: .init(rawValue: OPEN_TEMPORARY_FILE), permissions: [.ownerReadWrite])
    } catch {
      // File systems without O_TMPFILE (NFS, older overlayfs) say one of these.
      guard error == .notSupported || error == .isDirectory || error == .noSuchFileOrDirectory else { throw error }
    }
    // Between these two calls a file with a name exists: only where the file system cannot do better.
    let path = directory.appending("vorteil-\(getpid())-\(UInt64.random(in: 0...UInt64.max))")
    let file = try open(path, .readWrite, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite])
    try remove(path)
    return file
  }

  /// A path under which other processes of the same user can open this very file, name or no name.
  public var sharedPath: String { "/proc/\(getpid())/fd/\(descriptor.rawValue)" }
}

/// Removes the file (not a directory) `path`.
public func remove(_ path: FilePath) throws(Errno) {
  // SAFETY: `unlink` reads the zero-terminated path during the call only.
  let result = unsafe path.withPlatformString { unsafe unlink($0) }
  if result != 0 { throw Errno(rawValue: errno) }
}

/// Gives the file `path` the name `newPath`, replacing what had it, in one step.
public func rename(_ path: FilePath, to newPath: FilePath) throws(Errno) {
  // SAFETY: `rename` reads the zero-terminated paths during the call only.
  let result = unsafe path.withPlatformString { old in
    unsafe newPath.withPlatformString { new in unsafe Glibc.rename(old, new) }
  }
  if result != 0 { throw Errno(rawValue: errno) }
}

/// The value of a variable of the tool's own environment.
public func environmentVariable(_ name: String) -> String? {
  // SAFETY: nothing in the tool changes its environment, so the string stays valid while it is copied.
  guard let value = unsafe getenv(name) else { return nil }
  return unsafe String(cString: value)
}
