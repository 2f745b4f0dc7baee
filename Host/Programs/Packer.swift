// SPDX-License-Identifier: Apache-2.0
import Elf
public import HostSystem
public import SystemPackage

/// Collects what programs need to start: the program, its loader, libraries, name services and runtime files.
public struct Packer {
  private let resolver = PathResolver()
  private let libraryPath: String?
  private var files: [PackedFile] = []
  private var seen: Set<FilePath> = []
  private var codeGenerator: CodeGeneratorUse?
  private var omissions: [String] = []

  /// `libraryPath` is LD_LIBRARY_PATH as the program will see it.
  public init(libraryPath: String? = nil) {
    self.libraryPath = libraryPath
  }

  /// Packs the program or script `source`, an absolute path; `name` is its `argv[0]`.
  public static func package(
    _ source: FilePath, kind: InputKind, name: String, libraryPath: String? = nil
  ) throws(Failure) -> ProgramPackage {
    var packer = Packer(libraryPath: libraryPath)
    var package = ProgramPackage(program: source, leadingArguments: [name])
    switch kind {
    case .script(let interpreter, let argument):
      let words = try packer.addScript(source, interpreter: interpreter, argument: argument)
      package.program = words.program
      package.leadingArguments = words.arguments
    default:
      try packer.addProgram(source, reason: "the program")
    }
    package.files = packer.files
    package.codeGenerator = packer.codeGenerator
    package.omissions = packer.omissions
    return package
  }

  // MARK: Programs

  private mutating func addProgram(_ path: FilePath, reason: String) throws(Failure) {
    try addOrFail(path, reason: reason)
    let file: OpenFile
    do throws(Errno) { file = try OpenFile.open(path) } catch { throw Failure("read", path, error) }
    let elf: ElfFile
    do throws(ElfError) { elf = try ElfFile(file) } catch { throw Failure("\(path) \(error.sentence)") }
    guard let interpreter = elf.interpreter else {
      try addRuntimes(of: path, elf, libraries: nil)
      return
    }
    guard resolver.exists(interpreter) else {
      throw Failure(
        "\(path) needs the loader \(interpreter), which is not on this machine: install the C library it was built for, or link it statically"
      )
    }
    try addOrFail(interpreter, reason: "the loader of \(path)")

    let loader = LibrarySearch.Loader(interpreter: interpreter)
    var libraries = LibraryClosure(
      search: LibrarySearch(loader, resolver), resolver: resolver, libraryPath: libraryPath)
    libraries.add(path, elf)
    guard libraries.missing.isEmpty else { throw Self.failure(libraries.missing) }
    if loader == .glibc { try addNameServices(&libraries) }
    try addRuntimes(of: path, elf, libraries: libraries)
  }

  private static func failure(_ missing: [LibraryClosure.Missing]) -> Failure {
    let names = missing.map { "\($0.name) (needed by \($0.requirer))" }.joined(separator: ", ")
    return Failure(
      "cannot find \(names): install \(missing.count == 1 ? "it" : "them"), or name the directory with --env LD_LIBRARY_PATH=DIRECTORY"
    )
  }

