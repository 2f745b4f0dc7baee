// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxHeaders
public import SystemPackage

/// A file that appears under its name only when it is complete, replacing what had the name before.
///
/// Until then it has no name at all (O_TMPFILE), so that nothing is left of it however the tool ends. File systems that
/// cannot do that get a file with a temporary name.
public final class NewFile {
  public let file: OpenFile
  private let path: FilePath
  private let temporaryPath: FilePath
  private var isNamed = false

  /// Starts a file that will be called `path`.
  public init(at path: FilePath, permissions: FilePermissions) throws(Errno) {
    self.path = path
    temporaryPath = FilePath("\(path).\(UInt64.random(in: 0...UInt64.max)).new")
    do throws(Errno) {
      let options = FileDescriptor.OpenOptions(rawValue: OPEN_TEMPORARY_FILE)
      let directory = path.removingLastComponent()
      file = try OpenFile.open(directory, .readWrite, options: options, permissions: permissions)
    } catch {
      guard error == .notSupported || error == .isDirectory || error == .noSuchFileOrDirectory else { throw error }
      file = try OpenFile.open(
        temporaryPath, .readWrite, options: [.create, .exclusiveCreate], permissions: permissions)
      isNamed = true
    }
  }

  deinit {
    if isNamed { try? remove(temporaryPath) }
  }

  /// Gives the file its name.
  public func commit() throws(Errno) {
    if !isNamed {
      // A link cannot replace a file, a renaming can: so the file takes a temporary name first.
      // SAFETY: `linkat` reads the zero-terminated paths during the call only.
      let result = unsafe temporaryPath.withPlatformString { name in
        unsafe linkat(AT_FDCWD, "/proc/self/fd/\(file.descriptor.rawValue)", AT_FDCWD, name, AT_SYMLINK_FOLLOW)
      }
      if result != 0 { throw Errno(rawValue: errno) }
      isNamed = true
    }
    try rename(temporaryPath, to: path)
    isNamed = false
  }
}
