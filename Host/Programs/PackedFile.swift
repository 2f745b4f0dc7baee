// SPDX-License-Identifier: Apache-2.0
public import SystemPackage

/// Something of the host that belongs into the machine's file system, under the path that it has on the host.
public struct PackedFile: Equatable, Sendable {
  public enum Content: Equatable, Sendable {
    /// A regular file, or a directory with everything in it.
    case copy
    /// A symbolic link with this target, to the byte.
    case link([UInt8])
  }

  public let path: FilePath
  public let content: Content
  /// Why it is there, to follow "because it is": "needed by /bin/ls".
  public let reason: String

  public init(path: FilePath, content: Content, reason: String) {
    self.path = path
    self.content = content
    self.reason = reason
  }
}

/// A program with everything that it needs to start.
public struct ProgramPackage: Sendable {
  /// The file to execute, in the machine.
  public internal(set) var program: FilePath
  /// `argv[0]` and what a `#!` line puts before the user's arguments.
  public internal(set) var leadingArguments: [String]
  /// In the order in which they were found; a path may occur more than once.
  public internal(set) var files: [PackedFile] = []
  /// What must be able to write machine code while it runs, if anything.
  public internal(set) var codeGenerator: CodeGeneratorUse?
  /// What could not be packed although the program may want it.
  public internal(set) var omissions: [String] = []
}
