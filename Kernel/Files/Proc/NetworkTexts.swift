// SPDX-License-Identifier: Apache-2.0

/// What `/proc/net` tells.
enum NetworkTexts {
  /// The local sockets that are open (proc(5), "/proc/net/unix"); those that are on their way inside of messages, or
  /// wait to be accepted, are not among them.
  static func localSockets(_ text: inout GeneratedText) {
    text.add("Num       RefCount Protocol Flags    Type St Inode Path\n")
    var shown: [LocalSocket] = []
    var next = descriptors.next(from: 0)
    while let number = next {
      next = descriptors.next(from: number + 1)
      guard let socket = descriptors.any(UInt64(number))?.content as? LocalSocket else { continue }
      if shown.contains(where: { $0 === socket }) { continue }
      shown.append(socket)
      show(socket, &text)
    }
  }

  private static func show(_ socket: LocalSocket, _ text: inout GeneratedText) {
    text.add("0000000000000000: ")
    // Itself, and its name or the other end.
    text.add(hexadecimal: socket.name == nil && socket.state != .connected ? 2 : 3, width: 8)
    text.add(" 00000000 ")
    text.add(socket.isListening ? "00010000 " : "00000000 ")
    text.add(hexadecimal: UInt64(socket.kind.rawValue), width: 4)
    text.add(socket.state == .connected ? " 03 " : " 01 ")
    text.add(decimal: socket.number)
    if let address = socket.name?.address {
      text.add(" ")
      // An abstract name is shown with "@" for its zeros, a path without the one at its end.
      let isAbstract = address[2] == 0
      for byte in address[2...] {
        if byte == 0 && !isAbstract { break }
        text.add(byte == 0 ? UInt8(ascii: "@") : byte)
      }
    }
    text.add("\n")
  }
}
