// SPDX-License-Identifier: Apache-2.0
public import HostSystem
public import SystemPackage
import TOMLKit

extension Settings {
  /// Reads the VCFG file `path`.
  public init(vcfg path: FilePath) throws(Failure) {
    let content: [UInt8]
    do throws(Errno) {
      let file = try OpenFile.open(path)
      content = try file.bytes(at: 0, count: Int(try file.status().size))
    } catch {
      throw Failure("read the configuration", path, error)
    }
    guard let text = String(validating: content, as: UTF8.self) else { throw Failure("\(path) is not UTF-8 text") }
    try self.init(vcfg: text, name: "\(path)")
  }

  /// Reads VCFG from `text`; `name` is the file's in messages.
  public init(vcfg text: String, name: String) throws(Failure) {
    let document: TOMLTable
    do {
      document = try TOMLTable(string: text)
    } catch let error as TOMLParseError {
      throw Failure("\(name):\(error.source.begin.line): \(Self.sentence(error.description))")
    } catch {
      throw Failure("\(name) is not TOML: \(error)")
    }
    self.init()
    var reader = VcfgReader(name: name, lines: KeyLines(text))
    try reader.read(document, into: &self)
  }

  /// The first line of what the parser says, which may go on for several.
  private static func sentence(_ description: String) -> String {
    description.split(separator: "\n").first.map(String.init) ?? "not TOML"
  }
}

/// Turns a TOML document into settings; every error names the file and the line.
private struct VcfgReader {
  let name: String
  let lines: KeyLines

  func failure(_ key: String, _ sentence: String) -> Failure {
    Failure("\(name):\(lines.line(of: key)): \(sentence)")
  }

  mutating func read(_ document: TOMLTable, into settings: inout Settings) throws(Failure) {
    for (name, value) in document {
      guard let table = VcfgTable.all[name] else { throw unknownTable(name) }
      if table.isArray {
        guard let array = value.array else { throw failure(name, "write [[\(name)]], not [\(name)]") }
        for (index, element) in array.enumerated() {
          let path = "\(name)[\(index)]"
          guard let content = element.table else { throw failure(path, "\(name) must be a list of tables") }
          if name == "program", index == 1 { throw secondProgram(content, path) }
          try read(content, of: table, name: name, path: path, into: &settings)
        }
      } else {
        guard let content = value.table else { throw failure(name, "\(name) must be a table: [\(name)]") }
        try read(content, of: table, name: name, path: name, into: &settings)
      }
    }
  }

  private func secondProgram(_ table: TOMLTable, _ path: String) -> Failure {
    let called = table["binary"]?.string ?? table["args"]?.string ?? "without a name"
    return failure(path, "a second program (\(called)): a machine runs one program, so remove one of them")
  }

  private func unknownTable(_ name: String) -> Failure {
    let homes = VcfgTable.all.filter { $0.value.keysActedOn.contains(name) }.map {
      $0.value.isArray ? "[[\($0.key)]]" : "[\($0.key)]"
    }
    if let home = homes.first { return failure(name, "'\(name)' belongs under \(home)") }
    return failure(name, "unknown key '\(name)'" + suggestion(name, among: VcfgTable.all.keys))
  }

  private func suggestion(_ key: String, among candidates: some Sequence<String>) -> String {
    nearestWord(to: key, among: candidates).map { "; did you mean '\($0)'?" } ?? ""
  }

  private mutating func read(
    _ content: TOMLTable, of table: VcfgTable, name tableName: String, path: String, into settings: inout Settings
  ) throws(Failure) {
    for (key, value) in content {
      let keyPath = "\(path).\(key)"
      if table.keysActedOn.contains(key) {
        try set("\(tableName).\(key)", keyPath, value, &settings)
      } else if table.hasFreeKeys || table.keysNotActedOnYet.contains(key) {
        settings.notices.append("\(name):\(lines.line(of: keyPath)): '\(key)' in [\(tableName)] is not acted on yet")
      } else {
        let known = table.keysActedOn.union(table.keysNotActedOnYet)
        throw failure(keyPath, "unknown key '\(key)' in [\(tableName)]" + suggestion(key, among: known))
      }
    }
    if path == "program[0]", settings.binary == nil, settings.arguments?.isEmpty == false {
      // VCFG lets the first word of `args` be the program.
      settings.binary = settings.arguments?.removeFirst()
    }
  }

