// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// A socket of the family AF_UNIX (unix(7)). What is sent stands in the queue of the one that receives it, and is paid
/// for by the one that sent it.
final class LocalSocket: Socket {
  enum State { case unconnected, listening, connected }

  var state = State.unconnected
  var name: LocalName?
  /// The other end, or, of a datagram socket, where it sends to. Two that are connected hold each other until one of
  /// them closes.
  var peer: LocalSocket?
  var credentials = PeerCredentials.none
  /// Directions that are closed.
  var closedSides: ShutdownSides = []
  private(set) var isDead = false

  /// What it has received.
  var queue = Queue<LocalMessage>()
  /// What its own messages that nobody has read cost.
  private var charged = 0

  /// Connections that nobody has accepted, and how many there may be; of a datagram socket, how many messages of
  /// others.
  var pending = Queue<LocalSocket>()
  var backlog = LocalSocket.messageBacklog
  /// Who waits for room in `queue` or `pending`.
  var senders = WaitPlace()
  /// Those that were told that they cannot write because `queue` is full.
  private var relays: [LocalSocket] = []
  private var isRelayed = false

  /// `/proc/sys/net/unix/max_dgram_qlen`.
  static let messageBacklog = 10
  /// `/proc/sys/net/core/somaxconn`.
  static let maximumBacklog: UInt32 = 4096

  init(_ kind: SocketKind) { super.init(family: 1, kind: kind) }

  override var isListening: Bool { state == .listening }
  override var peerCredentials: PeerCredentials { credentials }

  // MARK: names

  override func bind(_ address: [UInt8]) throws(Errno) {
    // Only the family: a name of the kernel's choice.
    if address.count == 2 && address == LocalNames.family {
      if name == nil { try LocalNames.bindAutomatically(self) }
      return
    }
    try LocalNames.check(address)
    try LocalNames.bind(self, address)
  }

  /// Its address; without a name only the family.
  private var address: [UInt8] { name?.address ?? LocalNames.family }

  override func localName() throws(Errno) -> [UInt8] { address }

  override func peerName() throws(Errno) -> [UInt8] {
    guard let peer else { throw .ENOTCONN }
    return peer.address
  }

  // MARK: what differs between the kinds

  override func listen(_ backlog: Int32) throws(Errno) { try startListening(backlog) }
  override func accept(mayWait: Bool) throws(Errno) -> Socket { try takeConnection(mayWait: mayWait) }

  override func connect(_ address: [UInt8], mayWait: Bool) throws(Errno) {
    if kind.isConnected {
      try connectToListener(address, mayWait: mayWait)
    } else {
      try connectDatagrams(address)
    }
  }

  override func pair(with other: Socket) throws(Errno) {
    guard let other = other as? LocalSocket else { throw .EOPNOTSUPP }
    pairLocally(with: other)
  }

  override func send(
    _ parts: MemoryParts, _ extras: OutgoingExtras, _ flags: MessageFlags, mayWait: Bool
  ) throws(Errno) -> Int {
    kind == .stream
      ? try sendStream(parts, extras, flags, mayWait: mayWait) : try sendPacket(parts, extras, flags, mayWait: mayWait)
  }

  override func receive(_ parts: MemoryParts, _ flags: MessageFlags, mayWait: Bool) throws(Errno) -> IncomingMessage {
    kind == .stream
      ? try receiveStream(parts, flags, mayWait: mayWait) : try receivePacket(parts, flags, mayWait: mayWait)
  }

  override func writeStream(_ bytes: Span<UInt8>, mayWait: Bool) throws(Errno) -> Int {
    guard kind == .stream else { throw .EINVAL }
    return try sendStream(count: bytes.count, OutgoingExtras(), [], mayWait: mayWait) { start, count in
      var copy: [UInt8] = []
      copy.reserveCapacity(count)
      for index in start..<start &+ count { copy.append(bytes[index]) }
      return copy
    }
  }

  // MARK: room

  var hasRoom: Bool { charged < Int(options.sendBuffer) }
  /// Linux calls it writable when three quarters are free.
  private var isWritable: Bool { charged &* 4 <= Int(options.sendBuffer) }

