// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// The name of a bound local socket (unix(7)): a path, or bytes that begin with zero.
struct LocalName {
  /// As `getsockname` tells it, with the family in front.
  let address: [UInt8]
  /// The file of a path; it is held so that its number means nobody else's.
  let node: Node?
}

/// Which sockets have names.
enum LocalNames {
  private static var byAbstractName = HashTable<LocalSocket>()
  private static var byFile = HashTable<LocalSocket>()
  private static var lastAutomatic: UInt32 = 0

  /// AF_UNIX, as an address begins.
  static let family: [UInt8] = [1, 0]
  /// The longest address: a family and 108 bytes.
  static let maximumLength = 110

  /// What a program may name: EINVAL for other families and lengths.
  static func check(_ address: [UInt8]) throws(Errno) {
    guard address.count > 2, address.count <= maximumLength, address[0] == 1, address[1] == 0 else { throw .EINVAL }
  }

  static func isAbstract(_ address: [UInt8]) -> Bool { address[2] == 0 }

  /// The path of an address, which ends at the first zero.
  private static func path(_ address: [UInt8]) -> [UInt8] {
    var path: [UInt8] = []
    for byte in address[2...] {
      if byte == 0 { break }
      path.append(byte)
    }
    return path
  }

  private static func hash(_ node: Node) -> UInt32 {
    UInt32(truncatingIfNeeded: (node.number ^ node.fileSystem.device << 20) &* 0x9e37_79b9_7f4a_7c15 >> 32)
  }

  // MARK: looking up

  private static func slot(_ address: [UInt8], _ kind: SocketKind) -> Int? {
    byAbstractName.index(hash: NameHash.of(address, seed: NameCache.seed)) {
      $0.kind == kind && $0.name?.address == address
    }
  }

  /// The socket of an address, for one of the same kind that is to talk to it.
  static func find(_ address: [UInt8], _ kind: SocketKind) throws(Errno) -> LocalSocket {
    if isAbstract(address) {
      guard let slot = slot(address, kind) else { throw .ECONNREFUSED }
      return byAbstractName[slot]
    }
    let text = try PathText(path(address))
    let node = try Paths.find(Paths.workingDirectory, text, .followsLast).existing()
    try Access.check(node, .write)
    guard node.attributes.type == .socket,
      let slot = byFile.index(hash: hash(node), where: { $0.name?.node === node })
    else { throw .ECONNREFUSED }
    guard byFile[slot].kind == kind else { throw .EPROTOTYPE }
    return byFile[slot]
  }

  // MARK: binding

  /// Gives a socket a name; EINVAL if it has one.
  static func bind(_ socket: LocalSocket, _ address: [UInt8]) throws(Errno) {
    if isAbstract(address) { return try bindAbstract(socket, address) }
    try reserveKernelMemory(bytes: byFile.bytesToGrow)
    let path = path(address)
    let node: Node
    do throws(Errno) {
      let text = try PathText(path)
      let (location, parent) = try newName(Paths.find(Paths.workingDirectory, text, [.creates, .name]))
      if socket.name != nil { throw .EINVAL }
      node = try parent.create(
        location.name, Access.newNode(.socket, socket.attributes.permissions, in: parent))
      location.node = node
      FileNotifications.note(.create, location.name, in: parent, isDirectory: false)
    } catch {
      throw error == .EEXIST ? .EADDRINUSE : error
    }
    socket.name = LocalName(address: family + path + [0], node: node)
    byFile.insert(socket, hash: hash(node))
  }

  private static func bindAbstract(_ socket: LocalSocket, _ address: [UInt8]) throws(Errno) {
    try reserveKernelMemory(bytes: byAbstractName.bytesToGrow)
    if socket.name != nil { throw .EINVAL }
    if slot(address, socket.kind) != nil { throw .EADDRINUSE }
    socket.name = LocalName(address: address, node: nil)
    byAbstractName.insert(socket, hash: NameHash.of(address, seed: NameCache.seed))
  }

  /// Gives a socket that has none a name that nobody has: five hexadecimal digits.
  static func bindAutomatically(_ socket: LocalSocket) throws(Errno) {
    for _ in 0..<0x10_0000 {
      lastAutomatic = (lastAutomatic &+ 1) & 0xf_ffff
      var address = family + [0]
      address.append(hexadecimal: UInt64(lastAutomatic), width: 5)
      if slot(address, socket.kind) == nil { return try bindAbstract(socket, address) }
    }
    throw .ENOSPC
  }

  /// The socket is closed. The file of a path stays, and nobody answers there any more.
  static func remove(_ socket: LocalSocket) {
    guard let name = socket.name else { return }
    if let node = name.node {
      if let slot = byFile.index(hash: hash(node), where: { $0 === socket }) { byFile.remove(at: slot) }
    } else {
      let hash = NameHash.of(name.address, seed: NameCache.seed)
      if let slot = byAbstractName.index(hash: hash, where: { $0 === socket }) { byAbstractName.remove(at: slot) }
    }
  }
}
