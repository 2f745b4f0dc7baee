// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// What stands at a path of a synthetic file system.
enum SyntheticContent {
  /// Text that is made anew whenever somebody starts to read.
  case text((inout GeneratedText) -> Void)
  /// Text that may also be written; what is written is given to the second function.
  case writable((inout GeneratedText) -> Void, ([UInt8]) throws(Errno) -> Void)
  /// The same about a thread: the first one, or the one in whose directory the file is.
  case ofThread((Thread, inout GeneratedText) -> Void)
  case writableOfThread((Thread, inout GeneratedText) -> Void, (Thread, [UInt8]) throws(Errno) -> Void)
  /// The same text always.
  case constant(StaticString)
  /// A symbolic link.
  case link(StaticString)
  /// A symbolic link whose target is made when somebody asks.
  case changingLink(() -> [UInt8])
  /// A link that leads to a file rather than a path, or nowhere if there is none.
  case place(() -> Location?)
  /// An empty directory, or one with entries of its own in the table.
  case directory
  /// A directory for each descriptor: links to its file, or texts about it.
  case descriptorLinks
  case descriptorTexts
  case device(CharacterDevice)
  /// A directory with one for each thread, which looks like the one in which it stands.
  case threads
  /// One of those.
  case thread(Int32)
}

/// One row of a synthetic file system's table.
struct SyntheticEntry {
  /// Without a slash in front. The directories on the way need no rows of their own.
  let path: StaticString
  let content: SyntheticContent

  init(_ path: StaticString, _ content: SyntheticContent) {
    self.path = path
    self.content = content
  }

  /// Whether the component of the path behind `prefix` is `name`: nil if not, else whether the path ends there.
  func isLast(_ name: [UInt8], behind prefix: [UInt8]) -> Bool? {
    let end = prefix.count &+ name.count
    guard path.byteCount >= end else { return nil }
    let isLast = path.byteCount == end
    if !isLast && path.byte(at: end) != UInt8(ascii: "/") { return nil }
    // From the end: paths differ there, and begin alike.
    var index = end
    while index > 0 {
      index &-= 1
      if path.byte(at: index) != (index < prefix.count ? prefix[index] : name[index &- prefix.count]) { return nil }
    }
    return isLast
  }

  /// The component of the path that stands behind `prefix` (a directory's path with a slash at its end, or
  /// nothing), and whether the path ends there; nil if it does not start with the prefix.
  func component(behind prefix: [UInt8]) -> (name: [UInt8], isLast: Bool)? {
    guard path.byteCount > prefix.count else { return nil }
    // From the end: paths differ there, and begin alike.
    var index = prefix.count
    while index > 0 {
      index -= 1
      if path.byte(at: index) != prefix[index] { return nil }
    }
    var name: [UInt8] = []
    index = prefix.count
    while index < path.byteCount {
      let byte = path.byte(at: index)
      if byte == UInt8(ascii: "/") { return (name, false) }
      name.append(byte)
      index += 1
    }
    return (name, true)
  }
}

/// A file system whose files are all rows of a table: `/proc`, `/sys`, `/dev`.
final class SyntheticFileSystem: FileSystem {
  let entries: [SyntheticEntry]

  /// Why nothing can be made here: Linux has its own error for each of them.
  let refusal: Errno

  init(
    typeName: StaticString, magic: UInt64, _ entries: [SyntheticEntry], refusal: Errno
  ) {
    self.entries = entries
    self.refusal = refusal
    super.init(typeName: typeName, magic: magic, source: typeName)
  }

  func root() -> Node { SyntheticDirectory(self, path: [], .directory) }

  /// The same path, the same number.
  static func number(of path: [UInt8]) -> UInt64 { path.isEmpty ? 1 : UInt64(NameHash.of(path, seed: 0)) | 1 << 32 }
}

/// A directory of a synthetic file system.
final class SyntheticDirectory: Node {
  /// Without slashes at the ends.
  private let path: [UInt8]
  private let content: SyntheticContent
  private let synthetic: SyntheticFileSystem

  init(_ synthetic: SyntheticFileSystem, path: [UInt8], _ content: SyntheticContent) {
    self.synthetic = synthetic
    self.path = path
    self.content = content
    super.init(
      fileSystem: synthetic, number: SyntheticFileSystem.number(of: path),
      attributes: Attributes(type: .directory, permissions: 0o555))
    attributes.linkCount = 2
    if case .threads = content { attributes.linkCount &+= UInt32(Threads.count) }
    if case .thread = content { attributes.linkCount = 3 }
  }

  /// What rows of this directory begin with.
  private var prefix: [UInt8] {
    if path.isEmpty { return [] }
    var result = path
    if case .thread = content {
      // Without "/task" and the number.
      for _ in 0..<2 { result.removeLast(result.count &- (result.lastIndex(of: UInt8(ascii: "/")) ?? 0)) }
    }
    result.append(UInt8(ascii: "/"))
    return result
  }

  override var hasStableNames: Bool {
    switch content {
    case .descriptorLinks, .descriptorTexts, .threads, .thread: false
    default: !isListOfProcesses
    }
  }

  private func path(of name: [UInt8]) -> [UInt8] {
    var result = path
    if !result.isEmpty { result.append(UInt8(ascii: "/")) }
    result.append(contentsOf: name)
    return result
  }