  /// What glibc opens by name: old versions keep the name services in libraries of their own, and ending a thread
  /// takes the unwinder.
  private mutating func addNameServices(_ libraries: inout LibraryClosure) throws(Failure) {
    for name in ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"] {
      libraries.addIfPresent(name, reason: "a name service of glibc")
    }
    libraries.addIfPresent("libgcc_s.so.1", reason: "glibc ends threads with it")
    try addIfPresent("/usr/lib/locale/C.utf8", reason: "the locale C.UTF-8")
  }

  private mutating func addScript(
    _ path: FilePath, interpreter: FilePath, argument: String?
  ) throws(Failure) -> (program: FilePath, arguments: [String]) {
    try addOrFail(path, reason: "the script")
    guard resolver.exists(interpreter) else {
      throw Failure(
        "\(path) is a script for \(interpreter), which is not on this machine: install it, or change the script's first line"
      )
    }
    guard interpreter.lastComponent == "env", let name = Self.command(ofEnvironment: argument) else {
      try addInterpreter(interpreter, of: path)
      return (interpreter, [interpreter.string] + [argument].compactMap { $0 } + [path.string])
    }
    // `#!/usr/bin/env NAME` means NAME in the PATH: start it directly instead of through `env`.
    guard let program = findInPath(name.first ?? "") else {
      throw Failure(
        "\(path) is a script for '\(name.first ?? "")', which is not in the PATH of this machine: install it")
    }
    try addInterpreter(program, of: path)
    return (program, name + [path.string])
  }

  private mutating func addInterpreter(_ interpreter: FilePath, of path: FilePath) throws(Failure) {
    guard case .program = try InputKind(of: interpreter) else {
      throw Failure("\(path) is a script for \(interpreter), which is not a 64-bit Linux program (ELF, x86-64)")
    }
    try addProgram(interpreter, reason: "the interpreter of \(path)")
  }

  /// The words after `env`, or after `env -S`; nil if `env` is asked for something else.
  private static func command(ofEnvironment argument: String?) -> [String]? {
    guard let argument else { return nil }
    if argument.hasPrefix("-S") { return argument.dropFirst(2).split(separator: " ").map(String.init) }
    return argument.contains("=") || argument.hasPrefix("-") ? nil : [argument]
  }

  // MARK: Runtimes

  /// Adds what the program's and its libraries' runtimes open by name, and the libraries themselves.
  private mutating func addRuntimes(
    of program: FilePath, _ elf: ElfFile, libraries: LibraryClosure?
  ) throws(Failure) {
    let realProgram = (try? resolver.resolve(program).realPath) ?? program
    let prefixes = [program, realProgram].map { $0.removingLastComponent().removingLastComponent() }
    codeGenerator = codeGenerator ?? CodeGenerator.recognise(program: realProgram, elf)
    guard var libraries else { return }

    var scanned = 0
    var subjects = [realProgram]
    var added: Set<String> = []
    while scanned < libraries.found.count || !subjects.isEmpty {
      subjects += libraries.found[scanned...].map(\.path)
      scanned = libraries.found.count
      for subject in subjects {
        codeGenerator = codeGenerator ?? CodeGenerator.recognise(library: subject)
        for runtime in Runtime.all {
          guard let version = runtime.version(in: subject.lastComponent?.string ?? "") else { continue }
          let paths = runtime.places(version: version, prefixes: prefixes, home: home(of: subject))
          for path in paths where added.insert(path.string).inserted {
            try addTree(path, reason: runtime.reason, &libraries)
          }
        }
      }
      subjects = []
    }
    for library in libraries.found { try addOrFail(library.path, reason: library.reason) }
    omissions += libraries.missing.map {
      "\($0.requirer) will not load: it needs \($0.name), which is not on this machine"
    }
  }

  /// The directory above the `lib` in which the library `path` really is: the home of a JDK, for its libraries.
  private func home(of path: FilePath) -> FilePath? {
    guard var directory = try? resolver.resolve(path).realPath else { return nil }
    while let name = directory.lastComponent {
      directory.removeLastComponent()
      if name == "lib" { return directory }
    }
    return nil
  }

  /// Adds a file or directory if it exists, what the links in it lead to, and what the libraries in it need.
  private mutating func addTree(
    _ path: FilePath, reason: String, _ libraries: inout LibraryClosure
  ) throws(Failure) {
    guard let real = try? resolver.resolve(path).realPath else { return }
    try addOrFail(path, reason: reason)
    try visit(real, reason: reason, &libraries)
  }

  private mutating func visit(
    _ path: FilePath, reason: String, _ libraries: inout LibraryClosure
  ) throws(Failure) {
    guard let status = try? path.stat(followTargetSymlink: false) else { return }
    if status.type == .directory {
      // What cannot be read is left out when the tree is copied, and said there.
      for name in (try? namesInDirectory(path)) ?? [] { try visit(path.appending(name), reason: reason, &libraries) }
    } else if status.type == .symbolicLink {
      // A module may be a link to a file elsewhere, as Debian's sitecustomize.py is.
      if resolver.exists(path) { try addOrFail(path, reason: reason) }
    } else if path.lastComponent?.string.contains(".so") == true, let file = try? OpenFile.open(path),
      let elf = try? ElfFile(file)
    {
      libraries.add(path, elf)
    }
  }

  // MARK: Files

  private mutating func addIfPresent(_ path: FilePath, reason: String) throws(Failure) {
    if resolver.exists(path) { try addOrFail(path, reason: reason) }
  }

  private mutating func addOrFail(_ path: FilePath, reason: String) throws(Failure) {
    do throws(Errno) { try add(path, reason: reason) } catch { throw Failure("read", path, error) }
  }

  private mutating func add(_ path: FilePath, reason: String) throws(Errno) {
    let resolution = try resolver.resolve(path)
    for link in resolution.links where seen.insert(link.path).inserted {
      files.append(PackedFile(path: link.path, content: .link(link.target), reason: reason))
    }
    if seen.insert(resolution.realPath).inserted {
      files.append(PackedFile(path: resolution.realPath, content: .copy, reason: reason))
    }
  }
}

/// The file `name` in the first directory of PATH that has it and may execute it.
public func findInPath(_ name: String) -> FilePath? {
  guard !name.isEmpty, !name.contains("/") else { return nil }
  for directory in (environmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
    let path = FilePath(String(directory)).appending(name)
    if let status = try? path.stat(), status.type == .regular, status.mode.rawValue & 0o111 != 0 { return path }
  }
  return nil
}
