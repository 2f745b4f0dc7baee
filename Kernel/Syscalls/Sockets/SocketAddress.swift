// SPDX-License-Identifier: Apache-2.0
import Machine

/// Addresses of sockets as programs give and get them: bytes that begin with a family.
enum SocketAddress {
  /// `struct sockaddr_storage`.
  static let maximumLength = 128

  static func load(at address: UInt64, length: UInt64) throws(Errno) -> [UInt8] {
    let length = Int(int(length))
    guard length >= 0, length <= maximumLength else { throw .EINVAL }
    guard let bytes = ProgramMemory.bytes(at: address, count: length) else { throw .EFAULT }
    return bytes
  }

  /// Stores as much as there is room for, and how long it is in any case. At `lengthAddress` stands an `int`: the room,
  /// then the length.
  static func store(_ name: [UInt8], at address: UInt64, lengthAt lengthAddress: UInt64) throws(Errno) {
    guard let room = ProgramMemory.load(Int32.self, at: lengthAddress) else { throw .EFAULT }
    guard room >= 0 else { throw .EINVAL }
    let stored = min(Int(room), name.count)
    if stored > 0 { try check(ProgramMemory.write(name.span.extracting(0..<stored), to: address)) }
    try check(ProgramMemory.store(Int32(name.count), at: lengthAddress))
  }
}
