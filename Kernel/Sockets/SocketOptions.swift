// SPDX-License-Identifier: Apache-2.0

/// What `setsockopt` sets at the level SOL_SOCKET, for sockets of all families.
struct SocketOptions {
  /// In bytes, as Linux counts them: twice what the program asks for, to make up for the kernel's own.
  var sendBuffer = defaultBuffer
  var receiveBuffer = defaultBuffer
  /// In nanoseconds; nil waits for ever.
  var sendTimeout: UInt64?
  var receiveTimeout: UInt64?
  /// So many bytes must be there before `recv` returns.
  var receiveLowWater: Int32 = 1
  /// Every message is to come with who sent it.
  var passesCredentials = false
  /// Kept to be read again: they mean nothing to sockets that are not of the Internet.
  var reusesAddress = false
  var keepsAlive = false
  var broadcasts = false
  var outOfBandInline = false
  var priority: Int32 = 0
  var lingers: Int32 = 0
  var lingerSeconds: Int32 = 0

  /// `/proc/sys/net/core/wmem_default`, `wmem_max`, and those of `rmem`.
  static let defaultBuffer: Int32 = 212_992
  static let maximumBuffer: UInt32 = 212_992
  /// SOCK_MIN_SNDBUF and SOCK_MIN_RCVBUF.
  static let minimumSendBuffer: Int32 = 4608
  static let minimumReceiveBuffer: Int32 = 2304

  static func buffer(_ wanted: Int32, minimum: Int32) -> Int32 {
    max(Int32(min(UInt32(bitPattern: wanted), maximumBuffer)) &* 2, minimum)
  }
}
