// SPDX-License-Identifier: Apache-2.0
import Foundation
import Storage
import Testing

/// A disk in memory.
final class MemoryDevice: BlockDevice {
  var bytes: [UInt8]

  init(size: Int) { bytes = [UInt8](repeating: 0, count: size) }
  init(_ bytes: [UInt8]) { self.bytes = bytes }
  init(contentsOf url: URL) throws { bytes = try [UInt8](Data(contentsOf: url)) }

  var sizeInBytes: UInt64 { UInt64(bytes.count) }

  func read(at offset: UInt64, into destination: inout MutableSpan<UInt8>) throws(StorageError) {
    let range = try checked(offset, destination.count)
    destination.withUnsafeMutableBytes { target in
      bytes.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
  }

  func write(at offset: UInt64, from source: Span<UInt8>) throws(StorageError) {
    let range = try checked(offset, source.count)
    source.withUnsafeBytes { source in
      bytes.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[range]).copyMemory(from: source) }
    }
  }

  func flush() throws(StorageError) {}

  private func checked(_ offset: UInt64, _ count: Int) throws(StorageError) -> Range<Int> {
    guard offset % 512 == 0, count % 512 == 0, offset <= UInt64(bytes.count), count <= bytes.count - Int(offset)
    else { throw .inputOutput }
    return Int(offset)..<(Int(offset) + count)
  }

  func save(to url: URL) throws { try Data(bytes).write(to: url) }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  /// Changes a few bytes at random: bits flipped, or values that are likely to hit a limit.
  mutating func mutate(_ bytes: inout [UInt8], in range: Range<Int>) {
    for _ in 0..<Int.random(in: 1...4, using: &self) {
      let position = Int.random(in: range, using: &self)
      switch next() % 4 {
      case 0: bytes[position] ^= 1 << UInt8(next() % 8)
      case 1: bytes[position] = UInt8(truncatingIfNeeded: next())
      case 2: bytes[position] = [0, 0xff, 0x7f, 0x80, 1].randomElement(using: &self)!
      default:
        for index in position..<min(position + [2, 4, 8].randomElement(using: &self)!, range.upperBound) {
          bytes[index] = next() % 2 == 0 ? 0xff : 0
        }
      }
    }
  }
}

/// How many mutations a test with hostile input makes: many only in the long run.
let mutationCount = ProcessInfo.processInfo.environment["VORTEIL_LONG"] == "1" ? 30_000 : 10_000

/// A directory that is removed with everything in it when the test ends.
final class ScratchDirectory {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("vorteil-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  subscript(_ name: String) -> URL { url.appendingPathComponent(name) }
}

struct CommandResult {
  let status: Int32
  let output: String
}

/// Runs one of the tools that judge our work and returns its output and errors together.
/// A tool that is not installed fails the test.
@discardableResult
func run(_ tool: String, _ arguments: [String], package: String, input: String? = nil) throws -> CommandResult {
  let candidates = ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/", "/usr/local/bin/"].map { $0 + tool }
  let path = try #require(
    candidates.first { FileManager.default.isExecutableFile(atPath: $0) },
    "\(tool) is not installed: this test needs the Debian package \(package)")
  let process = Process()
  process.executableURL = URL(fileURLWithPath: path)
  process.arguments = arguments
  process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"]
  let output = Pipe()
  process.standardOutput = output
  process.standardError = output
  let inputPipe = Pipe()
  process.standardInput = input == nil ? FileHandle.nullDevice : inputPipe
  try process.run()
  if let input {
    inputPipe.fileHandleForWriting.write(Data(input.utf8))
    try inputPipe.fileHandleForWriting.close()
  }
  let data = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return CommandResult(status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
}
