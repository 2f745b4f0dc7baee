// SPDX-License-Identifier: Apache-2.0
import Ext4
import Storage
import Testing

/// Random work on a file system, and what it must look like after each step.
final class PowerCutLoad {
  /// What the file system's names are at one instant.
  struct State {
    /// Of each name the file that it stands for.
    var files: [String: Int] = [:]
    var directories: Set<String> = [""]
    /// Of each file its content.
    var contents: [Int: [UInt8]] = [:]

    var names: Set<String> { Set(files.map { "\($0.key) -> \($0.value)" }).union(directories) }
  }

  /// A change of a file's content that a power cut may leave half done.
  struct Modification {
    let step: Int
    let file: Int
    let range: Range<Int>
  }

  let device: RecordingDevice
  private let fileSystem: Ext4FileSystem<RecordingDevice>
  private var random: SeededGenerator
  /// The state after each step; the first is that before all.
  private(set) var states: [State] = [State()]
  private(set) var modifications: [Modification] = []
  /// The number of events on the device, and of steps, when a flush had returned.
  private(set) var acknowledged: [(events: Int, steps: Int)] = [(0, 0)]
  /// How many steps had begun when the device had seen so many events.
  private(set) var begun: [(events: Int, steps: Int)] = []
  private var nextFile = 1
  /// The inode of each file.
  private var inodes: [Int: InodeNumber] = [:]

  init(image: [UInt8], seed: UInt64) throws {
    device = RecordingDevice(image)
    fileSystem = try Ext4FileSystem(mounting: device, readOnly: false, metadataCacheBlocks: 32)
    random = SeededGenerator(seed: seed)
  }

  /// The first byte of every pair in a file's content tells whose it is; it is never zero.
  static func tag(_ file: Int) -> UInt8 { UInt8(file % 255 + 1) }

  private func content(of file: Int, at offset: Int, _ count: Int) -> [UInt8] {
    (offset..<(offset + count)).map { $0 % 2 == 0 ? Self.tag(file) : UInt8(truncatingIfNeeded: random.next()) }
  }

  func run(steps: Int) throws {
    for _ in 0..<steps {
      fileSystem.currentTime.seconds += 1
      begun.append((device.events.count, states.count))
      var state = states[states.count - 1]
      try step(&state)
      states.append(state)
      if random.next() % 4 == 0 {
        try fileSystem.flush()
        acknowledged.append((device.events.count, states.count - 1))
      }
    }
  }

  func unmount() throws {
    try fileSystem.unmount()
    acknowledged.append((device.events.count, states.count - 1))
  }

  private func resolve(_ path: String) throws -> (directory: InodeNumber, name: String) {
    var parts = path.split(separator: "/").map(String.init)
    let name = parts.removeLast()
    return (try fileSystem.resolve(parts.joined(separator: "/")), name)
  }

  private func join(_ directory: String, _ name: String) -> String { directory.isEmpty ? name : directory + "/" + name }

  private func step(_ state: inout State) throws {
    let directory = state.directories.sorted().randomElement(using: &random)!
    let fresh = join(directory, "n\(random.next() % 40)" + String(repeating: "x", count: Int(random.next() % 100)))
    let existing = state.files.keys.sorted().randomElement(using: &random)
    switch random.next() % 16 {
    case 0...3: try create(fresh, &state)
    case 4: try makeDirectory(fresh, &state)
    case 5, 6, 7, 8:
      guard let existing, let file = state.files[existing] else { return }
      let size = state.contents[file]!.count
      let isAppend = random.next() % 2 == 0
      try write(file, at: isAppend ? size : Int(random.next() % 50_000), Int(random.next() % 20_000) + 1, &state)
    case 9:
      guard let existing, let file = state.files[existing] else { return }
      try truncate(file, to: Int(random.next() % 40_000), &state)
    case 10, 11:
      guard let existing else { return }
      try remove(existing, &state)
    case 12, 13:
      guard let existing else { return }
      try rename(existing, to: random.next() % 2 == 0 ? fresh : state.files.keys.sorted().first!, &state)
    case 14:
      guard let existing, let file = state.files[existing], state.files[fresh] == nil,
        !state.directories.contains(fresh)
      else { return }
      let (parent, name) = try resolve(fresh)
      try fileSystem.link(inodes[file]!, as: Array(name.utf8).span, in: parent)
      state.files[fresh] = file
    default:
      guard
        let empty = state.directories.sorted().first(where: { directory in
          !directory.isEmpty && !state.files.keys.contains { $0.hasPrefix(directory + "/") }
            && !state.directories.contains { $0.hasPrefix(directory + "/") }
        })
      else { return }
      let (parent, name) = try resolve(empty)
      try fileSystem.removeEmptyDirectory(name, in: parent)
      state.directories.remove(empty)
    }
  }

