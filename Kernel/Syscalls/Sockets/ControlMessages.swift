// SPDX-License-Identifier: Apache-2.0
import Machine

/// What stands beside the bytes of a message: `struct cmsghdr` and its data, one after the other (cmsg(3)).
enum ControlMessages {
  private static let headerSize: UInt64 = 16
  private static let socketLevel: Int32 = 1
  /// SCM_RIGHTS and SCM_CREDENTIALS.
  private static let rights: Int32 = 1
  private static let credentials: Int32 = 2
  /// `/proc/sys/net/core/optmem_max`.
  private static let maximumLength: UInt64 = 131_072

  private struct Header: BitwiseCopyable {
    var length: UInt64
    var level: Int32
    var type: Int32
  }

  // MARK: sending

  /// Reads what is to be sent.
  static func load(at address: UInt64, length: UInt64, into extras: inout OutgoingExtras) throws(Errno) {
    guard length <= maximumLength else { throw .ENOBUFS }
    var offset: UInt64 = 0
    while length &- offset >= headerSize {
      guard let header = ProgramMemory.load(Header.self, at: address &+ offset) else { throw .EFAULT }
      guard header.length >= headerSize, header.length <= length &- offset else { throw .EINVAL }
      if header.level == socketLevel {
        let data = address &+ offset &+ headerSize
        let size = header.length &- headerSize
        switch header.type {
        case rights: try loadFiles(data, Int(size / 4), &extras)
        case credentials: try loadCredentials(data, size, &extras)
        default: throw .EINVAL
        }
      }
      // Aligned; the end of the last one need not be.
      let (next, overflow) = offset.addingReportingOverflow((header.length &+ 7) & ~7)
      if overflow || next >= length { break }
      offset = next
    }
  }

  private static func loadFiles(_ address: UInt64, _ count: Int, _ extras: inout OutgoingExtras) throws(Errno) {
    guard extras.files.count &+ count <= FilesInFlight.maximumInMessage else { throw .EINVAL }
    for index in 0..<UInt64(count) {
      guard let number = ProgramMemory.load(Int32.self, at: address &+ index &* 4) else { throw .EFAULT }
      extras.files.append(try descriptors.anyFile(UInt64(UInt32(bitPattern: number))))
    }
  }

  private static func loadCredentials(_ address: UInt64, _ size: UInt64, _ extras: inout OutgoingExtras) throws(Errno) {
    guard size == UInt64(MemoryLayout<PeerCredentials>.size) else { throw .EINVAL }
    guard let given = ProgramMemory.load(PeerCredentials.self, at: address) else { throw .EFAULT }
    // There is no other process to pretend to be.
    guard given.process == ProcessGroup.process else { throw identity.may(.administration) ? .ESRCH : .EPERM }
    guard identity.users.contains(given.user) || identity.may(.setUserID),
      identity.ownGroups.contains(given.group) || identity.may(.setGroupID)
    else { throw .EPERM }
    extras.credentials = given
  }

  // MARK: receiving

  /// Stores what came with a message into `length` bytes. Returns how many were used, and MSG_CTRUNC if it was not
  /// enough.
  static func store(
    _ message: IncomingMessage, wantsCredentials: Bool, at address: UInt64, length: UInt64, closeOnExec: Bool
  ) throws(Errno) -> (used: UInt64, flags: MessageFlags) {
    if address == 0 || length == 0 {
      return (0, wantsCredentials || !message.files.isEmpty ? .controlTruncated : [])
    }
    var used: UInt64 = 0
    var flags: MessageFlags = []
    if wantsCredentials { try storeCredentials(message.credentials, address, length, &used, &flags) }
    if !message.files.isEmpty { try storeFiles(message.files, address, length, &used, &flags, closeOnExec) }
    return (used, flags)
  }

  /// Who nobody is, to programs (`/proc/sys/kernel/overflowuid`).
  private static let nobody: UInt32 = 65534

  private static func storeCredentials(
    _ given: PeerCredentials?, _ address: UInt64, _ length: UInt64, _ used: inout UInt64, _ flags: inout MessageFlags
  ) throws(Errno) {
    let value = given ?? PeerCredentials(process: 0, user: nobody, group: nobody)
    guard length >= headerSize else {
      flags.insert(.controlTruncated)
      return
    }
    let whole = headerSize &+ UInt64(MemoryLayout<PeerCredentials>.size)
    let stored = min(whole, length)
    if stored < whole { flags.insert(.controlTruncated) }
    try check(
      ProgramMemory.store(Header(length: stored, level: socketLevel, type: credentials), at: address))
    let words = [UInt32(bitPattern: value.process), value.user, value.group]
    var bytes: [UInt8] = []
    for word in words { for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(shift &* 8))) } }
    try check(
      ProgramMemory.write(bytes.span.extracting(0..<Int(stored &- headerSize)), to: address &+ headerSize))
    used = min((stored &+ 7) & ~7, length)
  }

  private static func storeFiles(
    _ files: [OpenFile], _ address: UInt64, _ length: UInt64, _ used: inout UInt64, _ flags: inout MessageFlags,
    _ closeOnExec: Bool
  ) throws(Errno) {
    let left = length &- used
    let room = left > headerSize ? Int(min((left &- headerSize) / 4, 1024)) : 0
    let start = address &+ used
    var stored = 0
    while stored < min(room, files.count) {
      let place = start &+ headerSize &+ UInt64(stored) &* 4
      guard ProgramMemory.isRange(place, 4),
        let number = try? descriptors.install(files[stored], closeOnExec: closeOnExec)
      else { break }
      guard ProgramMemory.store(UInt32(truncatingIfNeeded: number), at: place) else {
        try? descriptors.close(number)
        break
      }
      stored &+= 1
    }
    if stored < files.count { flags.insert(.controlTruncated) }
    guard stored > 0 else { return }
    let size = headerSize &+ UInt64(stored) &* 4
    try check(ProgramMemory.store(Header(length: size, level: socketLevel, type: rights), at: start))
    used &+= min((size &+ 7) & ~7, left)
  }
}
