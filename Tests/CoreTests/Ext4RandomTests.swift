// SPDX-License-Identifier: Apache-2.0
import Ext4
import Storage
import Testing

/// A file system kept in dictionaries, to compare with.
private final class Model {
  final class Node {
    var content: [UInt8] = []
    var target: String?
    var children: [String: Node]?
    var attributes: [String: [UInt8]] = [:]
    let inode: InodeNumber
    init(_ inode: InodeNumber) { self.inode = inode }
  }

  let root = Node(2)
  init() { root.children = [:] }

  /// All directories with their paths.
  func directories() -> [Node] {
    var result: [Node] = []
    func visit(_ node: Node) {
      result.append(node)
      for (_, child) in node.children!.sorted(by: { $0.key < $1.key }) where child.children != nil { visit(child) }
    }
    visit(root)
    return result
  }

  func contains(_ ancestor: Node, _ node: Node) -> Bool {
    if ancestor === node { return true }
    return ancestor.children?.values.contains { contains($0, node) } ?? false
  }
}

@Suite struct Ext4RandomTests {
  @Test(arguments: mutationCount > 10_000 ? 0..<40 : 0..<6)
  func agreesWithAModel(seed: Int) throws {
    let fileSystem = try freshFileSystem(megabytes: 24) { $0.hasLostAndFound = false }
    var random = SeededGenerator(seed: UInt64(seed) + 100)
    let model = Model()
    for step in 0..<2500 {
      fileSystem.currentTime.seconds += 1
      try change(fileSystem, model, &random, step)
    }
    try compare(fileSystem, model.root)
    try expectClean(fileSystem, "seed \(seed)")
    let again = try MemoryFileSystem(mounting: fileSystem.device, readOnly: true, metadataCacheBlocks: 16)
    try compare(again, model.root)
  }

  /// One random operation on both; errors have to agree, too.
  private func change(
    _ fileSystem: MemoryFileSystem, _ model: Model, _ random: inout SeededGenerator, _ step: Int
  ) throws {
    let directories = model.directories()
    let directory = directories.randomElement(using: &random)!
    let existing = directory.children!.keys.sorted().randomElement(using: &random)
    let fresh = "name-\(random.next() % 60)" + String(repeating: "x", count: Int(random.next() % 120))
    let child = existing.flatMap { directory.children![$0] }
    switch random.next() % 20 {
    case 0...3:
      let result = attempt { () throws(Ext4Error) in try fileSystem.makeFile(fresh, in: directory.inode) }
      try enter(result, fresh, directory)
    case 4:
      let result = attempt { () throws(Ext4Error) in try fileSystem.makeDirectory(fresh, in: directory.inode) }
      try enter(result, fresh, directory)?.children = [:]
    case 5:
      let target = String(repeating: "t", count: Int(random.next() % 200) + 1)
      let result = attempt { () throws(Ext4Error) in
        try fileSystem.makeSymbolicLink(fresh, to: target, in: directory.inode)
      }
      try enter(result, fresh, directory)?.target = target
    case 6...11:
      guard let child, child.children == nil, child.target == nil else { return }
      let offset = Int(random.next() % 40_000)
      let part = random.bytes(Int(random.next() % 30_000))
      try fileSystem.put(part, into: child.inode, at: UInt64(offset))
      guard !part.isEmpty else { return }
      let end = offset + part.count
      if child.content.count < end { child.content += [UInt8](repeating: 0, count: end - child.content.count) }
      child.content.replaceSubrange(offset..<end, with: part)
    case 12:
      guard let child, child.children == nil, child.target == nil else { return }
      let size = Int(random.next() % 60_000)
      try fileSystem.truncate(child.inode, to: UInt64(size))
      child.content = Array(child.content.prefix(size))
      child.content += [UInt8](repeating: 0, count: size - child.content.count)
    case 13, 14:
      guard let existing, let child else { return }
      let expected = child.children.map { $0.isEmpty ? nil : Ext4Error.notEmpty } ?? nil
      let result = attempt { () throws(Ext4Error) in
        if child.children == nil {
          try fileSystem.remove(existing, in: directory.inode)
        } else {
          try fileSystem.removeEmptyDirectory(existing, in: directory.inode)
        }
      }
      #expect(error(result) == expected)
      if expected == nil { directory.children![existing] = nil }
    case 15:
      guard let child, child.children == nil else { return }
      let result = attempt { () throws(Ext4Error) in
        try fileSystem.link(child.inode, as: Array(fresh.utf8).span, in: directory.inode)
      }
      #expect(error(result) == (directory.children![fresh] == nil ? nil : .exists))
      if directory.children![fresh] == nil { directory.children![fresh] = child }
    case 16, 17:
      guard let existing, let child else { return }
      let other = directories.randomElement(using: &random)!
      let mode: RenameMode = [.replace, .noReplace, .exchange].randomElement(using: &random)!
      let newName = random.next() % 2 == 0 ? fresh : other.children!.keys.sorted().first ?? fresh
      let result = attempt { () throws(Ext4Error) in
        try fileSystem.move(existing, in: directory.inode, to: newName, into: other.inode, mode: mode)
      }
      let expected = rename(model, existing, child, directory, newName, other, mode)
      #expect(error(result) == expected, "step \(step): \(mode)")
    default:
      guard let child else { return }
      let name = "user.\(random.next() % 5)"
      let value = random.bytes(Int(random.next() % 300))
      if random.next() % 3 == 0, child.attributes[name] != nil {
        try fileSystem.removeExtendedAttribute(Array(name.utf8).span, of: child.inode)
        child.attributes[name] = nil
      } else {
        try fileSystem.setAttribute(name, value, of: child.inode)
        child.attributes[name] = value
      }
    }
  }

