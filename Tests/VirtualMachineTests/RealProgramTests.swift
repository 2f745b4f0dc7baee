// SPDX-License-Identifier: Apache-2.0
import SystemPackage
import Testing

/// Programs of Debian's packages, unmodified, on input that makes them work: byte for byte what they give on the host.
@Suite struct RealProgramTests {
  @Test(arguments: RealProgram.busybox)
  func busybox(_ program: RealProgram) async throws {
    try await expectSame(program)
  }

  @Test(arguments: RealProgram.interpreters)
  func interpreters(_ program: RealProgram) async throws {
    try await expectSame(program)
  }

  @Test(arguments: RealProgram.tools)
  func tools(_ program: RealProgram) async throws {
    try await expectSame(program)
  }

  private func expectSame(_ program: RealProgram) async throws {
    var comparison = Comparison(FilePath(program.program), program.arguments)
    comparison.input = Array(program.input.utf8)
    comparison.files = program.files.mapValues { Array($0.utf8) }
    try await comparison.expectSame()
  }

  /// The script gives a C function a Python function to call back, for which ctypes makes code at run time.
  @Test func pythonRunsAScript() async throws {
    var comparison = Comparison("/usr/bin/python3", ["workload.py"])
    comparison.files = ["workload.py": Array(try Repository.text("Scripts/workload.py").utf8)]
    comparison.options = ["--allow-jit"]
    try await comparison.expectSame()
  }

  /// 200 MB in the long tests.
  @Test(arguments: [
    ["/usr/bin/openssl", "dgst", "-sha256", "large"], ["/usr/bin/sha256sum", "large"],
    ["/bin/busybox", "cksum", "large"],
  ])
  func readsALargeFile(commandLine: [String]) async throws {
    var comparison = Comparison(FilePath(commandLine[0]), Array(commandLine.dropFirst()))
    comparison.files = ["large": largeContent]
    try await comparison.expectSame()
  }

  @Test func packsALargeFile() async throws {
    var comparison = Comparison("/usr/bin/xz", ["--stdout", "-1", "--threads=1"])
    comparison.input = Array(largeContent.prefix(4 << 20))
    let packed = try await comparison.expectSame().program.output
    comparison.arguments = ["--stdout", "--decompress", "--threads=1"]
    comparison.input = packed
    try await comparison.expectSame()
  }

  private var largeContent: [UInt8] {
    var generator = LinearGenerator(seed: 7)
    let block = (0..<1 << 20).map { _ in UInt8.random(in: 0...255, using: &generator) }
    return (0..<(runsLongTests ? 200 : 20)).flatMap { (number: UInt8) in block.map { $0 &+ number } }
  }
}
