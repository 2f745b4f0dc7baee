// SPDX-License-Identifier: Apache-2.0
import Machine

/// A character device that a program can open, apart from its name: by number, as a device file on any
/// file system finds it.
class CharacterDevice: Node {
  init(major: UInt64, minor: UInt64, permissions: UInt32) {
    super.init(
      fileSystem: CharacterDevices.fileSystem, number: major << 20 | minor,
      attributes: Attributes(
        type: .characterDevice, permissions: permissions,
        device: DeviceNumber.encode(major: major, minor: minor)))
    // Those of memory have positions that mean nothing, and so `pread` and `lseek` work.
    isSeekable = major == 1
  }

  override func opened(_ flags: OpenFlags) throws(Errno) -> Node { self }

  override func truncate(to size: UInt64) throws(Errno) { throw .EINVAL }
}

/// `/dev/null`.
final class NullDevice: CharacterDevice {
  init() {
    super.init(major: 1, minor: 3, permissions: 0o666)
    shortcuts = [.readsNothing, .discardsWrites]
  }

  override var isPollable: Bool { false }

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int { 0 }
  override func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int { count }
  override func writeStream(_ bytes: Span<UInt8>, mayWait: Bool) throws(Errno) -> Int { bytes.count }
}

/// `/dev/zero` and, as it refuses writes, `/dev/full`.
final class ZeroDevice: CharacterDevice {
  private let isFull: Bool

  init(minor: UInt64, isFull: Bool) {
    self.isFull = isFull
    super.init(major: 1, minor: minor, permissions: 0o666)
    shortcuts = isFull ? .readsZeros : [.readsZeros, .discardsWrites]
  }

  override var isPollable: Bool { false }

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    try check(ProgramMemory.clear(address, count: UInt64(count)))
    return count
  }
  override func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    for index in bytes.indices { bytes[index] = 0 }
    return bytes.count
  }
  override func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    if isFull { throw .ENOSPC }
    return count
  }
  override func writeStream(_ bytes: Span<UInt8>, mayWait: Bool) throws(Errno) -> Int {
    if isFull { throw .ENOSPC }
    return bytes.count
  }

  /// A mapping of `/dev/zero` is anonymous memory: a fresh file without a name, as long as can be.
  override var isMappable: Bool { !isFull }
  override func nodeForMapping() throws(Errno) -> Node? { nil }
}

/// `/dev/random` and `/dev/urandom`: the same, since the generator is seeded before any program runs.
final class RandomDevice: CharacterDevice {
  /// On Linux one could wait for the first of the two.
  override var isPollable: Bool { DeviceNumber.minor(attributes.device) == 8 }

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    try Random.fill(programAddress: address, count: count)
  }
  override func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    Random.fill(&bytes)
    return bytes.count
  }
  /// The program's bytes are not trusted to be random: they are taken and forgotten.
  override func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int { count }

  override func control(_ request: UInt32, _ argument: UInt64) throws(Errno) -> UInt64 {
    // RNDGETENTCNT.
    guard request == 0x8004_5200 else { throw .ENOTTY }
    try check(ProgramMemory.store(Int32(256), at: argument))
    return 0
  }
}

/// `/dev/tty`, `/dev/console` without a terminal: standard input and output by another name. `/dev/tty` does not open then (ENXIO, as on Linux).
final class ConsoleDevice: CharacterDevice {
  private let isControllingTerminal: Bool

  init(major: UInt64, minor: UInt64, permissions: UInt32, isControllingTerminal: Bool) {
    self.isControllingTerminal = isControllingTerminal
    super.init(major: major, minor: minor, permissions: permissions)
  }

  override func opened(_ flags: OpenFlags) throws(Errno) -> Node {
    if isControllingTerminal { throw .ENXIO }
    return self
  }
  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    try ConsoleStream.read(to: address, count, mayWait: mayWait)
  }
  override func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    try ConsoleStream.write(1, address, count)
  }
  override func readiness() -> Readiness { ConsoleStream.readiness(0) }
  override func readinessQueue() -> WaitQueue { Console.waiters.queue }
}

/// The devices that there are.
enum CharacterDevices {
  /// Device files themselves belong to the file system in which they have a name; this one is only for
  /// what stands behind them.
  static let fileSystem = FileSystem(typeName: "devtmpfs", magic: 0x0102_1994, source: "devtmpfs")

  /// Name in `/dev`, device.
  static let all = memory + (Terminal.isPresent ? terminals : streams)

  private static let memory: [(name: StaticString, device: CharacterDevice)] = [
    ("null", NullDevice()),
    ("zero", ZeroDevice(minor: 5, isFull: false)),
    ("full", ZeroDevice(minor: 7, isFull: true)),
    ("random", RandomDevice(major: 1, minor: 8, permissions: 0o666)),
    ("urandom", RandomDevice(major: 1, minor: 9, permissions: 0o666)),
  ]

  private static let streams: [(name: StaticString, device: CharacterDevice)] = [
    ("tty", ConsoleDevice(major: 5, minor: 0, permissions: 0o666, isControllingTerminal: true)),
    ("console", ConsoleDevice(major: 5, minor: 1, permissions: 0o600, isControllingTerminal: false)),
  ]

  /// The one terminal by its names: the numbers are those of Linux's pseudoterminals (136), /dev/tty and /dev/console.
  private static let terminals: [(name: StaticString, device: CharacterDevice)] = [
    ("tty", TerminalDevice(major: 5, minor: 0, permissions: 0o666)),
    ("console", TerminalDevice(major: 5, minor: 1, permissions: 0o620)),
    ("pts/0", TerminalDevice(major: 136, minor: 0, permissions: 0o620)),
  ]

  /// What a device file with this number opens.
  static func device(_ number: UInt64) throws(Errno) -> CharacterDevice {
    for entry in all where entry.device.attributes.device == number { return entry.device }
    throw .ENXIO
  }
}
