// SPDX-License-Identifier: Apache-2.0
import Machine

/// Bytes on their way from one local socket to another, and what comes with them. A packet, or a piece of a stream.
final class LocalMessage {
  let bytes: [UInt8]
  /// How many of them were read.
  var start = 0
  var files: [OpenFile]
  let credentials: PeerCredentials?
  /// Who pays for it until it is read, and whose address is told.
  let sender: LocalSocket
  /// The next one that is dropped.
  fileprivate var next: LocalMessage?

  init(_ bytes: [UInt8], _ files: [OpenFile], _ credentials: PeerCredentials?, from sender: LocalSocket) {
    self.bytes = bytes
    self.files = files
    self.credentials = credentials
    self.sender = sender
  }

  var left: Int { bytes.count &- start }

  /// What it costs its sender, about the memory that it takes: the heap gives powers of two.
  var charge: Int { Self.charge(bytes.count) }

  static func charge(_ count: Int) -> Int {
    var size = 512
    while size < count &+ 320 { size &*= 2 }
    return size &+ 256
  }

  /// As much of a stream as one takes.
  static let maximumPiece = 32768 - 320
}

/// Open files that are on their way, and have perhaps no descriptor left.
enum FilesInFlight {
  private static var count = 0
  /// SCM_MAX_FD: in one message.
  static let maximumInMessage = 253

  /// Linux lets a user have as many in flight as open. It finds those that only wait for each other; here they
  /// count until the end.
  static func add(_ files: [OpenFile]) throws(Errno) {
    if files.isEmpty { return }
    guard count &+ files.count <= descriptors.limit else { throw .ETOOMANYREFS }
    count &+= files.count
  }

  static func remove(_ files: [OpenFile]) { count &-= files.count }

  /// A list, which needs no memory.
  private static var dropped: LocalMessage?
  private static var isDropping = false

  /// Lets go of a message that nobody will read. A file in it may be a socket in whose queue are others, and so on:
  /// so it is not done where one of them closes, but one after the other.
  static func drop(_ message: LocalMessage) {
    if message.files.isEmpty { return }
    message.next = dropped
    dropped = message
    if isDropping { return }
    isDropping = true
    while let message = dropped {
      dropped = message.next
      message.next = nil
      remove(message.files)
      message.files = []
    }
    isDropping = false
  }
}
