// SPDX-License-Identifier: Apache-2.0
import Machine

/// One of the three standard streams. To the program it is the end of a pipe, which is what
/// `vorteil run` is in a pipeline: not a terminal, not seekable.
final class ConsoleStream: Node {
  private let stream: UInt8

  private static let pipes = FileSystem(typeName: "pipefs", magic: 0x5049_5045, source: "pipefs")

  /// 0 is standard input, 1 output, 2 error.
  init(_ stream: UInt8) {
    self.stream = stream
    super.init(
      fileSystem: Self.pipes, number: UInt64(stream) + 1, attributes: Attributes(type: .fifo, permissions: 0o600))
    isSeekable = false
  }

  override func opened(_ flags: OpenFlags) throws(Errno) -> Node { self }

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    guard stream == 0 else { throw .EBADF }
    return try Self.read(to: address, count, mayWait: mayWait)
  }

  override func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    guard stream != 0 else { throw .EBADF }
    return try Self.write(stream, address, count)
  }

  override func writeStream(_ bytes: Span<UInt8>, mayWait: Bool) throws(Errno) -> Int {
    do throws(Errno) {
      try Console.write(stream: stream, bytes: bytes)
    } catch {
      if error == .EPIPE { Signals.post(13) }
      throw error
    }
    return bytes.count
  }

  /// Writes to a standard stream; one that nobody reads any more ends the program as a pipe would.
  static func write(_ stream: UInt8, _ address: UInt64, _ count: Int) throws(Errno) -> Int {
    do throws(Errno) {
      return try Console.write(stream: stream, from: address, count: count)
    } catch {
      if error == .EPIPE { Signals.post(13) }
      throw error
    }
  }

  override func readiness() -> Readiness { Self.readiness(stream) }
  override func readinessQueue() -> WaitQueue { Console.waiters.queue }

  override func control(_ request: UInt32, _ argument: UInt64) throws(Errno) -> UInt64 {
    guard request == ControlRequest.bytesReadable else { throw .ENOTTY }
    try check(ProgramMemory.store(Int32(truncatingIfNeeded: Console.availableInput), at: argument))
    return 0
  }

  /// Reads standard input.
  static func read(to address: UInt64, _ count: Int, mayWait: Bool) throws(Errno) -> Int {
    if count == 0 { return 0 }
    if !mayWait && !Console.hasInput { throw .EAGAIN }
    return try Console.read(into: address, count: count)
  }

  static func readiness(_ stream: UInt8) -> Readiness {
    if stream == 0 {
      guard Console.hasInput else { return [] }
      // The end of the input is to be found like the end of a pipe.
      return Console.isAtEnd ? [.hangUp] : [.readable, .readableNormal]
    }
    return Console.isClosed(stream: stream) ? [.writable, .writableNormal, .error] : [.writable, .writableNormal]
  }

  /// Gives the program its descriptors 0, 1 and 2; those that the tool itself was started without are closed.
  static func openStandardStreams() throws(Errno) {
    if Terminal.isPresent { return try openTerminal() }
    let names: [StaticString] = ["pipe:[1]", "pipe:[2]", "pipe:[3]"]
    for (number, name) in names.enumerated() {
      let node = ConsoleStream(UInt8(number))
      let location = Location(unnamed: bytes(of: name), node)
      let file = try OpenFile(location, node, number == 0 ? [] : .writeOnly)
      _ = try descriptors.install(file, closeOnExec: false)
    }
    for number in 0..<UInt64(3) where Options.closedStreams & 1 << number != 0 { try descriptors.close(number) }
  }

  /// The terminal for all three, opened once, as it is for a shell's children.
  private static func openTerminal() throws(Errno) {
    let walk = try Paths.walk(PathText(bytes(of: "/dev/pts/0")), from: fileTree.root, .followsLast)
    let file = try OpenFile(walk.location, walk.existing(), .readWrite)
    for _ in 0..<3 { _ = try descriptors.install(file, closeOnExec: false) }
    Terminal.askForInput()
  }
}
