// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Listening, connecting and accepting.
extension LocalSocket {
  /// Makes this and `other` the two ends of a connection.
  private func join(_ other: LocalSocket) {
    peer = other
    other.peer = self
    state = .connected
    other.state = .connected
  }

  func pairLocally(with other: LocalSocket) {
    join(other)
    credentials = .ownEffective
    other.credentials = .ownEffective
  }

  func startListening(_ backlog: Int32) throws(Errno) {
    guard kind.isConnected else { throw .EOPNOTSUPP }
    guard name != nil, state != .connected else { throw .EINVAL }
    self.backlog = Int(min(UInt32(bitPattern: backlog), Self.maximumBacklog))
    state = .listening
    // What a client is told of whom it has connected to.
    credentials = .ownEffective
    senders.wake()
  }

  func takeConnection(mayWait: Bool) throws(Errno) -> LocalSocket {
    guard kind.isConnected else { throw .EOPNOTSUPP }
    guard state == .listening else { throw .EINVAL }
    if pending.isEmpty {
      if closedSides.contains(.receiving) { throw .EINVAL }
      guard mayWait else { throw .EAGAIN }
      try wait(waiters.queue, deadline(options.receiveTimeout)) {
        !self.pending.isEmpty || self.closedSides.contains(.receiving)
      }
    }
    guard let connection = pending.popFirst() else { throw .EINVAL }
    hasBecomeRoomier()
    return connection
  }

  /// Connects a stream or a socket of packets to one that listens.
  func connectToListener(_ address: [UInt8], mayWait: Bool) throws(Errno) {
    try LocalNames.check(address)
    if options.passesCredentials && name == nil { try LocalNames.bindAutomatically(self) }
    let deadline = deadline(options.sendTimeout)
    while true {
      let listener = try LocalNames.find(address, kind)
      guard listener.state == .listening, !listener.closedSides.contains(.receiving) else { throw .ECONNREFUSED }
      if listener.pending.count > listener.backlog {
        guard mayWait else { throw .EAGAIN }
        try wait(listener.senders.queue, deadline) {
          listener.pending.count <= listener.backlog || listener.state != .listening
            || listener.closedSides.contains(.receiving)
        }
        // Somebody else may answer to the name by now.
        continue
      }
      if state == .connected { throw .EISCONN }
      guard state == .unconnected else { throw .EINVAL }
      try reserveKernelMemory(bytes: listener.pending.bytesToGrow)
      let connection = LocalSocket(kind)
      connection.name = listener.name.map { LocalName(address: $0.address, node: $0.node) }
      connection.options.passesCredentials = listener.options.passesCredentials
      connection.join(self)
      connection.credentials = .ownEffective
      credentials = listener.credentials
      listener.pending.append(connection)
      listener.waiters.wake(.input)
      return
    }
  }

  /// Chooses where a datagram socket sends to, and whose messages it takes.
  func connectDatagrams(_ address: [UInt8]) throws(Errno) {
    guard address.count >= 2 else { throw .EINVAL }
    var target: LocalSocket?
    // AF_UNSPEC: to nobody.
    if address[0] != 0 || address[1] != 0 {
      try LocalNames.check(address)
      if options.passesCredentials && name == nil { try LocalNames.bindAutomatically(self) }
      let found = try LocalNames.find(address, kind)
      guard mayTalk(to: found) else { throw .EPERM }
      target = found
    }
    if let old = peer, old !== target {
      leavePeer()
      // What came from the old one is not the new one's.
      if !queue.isEmpty {
        discardQueue()
        if !old.isDead && old.peer === self {
          old.error = .ECONNRESET
          old.waiters.wake()
        }
      }
    }
    peer = target
    state = target == nil ? .unconnected : .connected
    waiters.wake(.output)
  }

  /// One that has chosen its partner takes messages from nobody else.
  func mayTalk(to other: LocalSocket) -> Bool { other.peer == nil || other.peer === self }
}