  override func lookup(_ name: [UInt8]) throws(Errno) -> Node? {
    switch content {
    case .descriptorLinks, .descriptorTexts: return try descriptor(name)
    case .threads: return thread(name, path)
    default: break
    }
    let prefix = prefix
    var isDirectory = false
    var number = ProcessGroup.process
    if case .thread(let own) = content { number = own }
    for entry in synthetic.entries {
      guard let isLast = entry.isLast(name, behind: prefix) else { continue }
      if !isLast {
        isDirectory = true
        continue
      }
      switch entry.content {
      case .threads:
        // Not in itself.
        if case .thread = content { continue }
        return SyntheticDirectory(synthetic, path: path(of: name), entry.content)
      case .directory, .descriptorLinks, .descriptorTexts, .thread:
        return SyntheticDirectory(synthetic, path: path(of: name), entry.content)
      case .device(let device): return DeviceFile(synthetic, path(of: name), device)
      default: return SyntheticFile(synthetic, path(of: name), entry.content, thread: number)
      }
    }
    if isDirectory { return SyntheticDirectory(synthetic, path: path(of: name), .directory) }
    // `/proc/N` of a thread is there for those who know it, as on Linux, although nobody finds it listed.
    return isListOfProcesses ? thread(name, bytes(of: "1/task")) : nil
  }

  private var isListOfProcesses: Bool { path.isEmpty && synthetic.magic == ProcTable.magic }

  /// The number that `name` is, written as it would be shown.
  private func number(_ name: [UInt8]) -> UInt64? {
    guard let number = name.decimalNumber() else { return nil }
    var canonical: [UInt8] = []
    canonical.append(decimal: number)
    return canonical == name ? number : nil
  }

  private func thread(_ name: [UInt8], _ directory: [UInt8]) -> Node? {
    guard let number = number(name), number <= 0x7fff_ffff, Threads.find(Int32(number)) != nil else { return nil }
    var path = directory
    path.append(UInt8(ascii: "/"))
    path.append(contentsOf: name)
    return SyntheticDirectory(synthetic, path: path, .thread(Int32(number)))
  }

  private func descriptor(_ name: [UInt8]) throws(Errno) -> Node? {
    guard let number = number(name), number <= 0xffff_ffff, descriptors.any(number) != nil else { return nil }
    if case .descriptorLinks = content { return DescriptorLink(synthetic, path(of: name), number) }
    return SyntheticFile(synthetic, path(of: name), .text { DescriptorTexts.information(number, &$0) })
  }

  override func create(_ name: [UInt8], _ new: NewNode) throws(Errno) -> Node { throw synthetic.refusal }

  override func enumerate(after cookie: UInt64, _ body: (DirectoryItem) -> Bool) throws(Errno) {
    switch content {
    case .descriptorLinks, .descriptorTexts:
      enumerateDescriptors(after: cookie, body)
      return
    case .threads:
      for thread in Threads.all where UInt64(thread.number) > cookie {
        var name: [UInt8] = []
        name.append(decimal: UInt64(thread.number))
        let number = SyntheticFileSystem.number(of: path(of: name))
        if !body(DirectoryItem(name: name, number: number, type: .directory, cookie: UInt64(thread.number))) { return }
      }
      return
    default: break
    }
    let prefix = prefix
    var index = Int(min(cookie, UInt64(synthetic.entries.count)))
    while index < synthetic.entries.count {
      let entry = synthetic.entries[index]
      index += 1
      guard let (name, isLast) = entry.component(behind: prefix), !isListed(name, before: index - 1, prefix) else {
        continue
      }
      if case .threads = entry.content, case .thread = content { continue }
      let type = isLast ? Self.type(entry.content) : .directory
      let number = SyntheticFileSystem.number(of: path(of: name))
      if !body(DirectoryItem(name: name, number: number, type: type, cookie: UInt64(index))) { return }
    }
  }

  /// Whether a row before `end` has the same name in this directory.
  private func isListed(_ name: [UInt8], before end: Int, _ prefix: [UInt8]) -> Bool {
    for entry in synthetic.entries[..<end] {
      if let (other, _) = entry.component(behind: prefix), other == name { return true }
    }
    return false
  }

  private static func type(_ content: SyntheticContent) -> FileType {
    switch content {
    case .text, .writable, .ofThread, .writableOfThread, .constant: .regular
    case .link, .changingLink, .place: .symbolicLink
    case .directory, .descriptorLinks, .descriptorTexts, .threads, .thread: .directory
    case .device: .characterDevice
    }
  }

  private func enumerateDescriptors(after cookie: UInt64, _ body: (DirectoryItem) -> Bool) {
    var isLink = false
    if case .descriptorLinks = content { isLink = true }
    var next = descriptors.next(from: Int(min(cookie, UInt64(Int32.max))))
    while let number = next {
      var name: [UInt8] = []
      name.append(decimal: UInt64(number))
      let item = DirectoryItem(
        name: name, number: SyntheticFileSystem.number(of: path(of: name)), type: isLink ? .symbolicLink : .regular,
        cookie: UInt64(number) + 1)
      if !body(item) { return }
      next = descriptors.next(from: number + 1)
    }
  }

  override func setAttributes(_ change: AttributeChange) throws(Errno) { throw .EPERM }
}
