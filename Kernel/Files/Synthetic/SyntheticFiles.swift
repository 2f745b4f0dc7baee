// SPDX-License-Identifier: Apache-2.0
import Machine

/// The path to which a link leads, if it is one that a program can use.
private func linkText(_ place: Location) throws(Errno) -> [UInt8] {
  let path = place.shownPath()
  guard path.count <= Paths.maximumLength else { throw .ENAMETOOLONG }
  return path
}

/// A file or link of a synthetic file system.
final class SyntheticFile: Node {
  private let content: SyntheticContent
  /// The one that it is about, if it is about a thread.
  private let thread: Int32

  init(_ synthetic: SyntheticFileSystem, _ path: [UInt8], _ content: SyntheticContent, thread: Int32 = 0) {
    self.content = content
    self.thread = thread
    let attributes =
      switch content {
      case .link, .changingLink, .place: Attributes(type: .symbolicLink, permissions: 0o777)
      case .writable, .writableOfThread: Attributes(type: .regular, permissions: 0o644)
      default: Attributes(type: .regular, permissions: 0o444)
      }
    super.init(fileSystem: synthetic, number: SyntheticFileSystem.number(of: path), attributes: attributes)
  }

  override func opened(_ flags: OpenFlags) throws(Errno) -> Node {
    guard attributes.isRegular else { throw .ELOOP }
    if flags.isWritable {
      guard isWritable else { throw .EACCES }
    }
    return OpenedText(self)
  }

  private var isWritable: Bool {
    switch content {
    case .writable, .writableOfThread: true
    default: false
    }
  }

  /// The text as it is now; ESRCH if the thread that it is about has ended.
  func make() throws(Errno) -> GeneratedText {
    var text = GeneratedText()
    switch content {
    case .text(let generate), .writable(let generate, _): generate(&text)
    case .ofThread(let generate), .writableOfThread(let generate, _): generate(try findThread(), &text)
    case .constant(let constant): text.add(constant)
    default: break
    }
    return text
  }

  private func findThread() throws(Errno) -> Thread {
    guard let thread = Threads.find(thread) else { throw .ESRCH }
    return thread
  }

  func take(_ bytes: [UInt8]) throws(Errno) {
    switch content {
    case .writable(_, let take): try take(bytes)
    case .writableOfThread(_, let take): try take(findThread(), bytes)
    default: throw .EIO
    }
  }

  /// O_TRUNC means nothing to a file whose content is made when it is read.
  override func truncate(to size: UInt64) throws(Errno) {
    guard isWritable else { throw .EACCES }
  }

  override func readLink() throws(Errno) -> [UInt8] {
    switch content {
    case .link(let target): return bytes(of: target)
    case .changingLink(let target): return target()
    case .place(let find):
      guard let place = find() else { throw .ENOENT }
      return try linkText(place)
    default: throw .EINVAL
    }
  }

  override func followMagicLink() throws(Errno) -> Location? {
    guard case .place(let find) = content else { return nil }
    guard let place = find() else { throw .ENOENT }
    return place
  }

  override func setAttributes(_ change: AttributeChange) throws(Errno) { throw .EPERM }
}

/// A synthetic file that is open: the text as it was when reading began at its start.
final class OpenedText: Node {
  private let file: SyntheticFile
  private var text: GeneratedText?

  init(_ file: SyntheticFile) {
    self.file = file
    super.init(fileSystem: file.fileSystem, number: file.number, attributes: file.attributes)
  }

  private func current(_ offset: UInt64) throws(Errno) -> GeneratedText {
    if offset > 0, let text { return text }
    try reserveKernelMemory()
    let new = try file.make()
    if new.isCut { throw .ENOMEM }
    text = new
    return new
  }

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    let text = try current(offset)
    var done = 0
    while done < count {
      let part = text.bytes(at: offset &+ UInt64(done), limit: count &- done)
      if part.isEmpty { break }
      guard ProgramMemory.write(part.span, to: address &+ UInt64(done)) else {
        if done == 0 { throw .EFAULT }
        break
      }
      done &+= part.count
    }
    return done
  }

  override func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    let text = try current(offset)
    var done = 0
    while done < bytes.count {
      let part = text.bytes(at: offset &+ UInt64(done), limit: bytes.count &- done)
      if part.isEmpty { break }
      for index in part.indices { bytes[done &+ index] = part[index] }
      done &+= part.count
    }
    return done
  }

  override func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    guard count <= 4096 else { throw .EINVAL }
    guard let bytes = ProgramMemory.bytes(at: address, count: count) else { throw .EFAULT }
    try file.take(bytes)
    return count
  }

  override func truncate(to size: UInt64) throws(Errno) { try file.truncate(to: size) }
  override func synchronize(dataOnly: Bool) throws(Errno) { throw .EINVAL }
}

/// `/proc/self/fd/N`: leads to the very file that is open.
final class DescriptorLink: Node {
  private let descriptor: UInt64

  init(_ synthetic: SyntheticFileSystem, _ path: [UInt8], _ descriptor: UInt64) {
    self.descriptor = descriptor
    var permissions: UInt32 = 0o100
    if let file = descriptors.any(descriptor) {
      if file.isReadable { permissions |= 0o400 }
      if file.isWritable { permissions |= 0o200 }
    }
    super.init(
      fileSystem: synthetic, number: SyntheticFileSystem.number(of: path),
      attributes: Attributes(type: .symbolicLink, permissions: permissions))
    attributes.size = 64
  }

  private func file() throws(Errno) -> OpenFile {
    guard let file = descriptors.any(descriptor) else { throw .ENOENT }
    return file
  }

  override func readLink() throws(Errno) -> [UInt8] { try linkText(file().location) }
  override func followMagicLink() throws(Errno) -> Location? { try file().location }
  override func setAttributes(_ change: AttributeChange) throws(Errno) { throw .EPERM }
}

/// A device's name in `/dev`.
final class DeviceFile: Node {
  private let device: CharacterDevice

  init(_ synthetic: SyntheticFileSystem, _ path: [UInt8], _ device: CharacterDevice) {
    self.device = device
    super.init(
      fileSystem: synthetic, number: SyntheticFileSystem.number(of: path), attributes: device.attributes)
  }

  override func opened(_ flags: OpenFlags) throws(Errno) -> Node { try device.opened(flags) }
  override func truncate(to size: UInt64) throws(Errno) {}
}