  private func create(_ path: String, _ state: inout State) throws {
    guard state.files[path] == nil, !state.directories.contains(path) else { return }
    let (directory, name) = try resolve(path)
    let inode = try fileSystem.makeFile(name, in: directory)
    let file = nextFile
    nextFile += 1
    inodes[file] = inode
    state.files[path] = file
    state.contents[file] = []
  }

  private func makeDirectory(_ path: String, _ state: inout State) throws {
    guard state.files[path] == nil, !state.directories.contains(path), path.utf8.count < 600 else { return }
    let (directory, name) = try resolve(path)
    _ = try fileSystem.makeDirectory(name, in: directory)
    state.directories.insert(path)
  }

  private func write(_ file: Int, at offset: Int, _ count: Int, _ state: inout State) throws {
    let part = content(of: file, at: offset, count)
    do { try fileSystem.put(part, into: inodes[file]!, at: UInt64(offset)) } catch Ext4Error.noSpace {
      modifications.append(Modification(step: states.count, file: file, range: 0..<Int.max))
      state.contents[file] = try fileSystem.content(of: inodes[file]!)
      return
    }
    var content = state.contents[file]!
    let end = offset + count
    if content.count < end { content += [UInt8](repeating: 0, count: end - content.count) }
    content.replaceSubrange(offset..<end, with: part)
    state.contents[file] = content
    modifications.append(Modification(step: states.count, file: file, range: offset..<end))
  }

  private func truncate(_ file: Int, to size: Int, _ state: inout State) throws {
    try fileSystem.truncate(inodes[file]!, to: UInt64(size))
    var content = state.contents[file]!
    content = Array(content.prefix(size))
    content += [UInt8](repeating: 0, count: size - content.count)
    state.contents[file] = content
    modifications.append(Modification(step: states.count, file: file, range: size..<Int.max))
  }

  private func remove(_ path: String, _ state: inout State) throws {
    let (directory, name) = try resolve(path)
    try fileSystem.remove(name, in: directory)
    drop(path, &state)
  }

  private func drop(_ path: String, _ state: inout State) {
    let file = state.files.removeValue(forKey: path)!
    if !state.files.values.contains(file) { state.contents[file] = nil }
  }

  private func rename(_ path: String, to newPath: String, _ state: inout State) throws {
    guard !state.directories.contains(newPath), state.files[path] != state.files[newPath] else { return }
    let (directory, name) = try resolve(path)
    let (newDirectory, newName) = try resolve(newPath)
    try fileSystem.move(name, in: directory, to: newName, into: newDirectory)
    if state.files[newPath] != nil { drop(newPath, &state) }
    state.files[newPath] = state.files.removeValue(forKey: path)
  }

  // MARK: After a power cut

  /// Compares a recovered file system with what it may look like after so many events; returns what is wrong.
  func check(_ recovered: MemoryFileSystem, events: Int) throws -> String? {
    let promised = acknowledged.last { $0.events <= events }!.steps
    let started = begun.last { $0.events <= events }?.steps ?? 0
    // The files are told by the inodes that they had; a number may have been used again.
    var names: Set<String> = [""]
    var found: [String: InodeNumber] = [:]
    func visit(_ directory: InodeNumber, _ path: String) throws {
      for name in try recovered.names(in: directory) where ![".", "..", "lost+found"].contains(name) {
        let inode = try recovered.find(name, in: directory)
        let full = join(path, name)
        if try recovered.attributes(of: inode).isDirectory {
          names.insert(full)
          try visit(inode, full)
        } else {
          found[full] = inode
        }
      }
    }
    try visit(recovered.rootDirectory, "")
    let matching = (promised...max(promised, min(started, states.count - 1))).reversed().first { step in
      let state = states[step]
      return state.directories == names && Set(state.files.keys) == Set(found.keys)
        && state.files.allSatisfy { inodes[$0.value] == found[$0.key] }
    }
    guard let matching else { return "the names are of no step from \(promised) to \(started): \(found)" }
    for (path, file) in states[matching].files {
      let content = try recovered.content(of: found[path]!)
      if let problem = compare(content, file, promised: promised) { return "\(path) (file \(file)): \(problem)" }
    }
    return nil
  }

  private func compare(_ content: [UInt8], _ file: Int, promised: Int) -> String? {
    // Nothing of another file, even of one that is gone.
    for index in stride(from: 0, to: content.count, by: 2) where content[index] != 0 && content[index] != Self.tag(file)
    {
      return "byte \(index) belongs to another file"
    }
    guard let expected = states[promised].contents[file] else { return nil }
    let later = modifications.filter { $0.file == file && $0.step > promised }
    if later.isEmpty { return content == expected ? nil : "the content is not what was promised" }
    let cut = later.filter { $0.range.upperBound == Int.max }.map(\.range.lowerBound).min() ?? Int.max
    for index in 0..<min(expected.count, cut)
    where (index >= content.count || content[index] != expected[index])
      && !later.contains(where: { $0.range.contains(index) })
    {
      return "byte \(index) is lost"
    }
    return nil
  }
}
