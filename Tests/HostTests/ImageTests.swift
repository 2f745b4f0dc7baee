// SPDX-License-Identifier: Apache-2.0
import DiskLayout
import HostSystem
import Images
import MachineConfiguration
import Programs
import Subprocess
import SystemPackage
import Testing

/// Images, judged by other people's tools: sgdisk, e2fsck, debugfs.
@Suite struct ImageTests {
  @Test(arguments: ["/bin/ls", "/usr/bin/perl", "/usr/bin/lua5.4"])
  func toolsAgreeWithTheImage(program: String) async throws {
    let directory = try TemporaryDirectory()
    let image = try await build([program], in: directory)
    let table = try await Tool.run(.name("sgdisk"), ["-v", image.path.string])
    #expect(table.text.contains("No problems found"), "\(table.text)")
    let check = try await Tool.run(.name("e2fsck"), ["-fn", image.root])
    #expect(check.exitCode == 0, "\(check.text)\(check.errors)")
    let packed = try await Tool.run(.name("debugfs"), ["-R", "cat \(resolved(program))", image.root])
    #expect(packed.output == (try content(of: FilePath(resolved(program)))))
    #expect(try await Tool.run(.name("debugfs"), ["-R", "cat /etc/passwd", image.root]).text.hasPrefix("root:x:0:0:"))
    #expect(try image.configuration.arguments == [Array(program.utf8)])
  }

  @Test func theSameInputGivesTheSameBytes() async throws {
    let directory = try TemporaryDirectory()
    let first = try await build(["/bin/ls", "--env", "A=1"], in: directory, name: "first.raw")
    let second = try await build(["/bin/ls", "--env", "A=1"], in: directory, name: "second.raw")
    let comparison = try await Tool.run(.name("cmp"), [first.path.string, second.path.string])
    #expect(comparison.exitCode == 0, "\(comparison.text)")
    let other = try await build(["/bin/ls", "--env", "A=2"], in: directory, name: "other.raw")
    #expect(try await Tool.run(.name("cmp"), [first.path.string, other.path.string]).exitCode == 1)
  }

