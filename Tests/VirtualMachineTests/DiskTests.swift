// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// The disk below the root file system, by every driver.
@Suite struct DiskTests {
  enum Controller: String, CaseIterable {
    case virtioMMIO
    case virtioPCI
    case nvme
  }

  /// The number of each page stands at its beginning.
  private static func numberedPages(_ count: Int) -> Data {
    var bytes = Data(count: count * 4096)
    for page in 0..<count {
      withUnsafeBytes(of: UInt64(page).littleEndian) { bytes.replaceSubrange(page * 4096..<page * 4096 + 8, with: $0) }
    }
    return bytes
  }

  @Test(arguments: Controller.allCases, [1, 2])
  func readsSideBySide(controller: Controller, processors: Int) async throws {
    let program = try await TestProgram("Behaviour/parallel-reads").built()
    try await withTemporaryDirectory { directory in
      let file = directory.appending("pages")
      try Self.numberedPages(4000).write(to: URL(fileURLWithPath: file.string))
      var options = ["--cpus", "\(processors)", "--memory", "28M", "--file", "\(file):/pages"]
      if controller != .virtioMMIO { options += ["--machine", "q35"] }
      if controller == .nvme { options += ["--hypervisor", try Self.nvmeWrapper(directory).string] }
      let outcome = try await MachineRun(program, ["/pages"], options: options).run()
      expectEqual(outcome, output: "all pages were right\n")
    }
  }

  /// QEMU, with the root disk behind an NVMe controller.
  private static func nvmeWrapper(_ directory: FilePath) throws -> FilePath {
    let path = directory.appending("qemu-nvme")
    try """
    #!/bin/sh
    for argument; do
      shift
      [ "$argument" = virtio-blk-pci,drive=root ] && argument=nvme,drive=root,serial=root
      set -- "$@" "$argument"
    done
    exec qemu-system-x86_64 "$@"
    """.write(toFile: path.string, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path.string)
    return path
  }
}