  /// What rename(2) says, on the model.
  private func rename(
    _ model: Model, _ name: String, _ child: Model.Node, _ directory: Model.Node, _ newName: String,
    _ other: Model.Node, _ mode: RenameMode
  ) -> Ext4Error? {
    let target = other.children![newName]
    if mode == .noReplace, target != nil { return .exists }
    if mode == .exchange, target == nil { return .notFound }
    if child.children != nil, model.contains(child, other) { return .invalid }
    if target === child { return nil }
    if mode == .exchange, let target {
      if target.children != nil, model.contains(target, directory) { return .invalid }
      other.children![newName] = child
      directory.children![name] = target
      return nil
    }
    if let target {
      if child.children != nil, target.children == nil { return .notDirectory }
      if child.children == nil, target.children != nil { return .isDirectory }
      if target.children?.isEmpty == false { return .notEmpty }
    }
    directory.children![name] = nil
    other.children![newName] = child
    return nil
  }

  private func attempt<Value>(_ body: () throws(Ext4Error) -> Value) -> Result<Value, Ext4Error> {
    do throws(Ext4Error) { return .success(try body()) } catch { return .failure(error) }
  }

  private func error<Value>(_ result: Result<Value, Ext4Error>) -> Ext4Error? {
    if case .failure(let error) = result { return error }
    return nil
  }

  @discardableResult
  private func enter(
    _ result: Result<InodeNumber, Ext4Error>, _ name: String, _ directory: Model.Node
  ) throws -> Model.Node? {
    guard directory.children![name] == nil else {
      #expect(error(result) == .exists)
      return nil
    }
    let node = Model.Node(try result.get())
    directory.children![name] = node
    return node
  }

  private func compare(_ fileSystem: MemoryFileSystem, _ directory: Model.Node) throws {
    let names = try fileSystem.names(in: directory.inode).filter { $0 != "." && $0 != ".." }
    #expect(names.sorted() == directory.children!.keys.sorted())
    for (name, child) in directory.children! {
      #expect(try fileSystem.find(name, in: directory.inode) == child.inode)
      let attributes = try fileSystem.extendedAttributeNames(of: child.inode)
      #expect(Set(attributes.map { String(decoding: $0, as: UTF8.self) }) == Set(child.attributes.keys))
      for (name, value) in child.attributes {
        let same = try fileSystem.attribute(name, of: child.inode) == value
        #expect(same)
      }
      if child.children != nil {
        #expect(try fileSystem.find("..", in: child.inode) == directory.inode)
        try compare(fileSystem, child)
      } else if let target = child.target {
        #expect(String(decoding: try fileSystem.readLink(child.inode), as: UTF8.self) == target)
      } else {
        let same = try fileSystem.content(of: child.inode) == child.content
        #expect(same, "content of \(name)")
      }
    }
  }
}
