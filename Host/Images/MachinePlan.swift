// SPDX-License-Identifier: Apache-2.0
public import Configuration
public import HostSystem
public import MachineConfiguration
import Programs
import SystemPackage

/// A machine that is decided upon but not built: its files, its configuration, and what the person should know.
public struct MachinePlan: Sendable {
  public private(set) var tree = FileTree()
  public private(set) var configuration = MachineConfiguration()
  /// The settings that count: VCFG, then the command line.
  public private(set) var settings: Settings
  /// One sentence each.
  public private(set) var notices: [String] = []
  /// Less important ones.
  public private(set) var details: [String] = []

  public static let defaultMemoryInBytes: UInt64 = 256 << 20
  public var memoryInBytes: UInt64 { settings.memoryInBytes ?? Self.defaultMemoryInBytes }

  /// As many as the kernel runs.
  private static let maximumProcessors = 64

  static func processors(_ settings: Settings) throws(Failure) -> Int {
    let count = settings.processors ?? 1
    guard count <= maximumProcessors else {
      throw Failure("a machine has at most \(maximumProcessors) processors, not \(count): lower --cpus or [vm] cpus")
    }
    return count
  }

  /// Looks at everything that `request` names; whatever would keep the program from starting is a failure here.
  public init(_ request: MachineRequest) throws(Failure) {
    let (source, kind) = try Self.locate(request.source)
    settings = try Self.settings(of: request, source, kind)
    notices = settings.notices
    _ = try Self.processors(settings)
    let generator: CodeGeneratorUse?
    if case .directory = kind {
      generator = try planDirectory(source, request)
    } else {
      generator = try planProgram(source, kind, request)
    }
    decideJIT(generator)
    completeConfiguration(terminalType: request.terminalType)
    addWhatEveryMachineHas(isBareProgram: !kind.isDirectory)
  }

  /// A name without a slash that is no file here is looked up in the PATH, as in a shell.
  private static func locate(_ name: String) throws(Failure) -> (FilePath, InputKind) {
    let path = absolutePath(name)
    if !name.contains("/"), (try? status(of: path)) == nil, let program = findInPath(name) {
      return (program, try InputKind(of: program))
    }
    return (path, try InputKind(of: path))
  }

  private static func settings(
    of request: MachineRequest, _ source: FilePath, _ kind: InputKind
  ) throws(Failure) -> Settings {
    let found = try vcfgFile(of: source, isDirectory: kind.isDirectory)
    guard let file = request.vcfg ?? found else { return request.settings }
    return try Settings(vcfg: file).overridden(by: request.settings)
  }

  // MARK: Files

  private mutating func planProgram(
    _ source: FilePath, _ kind: InputKind, _ request: MachineRequest
  ) throws(Failure) -> CodeGeneratorUse? {
    let package = try Packer.package(source, kind: kind, name: request.source, libraryPath: libraryPath)
    var hostFiles = HostFiles(ownership: .root)
    for file in package.files {
      switch file.content {
      case .copy: try hostFiles.add(file.path, as: file.path, to: &tree, reason: file.reason)
      case .link(let target):
        tree.add(.init(.symbolicLink(target), permissions: 0o777), at: file.path, reason: file.reason)
      }
    }
    configuration.program = package.program.bytes
    configuration.arguments = package.leadingArguments.map { Array($0.utf8) }
    if let binary = settings.binary {
      // VCFG and --program may say where the machine has the program.
      let place = FilePath("/").pushing(FilePath(binary)).lexicallyNormalized()
      if tree[tree.realPath(place)] == nil {
        try hostFiles.add(resolved(source), as: place, to: &tree, reason: "the program")
      }
      configuration.program = place.bytes
      configuration.arguments = [place.bytes]
    }
    details += package.omissions
    try addTerminalDescription(request.terminalType, &hostFiles)
    try add(request, &hostFiles)
    return package.codeGenerator
  }

  private mutating func planDirectory(_ source: FilePath, _ request: MachineRequest) throws(Failure)
    -> CodeGeneratorUse?
  {
    guard let binary = settings.binary else {
      throw Failure(
        "\(request.source) is a directory: name the program in it with --program /bin/NAME, or binary = \"…\" in a VCFG file"
      )
    }
    let program = FilePath("/").pushing(FilePath(binary)).lexicallyNormalized()
    var hostFiles = HostFiles(ownership: .kept)
    let root = try resolved(source)
    try hostFiles.add(root, as: "/", to: &tree, reason: "in \(request.source)")
    try add(request, &hostFiles)
    let additions = Set((request.files).map(\.guest))
    configuration.program = program.bytes
    configuration.arguments = [Array(binary.utf8)]
    if additions.contains(program) { return nil }
    return try checkProgram(program, inDirectory: root, additions: additions, libraryPath: libraryPath)
  }

