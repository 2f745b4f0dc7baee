// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Sending and receiving on SOCK_DGRAM and SOCK_SEQPACKET: what is sent together is received together
/// (net/unix/af_unix.c, unix_dgram_sendmsg and __unix_dgram_recvmsg).
extension LocalSocket {
  func sendPacket(
    _ parts: MemoryParts, _ extras: OutgoingExtras, _ flags: MessageFlags, mayWait: Bool
  ) throws(Errno) -> Int {
    var name = extras.name
    if kind == .sequencedPacket {
      if let error = takeError() { throw error }
      guard state == .connected else { throw .ENOTCONN }
      name = nil
    }
    if flags.contains(.outOfBand) { throw .EOPNOTSUPP }
    if let name {
      try LocalNames.check(name)
    } else if peer == nil {
      throw .ENOTCONN
    }
    if options.passesCredentials && self.name == nil { try LocalNames.bindAutomatically(self) }
    guard parts.count <= Int(options.sendBuffer) &- 32 else { throw .EMSGSIZE }
    let deadline = deadline(options.sendTimeout)
    try waitForRoom(deadline, mayWait: mayWait)
    try makeRoom(parts.count, in: nil)
    guard let bytes = parts.bytes(0, parts.count) else { throw .EFAULT }
    let receiver = try receiver(name, deadline, mayWait: mayWait)
    try makeRoom(0, in: receiver)
    try FilesInFlight.add(extras.files)
    put(LocalMessage(bytes, extras.files, credentials(extras, for: receiver), from: self), to: receiver)
    return parts.count
  }

  /// Whom a packet goes to, when there is room for it.
  private func receiver(_ name: [UInt8]?, _ deadline: UInt64?, mayWait: Bool) throws(Errno) -> LocalSocket {
    while true {
      let found: LocalSocket
      if let name {
        found = try LocalNames.find(name, kind)
      } else {
        guard let peer else { throw .ENOTCONN }
        found = peer
      }
      guard mayTalk(to: found) else { throw .EPERM }
      if found.isDead {
        if kind == .sequencedPacket { throw .EPIPE }
        leavePeer()
        state = .unconnected
        discardQueue()
        throw .ECONNREFUSED
      }
      if found.closedSides.contains(.receiving) { throw .EPIPE }
      guard found.isFull(for: self) && found !== self else { return found }
      guard mayWait else { throw .EAGAIN }
      try wait(found.senders.queue, deadline) {
        !found.isFull(for: self) || found.isDead || found.closedSides.contains(.receiving)
      }
    }
  }

  func receivePacket(_ parts: MemoryParts, _ flags: MessageFlags, mayWait: Bool) throws(Errno) -> IncomingMessage {
    if kind == .sequencedPacket && state != .connected { throw .ENOTCONN }
    if flags.contains(.outOfBand) { throw .EOPNOTSUPP }
    var result = IncomingMessage()
    if let error = takeError() { throw error }
    if queue.isEmpty {
      if closedSides.contains(.receiving) && (mayWait || kind == .sequencedPacket) { return result }
      guard mayWait else { throw .EAGAIN }
      try wait(waiters.queue, deadline(options.receiveTimeout)) {
        !self.queue.isEmpty || self.error != nil || self.closedSides.contains(.receiving)
      }
      if let error = takeError() { throw error }
    }
    guard let message = queue.first else { return result }
    let length = min(message.left, parts.count)
    result.credentials = message.credentials
    result.name = message.sender.name?.address ?? []
    result.files = message.files
    result.count = length
    if length < message.left {
      result.flags.insert(.truncated)
      if flags.contains(.truncated) { result.count = message.left }
    }
    if !flags.contains(.peek) {
      FilesInFlight.remove(message.files)
      message.files = []
      removeFirst()
    }
    guard parts.store(message.bytes, message.start, length, at: 0) else { throw .EFAULT }
    return result
  }
}
