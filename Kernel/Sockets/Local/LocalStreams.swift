// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Sending and receiving on SOCK_STREAM (net/unix/af_unix.c, unix_stream_sendmsg and unix_stream_read_generic).
extension LocalSocket {
  /// The other end reads no more: EPIPE, and SIGPIPE for one that has sent nothing by this call.
  private func brokenPipe(_ flags: MessageFlags, _ sent: Int) -> Errno {
    if sent == 0 && !flags.contains(.noSignal) { Signals.brokenPipe() }
    return .EPIPE
  }

  func sendStream(
    _ parts: MemoryParts, _ extras: OutgoingExtras, _ flags: MessageFlags, mayWait: Bool
  ) throws(Errno) -> Int {
    if flags.contains(.outOfBand) { throw .EOPNOTSUPP }
    if extras.name != nil { throw state == .connected ? .EISCONN : .EOPNOTSUPP }
    return try sendStream(count: parts.count, extras, flags, mayWait: mayWait) { parts.bytes($0, $1) }
  }

  /// Sends `count` bytes that `piece` gives; nil from it is EFAULT.
  func sendStream(
    count: Int, _ extras: OutgoingExtras, _ flags: MessageFlags, mayWait: Bool, _ piece: (Int, Int) -> [UInt8]?
  ) throws(Errno) -> Int {
    guard peer != nil else { throw .ENOTCONN }
    if closedSides.contains(.sending) { throw brokenPipe(flags, 0) }
    let deadline = deadline(options.sendTimeout)
    var sent = 0
    var files = extras.files
    do throws(Errno) {
      while sent < count {
        try waitForRoom(deadline, mayWait: mayWait)
        let length = min(count &- sent, max(Int(options.sendBuffer) / 2 &- 64, 1), LocalMessage.maximumPiece)
        try makeRoom(length, in: peer)
        guard let bytes = piece(sent, length) else { throw .EFAULT }
        guard let peer, !peer.isDead, !peer.closedSides.contains(.receiving) else { throw brokenPipe(flags, sent) }
        try FilesInFlight.add(files)
        put(LocalMessage(bytes, files, credentials(extras, for: peer), from: self), to: peer)
        files = []
        sent &+= length
      }
    } catch {
      if sent == 0 { throw error }
    }
    return sent
  }

  /// Waits until there is room for at least one message.
  func waitForRoom(_ deadline: UInt64?, mayWait: Bool) throws(Errno) {
    while true {
      if let error = takeError() { throw error }
      if closedSides.contains(.sending) { throw .EPIPE }
      if hasRoom { return }
      guard mayWait else { throw .EAGAIN }
      try wait(waiters.queue, deadline) {
        self.hasRoom || self.error != nil || self.closedSides.contains(.sending)
      }
    }
  }

  /// Asks for the memory of a message to `receiver`.
  func makeRoom(_ count: Int, in receiver: LocalSocket?) throws(Errno) {
    do throws(Errno) {
      try reserveKernelMemory(bytes: LocalMessage.charge(count) &+ (receiver?.queue.bytesToGrow ?? 0))
    } catch {
      throw .ENOBUFS
    }
  }

  /// Who a message is from, where somebody wants to know.
  func credentials(_ extras: OutgoingExtras, for receiver: LocalSocket) -> PeerCredentials? {
    if let given = extras.credentials { return given }
    return options.passesCredentials || receiver.options.passesCredentials ? .own : nil
  }

  func receiveStream(_ parts: MemoryParts, _ flags: MessageFlags, mayWait: Bool) throws(Errno) -> IncomingMessage {
    guard state == .connected else { throw .EINVAL }
    if flags.contains(.outOfBand) { throw .EOPNOTSUPP }
    let wanted = flags.contains(.waitForAll) ? parts.count : min(Int(max(options.receiveLowWater, 1)), parts.count)
    let deadline = deadline(options.receiveTimeout)
    var result = IncomingMessage()
    // Asking for nothing waits all the same.
    if parts.count == 0 && queue.isEmpty { _ = try hasEnded(0, deadline, mayWait, 0) }
    // Of what is only peeked at.
    var position = 0
    while result.count < parts.count {
      guard position < queue.count else {
        if result.count >= wanted { break }
        if try hasEnded(result.count, deadline, mayWait, position) { break }
        continue
      }
      let message = queue[position]
      if result.count > 0 {
        // What different writers sent is not put together for one who wants to know them.
        if options.passesCredentials && message.credentials != result.credentials { break }
      } else {
        result.credentials = message.credentials
        result.name = message.sender.name?.address ?? []
      }
      let length = min(message.left, parts.count &- result.count)
      guard parts.store(message.bytes, message.start, length, at: result.count) else {
        if result.count == 0 { throw .EFAULT }
        break
      }
      result.count &+= length
      result.files = message.files
      let hadFiles = !message.files.isEmpty
      if flags.contains(.peek) {
        position &+= 1
      } else {
        FilesInFlight.remove(message.files)
        message.files = []
        message.start &+= length
        if message.left == 0 { removeFirst() }
      }
      // The files belong to these bytes and no others.
      if hadFiles { break }
    }
    return result
  }

  /// Whether nothing more comes; waits until something does. An error only where nothing was received before.
  private func hasEnded(
    _ received: Int, _ deadline: UInt64?, _ mayWait: Bool, _ position: Int
  ) throws(Errno) -> Bool {
    if received > 0 && error != nil { return true }
    if let error = takeError() { throw error }
    if closedSides.contains(.receiving) { return true }
    do throws(Errno) {
      guard mayWait else { throw .EAGAIN }
      try wait(waiters.queue, deadline) {
        position < self.queue.count || self.error != nil || self.closedSides.contains(.receiving)
      }
    } catch {
      if received > 0 { return true }
      throw error
    }
    return false
  }
}
