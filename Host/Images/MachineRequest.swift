// SPDX-License-Identifier: Apache-2.0
public import Configuration
public import HostSystem
public import SystemPackage

/// What a person asked for: a source, settings, and what else is to be in the machine.
public struct MachineRequest: Sendable {
  /// A file or directory of the host and its place in the machine.
  public struct Addition: Sendable {
    public let host: FilePath
    public let guest: FilePath

    /// Takes `HOST` or `HOST:GUEST` apart; without GUEST the place is the same as on the host.
    public init(_ text: String) throws(Failure) {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let first = parts.first, !first.isEmpty else {
        throw Failure("'\(text)' names no file: write HOST or HOST:GUEST")
      }
      host = absolutePath(first)
      guest = parts.count > 1 ? FilePath(parts[1]).lexicallyNormalized() : host
      guard guest.isAbsolute else {
        throw Failure("'\(parts[1])' in '\(text)' must be an absolute path in the machine")
      }
    }
  }

  /// As it was typed: a path, or the name of a program in the PATH.
  public var source: String
  public var settings: Settings
  public var files: [Addition] = []
  public var directories: [Addition] = []
  /// A VCFG file to read instead of the one that lies beside the source.
  public var vcfg: FilePath?
  /// The kind of terminal that the program has (TERM); nil: it has none.
  public var terminalType: String?

  public init(source: String, settings: Settings) {
    self.source = source
    self.settings = settings
  }
}

/// `path` without `.` and `..`, below the current directory if it is relative.
public func absolutePath(_ path: String) -> FilePath {
  let path = FilePath(path)
  if path.isAbsolute { return path.lexicallyNormalized() }
  let directory = (try? targetOfSymbolicLink("/proc/self/cwd")) ?? Array("/".utf8)
  return FilePath(decodingBytes: directory).pushing(path).lexicallyNormalized()
}

/// The VCFG file that belongs to `source`: `SOURCE.vcfg` beside a file, `default.vcfg` or the only `*.vcfg` in a
/// directory; nil if there is none.
func vcfgFile(of source: FilePath, isDirectory: Bool) throws(Failure) -> FilePath? {
  if !isDirectory {
    let beside = source.removingLastComponent().appending((source.lastComponent?.string ?? "") + ".vcfg")
    return (try? status(of: beside)) == nil ? nil : beside
  }
  let names = ((try? namesInDirectory(source)) ?? []).filter { $0.extension == "vcfg" }
  if names.contains("default.vcfg") { return source.appending("default.vcfg") }
  guard names.count < 2 else {
    throw Failure(
      "\(source) has several VCFG files (\(names.map(\.string).joined(separator: ", "))): choose one with --vcfg")
  }
  return names.first.map { source.appending($0) }
}