  /// The description of the person's terminal (terminfo(5)), where a program with ncurses looks for it.
  private mutating func addTerminalDescription(_ type: String?, _ hostFiles: inout HostFiles) throws(Failure) {
    guard let type, let letter = type.first, !type.contains("/") else { return }
    for directory in ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"] {
      let path = FilePath("\(directory)/\(letter)/\(type)")
      guard let source = try? PathResolver().resolve(path).realPath else { continue }
      guard tree[tree.realPath(path)] == nil else { return }
      return try hostFiles.add(source, as: path, to: &tree, reason: "the description of the terminal")
    }
  }

  private mutating func add(_ request: MachineRequest, _ hostFiles: inout HostFiles) throws(Failure) {
    for file in request.files {
      try hostFiles.add(try resolved(file.host), as: file.guest, to: &tree, reason: "--file")
    }
    for directory in request.directories {
      let host = try resolved(directory.host)
      guard (try? status(of: host))?.type == .directory else {
        throw Failure("\(directory.host) is not a directory: use --file")
      }
      try hostFiles.add(host, as: directory.guest, to: &tree, reason: "--directory")
    }
    notices += hostFiles.notices
  }

  /// Where `path` really is; a failure if there is nothing.
  private func resolved(_ path: FilePath) throws(Failure) -> FilePath {
    do throws(Errno) { return try PathResolver().resolve(path).realPath } catch { throw Failure("read", path, error) }
  }

  private var libraryPath: String? {
    settings.environment.last { $0.hasPrefix("LD_LIBRARY_PATH=") }.map {
      String($0.dropFirst("LD_LIBRARY_PATH=".count))
    }
  }

  // MARK: Configuration

  private mutating func decideJIT(_ generator: CodeGeneratorUse?) {
    configuration.allowsJIT = settings.allowsJIT ?? (generator != nil)
    guard let generator else { return }
    let reason = "\(generator.name) makes machine code while it runs (seen because \(generator.evidence))"
    switch settings.allowsJIT {
    case nil: details.append("\(reason), so memory may be writable and executable: --no-jit forbids it")
    case false?: notices.append("\(reason), which --no-jit or allow-jit = false forbids: it may not start")
    case true?: break
    }
  }

  private mutating func completeConfiguration(terminalType: String?) {
    let user = settings.user ?? .root
    configuration.userID = user.identifier
    configuration.groupID = user.identifier
    configuration.hostname = Array((settings.hostname ?? "vorteil").utf8)
    configuration.workingDirectory = Array((settings.workingDirectory ?? "/").utf8)
    configuration.arguments += (settings.arguments ?? []).map { Array($0.utf8) }

    let home = user.identifier == 0 ? "/root" : "/home/\(user.name)"
    let defaults =
      [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=\(home)", "LANG=C.UTF-8",
      ] + (terminalType.map { ["TERM=\($0)"] } ?? [])
    var environment: [(name: Substring, variable: String)] = []
    for variable in defaults + settings.environment {
      let name = variable.prefix { $0 != "=" }
      if let index = environment.firstIndex(where: { $0.name == name }) {
        environment[index].variable = variable
      } else {
        environment.append((name, variable))
      }
    }
    configuration.environment = environment.map { Array($0.variable.utf8) }
  }

  private mutating func addWhatEveryMachineHas(isBareProgram: Bool) {
    for mountPoint: FilePath in ["/dev", "/proc", "/sys"] { tree.addDirectory(mountPoint) }
    tree.addDirectory("/tmp", permissions: 0o1777)
    guard isBareProgram else { return }
    for directory: FilePath in ["/etc", "/run", "/var"] { tree.addDirectory(directory) }
    tree.addDirectory("/root", permissions: 0o700)
    tree.addDirectory("/var/tmp", permissions: 0o1777)
    var users = "root:x:0:0:root:/root:/bin/sh\n"
    var groups = "root:x:0:\n"
    if let user = settings.user, user.identifier != 0 {
      users += "\(user.name):x:\(user.identifier):\(user.identifier)::/home/\(user.name):/bin/sh\n"
      groups += "\(user.name):x:\(user.identifier):\n"
      var home = FileTree.Entry(.directory, permissions: 0o755)
      (home.userID, home.groupID) = (user.identifier, user.identifier)
      tree.add(home, at: FilePath("/home/\(user.name)"), reason: "the user's home")
    }
    tree.addFile("/etc/passwd", users + "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n")
    tree.addFile("/etc/group", groups + "nogroup:x:65534:\n")
    tree.addFile("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    let hostname = settings.hostname ?? "vorteil"
    tree.addFile("/etc/hostname", "\(hostname)\n")
    tree.addFile("/etc/hosts", "127.0.0.1 localhost \(hostname)\n::1 localhost \(hostname)\n")
  }
}

extension InputKind {
  var isDirectory: Bool {
    if case .directory = self { true } else { false }
  }
}