  private func set(
    _ key: String, _ path: String, _ value: any TOMLValueConvertible, _ settings: inout Settings
  ) throws(Failure) {
    switch key {
    case "program.binary": settings.binary = try string(value, path)
    case "program.args": settings.arguments = try arguments(value, path)
    case "program.env": settings.environment = try environment(value, path)
    case "program.cwd": settings.workingDirectory = try absolutePath(value, path)
    case "vm.cpus": settings.processors = try positiveInteger(value, path)
    case "vm.ram": settings.memoryInBytes = try memory(value, path)
    case "vm.disk-size": settings.diskSize = try diskSize(value, path)
    case "system.allow-jit":
      guard let flag = value.bool else { throw failure(path, "allow-jit must be true or false") }
      settings.allowsJIT = flag
    case "system.hostname": settings.hostname = try string(value, path)
    case "system.user": settings.user = User(try numberOrString(value, path))
    default: break
    }
  }

  private func string(_ value: any TOMLValueConvertible, _ path: String) throws(Failure) -> String {
    guard let text = value.string else { throw failure(path, "\(lastPart(path)) must be a string") }
    guard !text.utf8.contains(0) else { throw failure(path, "\(lastPart(path)) must not contain a zero byte") }
    return text
  }

  private func numberOrString(_ value: any TOMLValueConvertible, _ path: String) throws(Failure) -> String {
    if let number = value.int { return String(number) }
    return try string(value, path)
  }

  private func absolutePath(_ value: any TOMLValueConvertible, _ path: String) throws(Failure) -> String {
    let text = try string(value, path)
    guard text.hasPrefix("/") else { throw failure(path, "\(lastPart(path)) must be an absolute path, not '\(text)'") }
    return text
  }

  private func strings(_ array: TOMLArray, _ path: String) throws(Failure) -> [String] {
    var result: [String] = []
    for element in array { result.append(try string(element, path)) }
    return result
  }

  private func arguments(_ value: any TOMLValueConvertible, _ path: String) throws(Failure) -> [String] {
    if let array = value.array { return try strings(array, path) }
    let text = try string(value, path)
    do throws(Failure) {
      return try shellWords(text)
    } catch {
      throw failure(path, error.description)
    }
  }

  private func environment(_ value: any TOMLValueConvertible, _ path: String) throws(Failure) -> [String] {
    var result: [String] = []
    if let table = value.table {
      for (name, value) in table {
        result.append("\(name)=\(try numberOrString(value, "\(path).\(name)"))")
      }
    } else if let array = value.array {
      result = try strings(array, path)
    } else {
      throw failure(path, "env must be a table or a list of \"NAME=VALUE\"")
    }
    for variable in result {
      guard let end = variable.firstIndex(of: "="), end != variable.startIndex else {
        throw failure(path, "env: '\(variable)' is not NAME=VALUE")
      }
    }
    return result
  }

  private func positiveInteger(_ value: any TOMLValueConvertible, _ path: String) throws(Failure) -> Int {
    guard let number = value.int ?? value.string.flatMap({ Int($0) }), number > 0 else {
      throw failure(path, "\(lastPart(path)) must be a whole number from 1 up")
    }
    return number
  }

  private func memory(_ value: any TOMLValueConvertible, _ path: String) throws(Failure) -> UInt64 {
    let text = try numberOrString(value, path)
    guard let size = bytes(fromSize: text) else { throw failure(path, "ram: '\(text)' is not a size such as 256M") }
    // Old files write `ram = 256` for MiB although VCFG documents bytes: nobody means 256 bytes.
    guard size >= 1 << 20 else { throw failure(path, "ram: \(text) is bytes; write '\(text)M' for \(text) MiB") }
    return size
  }

  private func diskSize(_ value: any TOMLValueConvertible, _ path: String) throws(Failure) -> DiskSize {
    let text = try numberOrString(value, path)
    guard let size = Configuration.diskSize(from: text) else {
      throw failure(path, "disk-size: '\(text)' is not a size such as 1G, nor free space such as +64M")
    }
    return size
  }

  private func lastPart(_ path: String) -> Substring { path.split(separator: ".").last ?? "" }
}
