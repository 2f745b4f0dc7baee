// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Where things are that `./bench` built, all in directories of the build.
struct BenchmarkFiles: Sendable {
  /// The repository.
  var root: String
  /// Another command to take for the tool.
  var toolOverride: String?

  private var directory: String { root + "/.build/benchmark" }
  var tool: String { toolOverride ?? root + "/.build/vorteil/vorteil" }
  var vorteilKernel: String { root + "/.build/vorteil/vorteil-kernel" }
  /// A symbolic link into the user's cache.
  var linuxKernel: String { directory + "/linux-micro" }
  var plugin: String { directory + "/count.so" }
  var recordedResults: String { root + "/Benchmarks/results.json" }
  var report: String { root + "/Docs/Benchmarks.md" }

  /// A program of Benchmarks/Programs.
  func program(_ name: String) -> String { directory + "/" + name }

  /// A new file for the plugin's counts, of this process alone.
  func countsFile() -> String { directory + "/counts-\(getpid())" }

  /// A directory that holds nothing but the program as /init, as the Linux guest has it.
  func tree(of program: String) throws -> String {
    let tree = directory + "/trees/" + program
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
    try copyIfChanged(Data(contentsOf: URL(filePath: self.program(program))), to: tree + "/init")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: tree + "/init")
    return tree
  }

  /// The archive that Linux starts the program from.
  func initialRamdisk(of program: String) throws -> String {
    let path = directory + "/" + program + ".cpio"
    let archive = try InitialRamdisk(program: [UInt8](Data(contentsOf: URL(filePath: self.program(program)))))
    try copyIfChanged(Data(archive.bytes), to: path)
    return path
  }

  /// The size of a file in bytes.
  func size(of path: String) throws -> Int {
    try URL(filePath: path).resolvingSymlinksInPath().resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
  }

  private func copyIfChanged(_ data: Data, to path: String) throws {
    if FileManager.default.contents(atPath: path) != data { try data.write(to: URL(filePath: path), options: .atomic) }
  }
}
