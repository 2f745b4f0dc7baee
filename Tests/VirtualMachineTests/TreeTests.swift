// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// A directory of the host with everything that a file system can hold, as a machine sees it.
@Suite struct TreeTests {
  @Test func listingIsThatOfTheHost() async throws {
    try await withTree { tree in
      let arguments = ["-lRan", "--time-style=full-iso", "."]
      var onHost = Command(executable: "/bin/ls", arguments: arguments)
      onHost.workingDirectory = tree
      let inMachine = MachineRun("/bin/ls", arguments, options: ["--directory", "\(tree):/tree", "--cwd", "/tree"])
      var expected = try await Slots.host.run { [onHost] in try await onHost.run() }
      var actual = try await inMachine.run()
      expected.output = comparable(expected.output)
      actual.program.output = comparable(actual.program.output)
      expectEqual(actual, expected)
    }
  }

  @Test func contentIsThatOfTheHost() async throws {
    try await withTree { tree in
      let line = "find . -type f | sort | xargs -d '\\n' md5sum; find . -type l | sort | xargs -d '\\n' -n 1 readlink"
      let expected = try await Slots.host.run {
        try await Command(executable: "/bin/sh", arguments: ["-c", "cd '\(tree)' && \(line)"]).run()
      }
      // The same without a second process: Python walks, reads and sorts.
      let script = """
        import hashlib, os
        entries = sorted(os.path.join(root, name) for root, directories, names in os.walk('.') for name in names + directories)
        for path in [path for path in entries if os.path.isfile(path) and not os.path.islink(path)]:
            print(hashlib.md5(open(path, 'rb').read()).hexdigest(), '', path)
        for path in [path for path in entries if os.path.islink(path)]:
            print(os.readlink(path))
        """
      let run = MachineRun(
        "/usr/bin/python3", ["-c", script], options: ["--directory", "\(tree):/tree", "--cwd", "/tree"])
      expectEqual(try await run.run(), expected)
    }
  }

  /// A directory as SOURCE is the whole file system.
  @Test func directoryIsTheFileSystem() async throws {
    try await withTree { tree in
      try FileManager.default.createDirectory(atPath: tree.appending("bin").string, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: tree.appending("bin/busybox").string)
      let outcome = try await MachineRun(
        tree, ["cat", "/deep/er/and/deeper/file"], options: ["--program", "/bin/busybox"]
      ).run()
      expectEqual(outcome, Outcome(output: Array("deep\n".utf8), errors: [], exitCode: 0))
    }
  }

  private func withTree(_ body: (FilePath) async throws -> Void) async throws {
    try await withTemporaryDirectory { directory in
      let script = try Repository.text("Scripts/make-tree.sh")
      let outcome = try await Command(
        executable: "/bin/sh", arguments: ["-c", script], workingDirectory: directory
      ).run()
      try #require(outcome.exitCode == 0, "\(outcome.errorText)")
      try await body(directory.appending("tree"))
    }
  }

  /// File systems differ in how large a directory is, in how many blocks a file takes, and in what lies above; `ls`
  /// makes its columns as wide as those need.
  private func comparable(_ listing: [UInt8]) -> [UInt8] {
    let lines = String(decoding: listing, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let kept = lines.filter { !$0.hasPrefix("total ") && !$0.hasSuffix(" ..") }
    return Array(kept.map(comparable).joined(separator: "\n").utf8)
  }

  private func comparable(_ line: Substring) -> String {
    var words = line.split(separator: " ")
    if line.hasPrefix("d"), words.count > 4 { words[4] = "(size)" }
    return words.joined(separator: " ")
  }
}
