// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// What stands at a path of a synthetic file system.
enum SyntheticContent {
  /// Text that is made anew whenever somebody starts to read.
  case text((inout GeneratedText) -> Void)
  /// Text that may also be written; what is written is given to the second function.
  case writable((inout GeneratedText) -> Void, ([UInt8]) throws(Errno) -> Void)
  /// The same text always.
  case constant(StaticString)
  /// A symbolic link.
  case link(StaticString)
  /// A link that leads to a file rather than a path, or nowhere if there is none.
  case place(() -> Location?)
  /// An empty directory, or one with entries of its own in the table.
  case directory
  /// A directory for each descriptor: links to its file, or texts about it.
  case descriptorLinks
  case descriptorTexts
  case device(CharacterDevice)
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
  /// A directory that looks like another one: what stands in the table under `to` is also found under
  /// `from`. For the process and its one thread.
  let alias: (from: StaticString, to: StaticString)?

  /// Why nothing can be made here: Linux has its own error for each of them.
  let refusal: Errno

  init(
    typeName: StaticString, magic: UInt64, _ entries: [SyntheticEntry], refusal: Errno,
    alias: (from: StaticString, to: StaticString)? = nil
  ) {
    self.entries = entries
    self.alias = alias
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
    if let alias = synthetic.alias, bytes(of: alias.from) == path { attributes.linkCount = 3 }
  }

  /// What rows of this directory begin with.
  private var prefix: [UInt8] {
    if path.isEmpty { return [] }
    var result = path
    if let alias = synthetic.alias, bytes(of: alias.from) == path { result = bytes(of: alias.to) }
    result.append(UInt8(ascii: "/"))
    return result
  }

  override var hasStableNames: Bool {
    switch content {
    case .descriptorLinks, .descriptorTexts: false
    default: true
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
    default: break
    }
    let prefix = prefix
    var isDirectory = false
    for entry in synthetic.entries {
      guard let (component, isLast) = entry.component(behind: prefix), component == name else { continue }
      if !isLast {
        isDirectory = true
        continue
      }
      switch entry.content {
      case .directory, .descriptorLinks, .descriptorTexts:
        return SyntheticDirectory(synthetic, path: path(of: name), entry.content)
      case .device(let device): return DeviceFile(synthetic, path(of: name), device)
      default: return SyntheticFile(synthetic, path(of: name), entry.content)
      }
    }
    return isDirectory ? SyntheticDirectory(synthetic, path: path(of: name), .directory) : nil
  }

  private func descriptor(_ name: [UInt8]) throws(Errno) -> Node? {
    guard let number = name.decimalNumber(), number <= 0xffff_ffff, descriptors.any(number) != nil else { return nil }
    var canonical: [UInt8] = []
    canonical.append(decimal: number)
    guard canonical == name else { return nil }
    if case .descriptorLinks = content { return DescriptorLink(synthetic, path(of: name), number) }
    return SyntheticFile(synthetic, path(of: name), .text { DescriptorTexts.information(number, &$0) })
  }

  override func create(_ name: [UInt8], _ new: NewNode) throws(Errno) -> Node { throw synthetic.refusal }

  override func enumerate(after cookie: UInt64, _ body: (DirectoryItem) -> Bool) throws(Errno) {
    switch content {
    case .descriptorLinks, .descriptorTexts:
      enumerateDescriptors(after: cookie, body)
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
    case .text, .writable, .constant: .regular
    case .link, .place: .symbolicLink
    case .directory, .descriptorLinks, .descriptorTexts: .directory
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