  @Test func aDirectoryBecomesTheFileSystemAsItIs() async throws {
    let directory = try TemporaryDirectory()
    let made = try await Tool.run(
      .path("/bin/bash"),
      [
        "-ec",
        """
        cd \(directory.path); mkdir -p tree/bin tree/many tree/empty; cd tree
        cp /bin/busybox bin/busybox
        ln -s busybox bin/sh; ln bin/busybox bin/ls
        ln -s \(String(repeating: "long/", count: 30))x longlink
        printf content > file; chown 12:34 file || true
        chmod 4751 file; touch -d '2001-02-03 04:05:06.789 UTC' file
        chmod 1777 empty
        truncate -s 50M sparse; printf end >> sparse
        head -c 3000000 /dev/urandom > big
        for n in $(seq 700); do echo $n > many/file-with-a-rather-long-name-$n; done
        mkfifo pipe
        python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
        touch "$(printf 'n\\377me')"
        """,
      ])
    try #require(made.exitCode == 0, "\(made.errors)")
    let tree = directory.path.appending("tree")
    let arguments = [tree.string, "--program", "/bin/busybox", "--", "echo", "x"]
    let result = try await Tool.run(
      ["build"] + arguments.prefix(3) + ["-o", "\(directory.path)/image.raw", "--kernel", "/bin/true"]
        + arguments.suffix(3))
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(
      result.errors == "vorteil: \(tree)/socket is a socket, which means nothing in another machine: left out\n")
    let image = try Image(directory.path.appending("image.raw"))
    let check = try await Tool.run(.name("e2fsck"), ["-fn", image.root])
    #expect(check.exitCode == 0, "\(check.text)\(check.errors)")

    let file = try await image.debugfs("stat /file")
    #expect(file.contains("Mode:  04751"))
    #expect(file.contains("User:    12   Group:    34") || file.contains("User:     0"))
    #expect(file.contains("mtime: 0x3a7b8372:bc1cbd00"), "\(file)")
    #expect(try await image.debugfs("stat /empty").contains("Mode:  01777"))
    #expect(try await image.debugfs("stat /bin/ls").contains("Links: 2"))
    #expect(try await image.debugfs("stat /bin/sh").contains("Fast link dest: \"busybox\""))
    #expect(try await image.debugfs("stat /longlink").contains("Type: symlink"))
    #expect(try await image.debugfs("stat /pipe").contains("Type: FIFO"))
    #expect(try await image.debugfs("cat /file") == "content")
    #expect(try await image.debugfs("cat /many/file-with-a-rather-long-name-700") == "700\n")
    #expect(
      try await image.debugfs("ls /many").split(separator: "\n").joined().contains("file-with-a-rather-long-name-1 "))
    let big = try await Tool.run(.name("debugfs"), ["-R", "cat /big", image.root]).output
    #expect(big == (try content(of: tree.appending("big"))))
    // Holes stay holes, in the file system and in the image.
    #expect(try await image.debugfs("stat /sparse").contains("Blockcount: 8\n"))
    #expect(try OpenFile.open(image.path).status().sizeAllocated < 20 << 20)
    #expect(try image.configuration.program == Array("/bin/busybox".utf8))
    #expect(try image.configuration.arguments == ["/bin/busybox", "echo", "x"].map { Array($0.utf8) })
  }

  /// As a path a target would lose slashes, and as a string what is not UTF-8.
  @Test func keepsTheTargetsOfLinksToTheByte() async throws {
    let directory = try TemporaryDirectory()
    let targets: [[UInt8]] = [
      Array("end/".utf8), Array("two//of/.//them//".utf8), [0x6e, 0xff, 0x80, 0x2f], Array("///".utf8),
      Array(String(repeating: "long/", count: 100).utf8),
    ]
    // In octal, which says any byte in a shell.
    let words = targets.map { $0.map { "\\0" + String($0, radix: 8) }.joined() }
    let script = "number=0; for word; do ln -s \"$(printf %b \"$word\")\" $number; number=$((number + 1)); done"
    let made = try await Tool.run(.path("/bin/bash"), ["-ec", "cd \(directory.path); \(script)", "bash"] + words)
    try #require(made.exitCode == 0, "\(made.errors)")

    var tree = FileTree()
    var files = HostFiles(ownership: .root)
    try files.add(directory.path, as: "/links", to: &tree, reason: "a test")
    for (number, target) in targets.enumerated() {
      let path = directory.path.appending("\(number)")
      #expect(try targetOfSymbolicLink(path) == target)
      #expect(tree[FilePath("/links/\(number)")]?.kind == .symbolicLink(target))
    }
    let toRoot = try PathResolver().resolve(directory.path.appending("3"))
    #expect(toRoot.realPath == "/" && toRoot.links.last?.target == targets[3])
  }

  @Test func keepsExtendedAttributes() async throws {
    let directory = try TemporaryDirectory()
    try makeDirectory(directory.path.appending("tree"))
    let file = try directory.write("tree/busybox", try content(of: "/bin/busybox"), executable: true)
    let set = try await Tool.run(
      .name("python3"), ["-c", "import os; os.setxattr('\(file)', 'user.note', b'remember')"])
    // Not every file system has them.
    guard set.exitCode == 0 else { return }
    let image = try await build(["\(directory.path)/tree", "--program", "/busybox"], in: directory)
    let attributes = try await Tool.run(.name("debugfs"), ["-R", "ea_get /busybox user.note", image.root]).text
    #expect(attributes.contains("remember"))
    #expect(try await Tool.run(.name("e2fsck"), ["-fn", image.root]).exitCode == 0)
  }

  @Test func makesTheDiskAsLargeAsWanted() async throws {
    let directory = try TemporaryDirectory()
    let image = try await build(["/bin/ls", "--disk-size", "300M"], in: directory)
    #expect(try OpenFile.open(image.path).status().size == 300 << 20)
    #expect(try await Tool.run(.name("e2fsck"), ["-fn", image.root]).exitCode == 0)
    #expect(try await Tool.run(.name("sgdisk"), ["-v", image.path.string]).text.contains("No problems found"))
    let result = try await Tool.run(
      ["build", "/bin/ls", "--disk-size", "2M", "-o", "\(directory.path)/small.raw", "--kernel", "/bin/true"])
    #expect(result.exitCode == 125)
    #expect(result.errors.hasPrefix("vorteil: a disk of 2 MiB is too small: the files need "))
  }

  @Test func describesTheResultAsJSON() async throws {
    let directory = try TemporaryDirectory()
    let result = try await Tool.run(
      ["build", "/bin/ls", "-o", "\(directory.path)/x.raw", "--kernel", "/bin/true", "--json"])
    let parsed = try await Tool.run(
      .name("python3"), ["-c", "import json,sys; print(json.load(sys.stdin)['program'])"], input: result.text)
    #expect(parsed.text == "/bin/ls\n")
  }

  @Test func addsFilesAndDirectories() async throws {
    let directory = try TemporaryDirectory()
    try makeDirectory(directory.path.appending("data"))
    try directory.write("data/one", "1")
    try directory.write("two", "2")
    let image = try await build(
      ["/bin/ls", "--file", "\(directory.path)/two:/etc/two", "--directory", "\(directory.path)/data:/srv"],
      in: directory)
    #expect(try await Tool.run(.name("debugfs"), ["-R", "cat /etc/two", image.root]).text == "2")
    #expect(try await Tool.run(.name("debugfs"), ["-R", "cat /srv/one", image.root]).text == "1")
  }

  @Test func anImageRunsAsItWasBuilt() async throws {
    let directory = try TemporaryDirectory()
    let image = try await build(["/bin/ls"], in: directory)
    let fake = Array(Tool.fakeArguments("files").dropFirst(2))
    #expect(try await Tool.run(["run", image.path.string] + fake).text.contains("\nEFI PART\n"))
    let refused = try await Tool.run(["run", image.path.string, "--env", "A=1"] + fake)
    #expect(refused.exitCode == 125)
    #expect(refused.errors.contains("runs as it was built"))
  }

  @Test func refusesDamagedImages() async throws {
    let directory = try TemporaryDirectory()
    let image = try await build(["/bin/ls"], in: directory)
    let fake = Array(Tool.fakeArguments("files").dropFirst(2))
    let places = image.table.partitions.dropFirst().map { Int64($0.startInBytes) }
    try await expectRefusal(of: image, overwriting: 64, at: places[0] + 4, "has a damaged configuration")
    try await expectRefusal(of: image, overwriting: 512, at: places[1] + 1024, "has a damaged file system")
    let half = directory.path.appending("half.raw")
    _ = try await Tool.run(.name("cp"), ["--sparse=always", image.path.string, half.string])
    try OpenFile.open(half, .readWrite).resize(to: places[1] + 4096)
    #expect(try await Tool.run(["run", half.string] + fake).exitCode == 125)
  }

  private func expectRefusal(
    of image: Image, overwriting count: Int, at offset: Int64, _ sentence: String
  ) async throws {
    let directory = try TemporaryDirectory()
    let copy = directory.path.appending("damaged.raw")
    _ = try await Tool.run(.name("cp"), ["--sparse=always", image.path.string, copy.string])
    try damage(copy, count, offset)
    let result = try await Tool.run(["run", copy.string] + Array(Tool.fakeArguments("files").dropFirst(2)))
    #expect(result.exitCode == 125)
    #expect(result.errors.contains(sentence), "\(result.errors)")
  }

  private func damage(_ path: FilePath, _ count: Int, _ offset: Int64) throws {
    let junk = [UInt8](repeating: 0xa5, count: count)
    try OpenFile.open(path, .readWrite).write(junk.span, at: offset)
  }

  @Test func leavesNothingBehindWhenItFails() async throws {
    let directory = try TemporaryDirectory()
    let result = try await Tool.run(
      ["build", "/bin/ls", "-o", "\(directory.path)/no/such/x.raw", "--kernel", "/bin/true"])
    #expect(result.errors == "vorteil: cannot write \(directory.path)/no/such/x.raw: No such file or directory\n")
    #expect(result.exitCode == 125)
    #expect(try namesInDirectory(directory.path).isEmpty)
  }

  // MARK: Helpers

  private func build(
    _ arguments: [String], in directory: TemporaryDirectory, name: String = "image.raw"
  ) async throws -> Image {
    let path = directory.path.appending(name)
    let result = try await Tool.run(["build"] + arguments + ["-o", path.string, "--kernel", "/bin/true"])
    try #require(result.exitCode == 0, "\(result.errors)")
    return try Image(path)
  }

  private func content(of path: FilePath) throws -> [UInt8] {
    let file = try OpenFile.open(path)
    return try file.bytes(at: 0, count: Int(try file.status().size))
  }

  /// debugfs does not follow the link from `/bin` to `/usr/bin`.
  private func resolved(_ program: String) -> String {
    program.hasPrefix("/bin/") ? "/usr" + program : program
  }
}

/// An image and the parts of it that tests look at.
private struct Image {
  let path: FilePath
  let table: PartitionTable
  private let device: FileDevice

  init(_ path: FilePath) throws {
    self.path = path
    device = try FileDevice(OpenFile.open(path))
    table = try PartitionTable(reading: device)
  }

  /// The root file system, as e2fsprogs name a part of a file.
  var root: String { "\(path)?offset=\(table.partition(ofType: .linuxRoot)?.startInBytes ?? 0)" }

  var configuration: MachineConfiguration {
    get throws {
      let place = try #require(table.partition(ofType: .vorteilConfiguration))
      let bytes = try device.file.bytes(at: Int64(place.startInBytes), count: Int(place.sizeInBytes))
      return try MachineConfiguration(decoding: bytes.span)
    }
  }

  /// What debugfs answers to one command about the root file system.
  func debugfs(_ command: String) async throws -> String {
    try await Tool.run(.name("debugfs"), ["-R", command, root], environment: ["TZ": "UTC"]).text
  }
}