  /// Appends a message, for which there is room, to the queue of `receiver`.
  func put(_ message: LocalMessage, to receiver: LocalSocket) {
    charged &+= message.charge
    receiver.queue.append(message)
    receiver.waiters.wake(.input)
  }

  /// The oldest message is read, or will not be.
  func removeFirst() {
    guard let message = queue.popFirst() else { return }
    let sender = message.sender
    sender.charged &-= message.charge
    if sender.isWritable && !sender.isDead { sender.waiters.wake([.writable, .writableNormal, .writableBand]) }
    hasBecomeRoomier()
  }

  /// Tells those that wait for room here.
  func hasBecomeRoomier() {
    senders.wake(.output)
    guard !relays.isEmpty else { return }
    let told = relays
    relays = []
    for socket in told {
      socket.isRelayed = false
      socket.waiters.wake([.writable, .writableNormal, .writableBand])
    }
  }

  /// Whether a datagram of `sender`'s has to wait for others to be read. Two that send only to each other need not.
  func isFull(for sender: LocalSocket) -> Bool { peer !== sender && queue.count > backlog }

  // MARK: readiness

  override func readiness() -> Readiness {
    var result: Readiness = []
    if error != nil { result.insert(.error) }
    if closedSides == .both { result.insert(.hangUp) }
    if closedSides.contains(.receiving) { result.formUnion([.readHangUp, .readable, .readableNormal]) }
    if !queue.isEmpty || !pending.isEmpty { result.formUnion(.input) }
    if kind.isConnected && state == .unconnected { result.insert(.hangUp) }
    if state != .listening && isWritable && !waitsForPeer() {
      result.formUnion([.writable, .writableNormal, .writableBand])
    }
    return result
  }

  /// Whether the one that it sends to takes no more. If so, this one is told when it does.
  private func waitsForPeer() -> Bool {
    guard kind == .datagram, let peer, peer.isFull(for: self), !peer.isDead else { return false }
    if !isRelayed {
      isRelayed = true
      peer.relays.append(self)
    }
    return true
  }

  /// It no longer sends to its peer.
  func leavePeer() {
    if isRelayed, let peer {
      peer.relays.removeAll { $0 === self }
      isRelayed = false
    }
    peer = nil
  }

  // MARK: closing

  override func shutdown(_ sides: ShutdownSides) throws(Errno) {
    closedSides.formUnion(sides)
    waiters.wake()
    senders.wake()
    guard kind.isConnected, let peer else { return }
    var others: ShutdownSides = []
    if sides.contains(.receiving) { others.insert(.sending) }
    if sides.contains(.sending) { others.insert(.receiving) }
    peer.closedSides.formUnion(others)
    peer.waiters.wake()
  }

  override func closed(_ flags: OpenFlags) { close(isAccepted: true) }

  /// Closes it for good. What nobody has accepted breaks off instead of ending.
  private func close(isAccepted: Bool) {
    LocalNames.remove(self)
    let wasListening = state == .listening
    state = .unconnected
    closedSides = .both
    isDead = true
    if let peer, kind.isConnected {
      peer.closedSides = .both
      if !queue.isEmpty || !isAccepted { peer.error = .ECONNRESET }
      peer.waiters.wake()
    }
    leavePeer()
    if wasListening {
      while let waiting = pending.popFirst() { waiting.close(isAccepted: false) }
    }
    discardQueue()
    waiters.wake()
    senders.wake()
  }

  /// Forgets what it has received.
  func discardQueue() {
    while let message = queue.first {
      removeFirst()
      FilesInFlight.drop(message)
    }
    hasBecomeRoomier()
  }

  // MARK: control

  override func control(_ request: UInt32, _ argument: UInt64) throws(Errno) -> UInt64 {
    var value = 0
    switch request {
    case ControlRequest.bytesReadable:
      if state == .listening { throw .EINVAL }
      if kind.isConnected {
        for position in 0..<queue.count { value &+= queue[position].left }
      } else {
        value = queue.first?.left ?? 0
      }
    case ControlRequest.bytesUnsent: value = charged
    default: throw .ENOTTY
    }
    try check(ProgramMemory.store(Int32(truncatingIfNeeded: value), at: argument))
    return 0
  }
}
