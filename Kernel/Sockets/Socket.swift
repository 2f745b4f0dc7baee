// SPDX-License-Identifier: Apache-2.0
import Machine

/// The kinds of sockets that there are (include/linux/net.h).
enum SocketKind: Int32 {
  case stream = 1
  case datagram = 2
  case sequencedPacket = 5

  /// Whether there is a connection, with `listen` and `accept`.
  var isConnected: Bool { self != .datagram }
}

/// The flags of `send` and `recv` (include/linux/socket.h).
struct MessageFlags: OptionSet {
  let rawValue: UInt32
  static let outOfBand = MessageFlags(rawValue: 0x1)
  static let peek = MessageFlags(rawValue: 0x2)
  static let controlTruncated = MessageFlags(rawValue: 0x8)
  static let truncated = MessageFlags(rawValue: 0x20)
  static let doNotWait = MessageFlags(rawValue: 0x40)
  static let waitForAll = MessageFlags(rawValue: 0x100)
  static let noSignal = MessageFlags(rawValue: 0x4000)
  static let waitForOne = MessageFlags(rawValue: 0x1_0000)
  static let closeOnExec = MessageFlags(rawValue: 0x4000_0000)
}

/// Which directions of a connection are closed.
struct ShutdownSides: OptionSet {
  let rawValue: UInt8
  static let receiving = ShutdownSides(rawValue: 1)
  static let sending = ShutdownSides(rawValue: 2)
  static let both: ShutdownSides = [.receiving, .sending]
}

/// `struct ucred`.
struct PeerCredentials: BitwiseCopyable, Equatable {
  var process: Int32
  var user: UInt32
  var group: UInt32

  /// Of nobody: as somebody's whom this kernel does not know.
  static var none: PeerCredentials { PeerCredentials(process: 0, user: .max, group: .max) }
  /// Who the process really is.
  static var own: PeerCredentials {
    PeerCredentials(process: ProcessGroup.process, user: identity.userID, group: identity.groupID)
  }
  /// In whose name it acts.
  static var ownEffective: PeerCredentials {
    PeerCredentials(
      process: ProcessGroup.process, user: identity.effectiveUserID, group: identity.effectiveGroupID)
  }
}

/// What is sent beside bytes.
struct OutgoingExtras {
  /// The address to send to, as the program gave it.
  var name: [UInt8]?
  /// Open files to hand over.
  var files: [OpenFile] = []
  var credentials: PeerCredentials?
}

/// What was received.
struct IncomingMessage {
  /// Bytes; with MSG_TRUNC those that there were.
  var count = 0
  var flags: MessageFlags = []
  /// The sender's address.
  var name: [UInt8] = []
  var files: [OpenFile] = []
  var credentials: PeerCredentials?
}

/// A socket of any family of addresses. This base class refuses everything as Linux does for families that do not
/// know a call; addresses are bytes that begin with their family.
class Socket: Node {
  final let family: UInt16
  final let kind: SocketKind
  final var options = SocketOptions()
  /// What went wrong since somebody asked (SO_ERROR).
  final var error: Errno?

  private static let fileSystem = FileSystem(typeName: "sockfs", magic: 0x534f_434b, source: "sockfs")
  private static var lastNumber: UInt64 = 0

  init(family: UInt16, kind: SocketKind) {
    self.family = family
    self.kind = kind
    Self.lastNumber &+= 1
    super.init(
      fileSystem: Self.fileSystem, number: Self.lastNumber,
      attributes: Attributes(
        type: .socket, permissions: 0o777, user: identity.fileSystemUserID, group: identity.fileSystemGroupID))
    opensItself = true
    isToldOfClosing = true
    isSeekable = false
  }

  /// How `/proc/self/fd` shows it: "socket:[number]".
  final func description() -> [UInt8] {
    var text = bytes(of: "socket:[")
    text.append(decimal: number)
    text.append(UInt8(ascii: "]"))
    return text
  }

  // MARK: what a family does

  func bind(_ address: [UInt8]) throws(Errno) { throw .EOPNOTSUPP }
  func listen(_ backlog: Int32) throws(Errno) { throw .EOPNOTSUPP }
  func accept(mayWait: Bool) throws(Errno) -> Socket { throw .EOPNOTSUPP }
  func connect(_ address: [UInt8], mayWait: Bool) throws(Errno) { throw .EOPNOTSUPP }
  /// Connects two that were just made.
  func pair(with other: Socket) throws(Errno) { throw .EOPNOTSUPP }
  func shutdown(_ sides: ShutdownSides) throws(Errno) { throw .EOPNOTSUPP }
  func localName() throws(Errno) -> [UInt8] { throw .EOPNOTSUPP }
  func peerName() throws(Errno) -> [UInt8] { throw .EOPNOTSUPP }
  var isListening: Bool { false }
  var peerCredentials: PeerCredentials { .none }

  func send(
    _ parts: MemoryParts, _ extras: OutgoingExtras, _ flags: MessageFlags, mayWait: Bool
  ) throws(Errno) -> Int {
    throw .EOPNOTSUPP
  }

  func receive(_ parts: MemoryParts, _ flags: MessageFlags, mayWait: Bool) throws(Errno) -> IncomingMessage {
    throw .EOPNOTSUPP
  }

  // MARK: for all families

  /// Takes the error that somebody left.
  final func takeError() -> Errno? {
    defer { error = nil }
    return error
  }

  /// When to give up, for a call that begins now.
  final func deadline(_ timeout: UInt64?) -> UInt64? {
    guard let timeout else { return nil }
    return Clock.monotonicNanoseconds().addingSaturating(timeout)
  }

  /// Waits until something is so. With a deadline a call is not restarted after a signal (signal(7)).
  final func wait(_ queue: WaitQueue, _ deadline: UInt64?, until isReady: () -> Bool) throws(Errno) {
    do throws(Errno) {
      guard try Wait.until(queue, deadline: deadline, isReady) else { throw .EAGAIN }
    } catch {
      throw error == .ERESTARTSYS && deadline != nil ? .EINTR : error
    }
  }

  override final func read(
    at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool
  ) throws(Errno) -> Int {
    if count == 0 { return 0 }
    return try receive(MemoryParts(address, count), [], mayWait: mayWait).count
  }

  override final func write(
    at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool
  ) throws(Errno) -> Int {
    try send(MemoryParts(address, count), OutgoingExtras(), [], mayWait: mayWait)
  }
}
