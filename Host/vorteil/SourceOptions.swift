// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration
import HostSystem
import Images

/// What goes into the machine: shared by `run` and `build`.
struct SourceOptions: ParsableArguments {
  @Argument(help: "A program, a directory whose tree becomes the file system, or a disk image.")
  var source: String

  @Argument(parsing: .postTerminator, help: "The program's arguments.")
  var arguments: [String] = []

  @Option(help: "The program in the machine, when SOURCE is a directory.")
  var program: String?

  @Option(name: .customLong("file"), help: ArgumentHelp("Add a file.", valueName: "HOST[:GUEST]"))
  var files: [String] = []

  @Option(
    name: .customLong("directory"), help: ArgumentHelp("Add a directory with all in it.", valueName: "HOST[:GUEST]"))
  var directories: [String] = []

  @Option(
    name: [.customLong("env"), .customShort("e")], help: ArgumentHelp("Set a variable.", valueName: "NAME=VALUE"))
  var environment: [String] = []

  @Option(help: "The program's working directory (default: /).")
  var cwd: String?

  @Option(name: [.long, .customShort("m")], help: "The machine's memory, such as 256M (the default) or 2G.")
  var memory: String?

  @Option(help: "The number of processors, 1 (the default) to 64.")
  var cpus: Int?

  @Option(help: "The size of the disk, such as 1G, or its free space, such as +256M.")
  var diskSize: String?

  @Option(help: "A VCFG file (default: SOURCE.vcfg; in a directory default.vcfg or the only *.vcfg).")
  var vcfg: String?

  @Flag(help: "Let memory be writable and executable, for just-in-time compilers.")
  var allowJit = false

  @Flag(help: "Never let memory be writable and executable, whatever is recognised in the image.")
  var noJit = false

  func request() throws -> MachineRequest {
    var settings = Settings()
    settings.binary = program
    settings.arguments = arguments.isEmpty ? nil : arguments
    settings.environment = environment
    settings.workingDirectory = cwd
    settings.processors = cpus
    settings.memoryInBytes = try memory.map(Parse.memory)
    settings.diskSize = try diskSize.map(Parse.diskSize)
    settings.allowsJIT = allowJit ? true : noJit ? false : nil
    var request = MachineRequest(source: source, settings: settings)
    request.files = try files.map { try MachineRequest.Addition($0) }
    request.directories = try directories.map { try MachineRequest.Addition($0) }
    request.vcfg = vcfg.map(absolutePath)
    return request
  }

  func validate() throws {
    if allowJit, noJit { throw ValidationError("--allow-jit and --no-jit contradict each other") }
    for variable in environment {
      guard let end = variable.firstIndex(of: "="), end != variable.startIndex else {
        throw ValidationError("--env: '\(variable)' is not NAME=VALUE")
      }
    }
    if let cwd, !cwd.hasPrefix("/") { throw ValidationError("--cwd: '\(cwd)' is not an absolute path") }
    if let cpus, cpus < 1 { throw ValidationError("--cpus must be 1 or more") }
  }
}

/// Values of options.
enum Parse {
  static func memory(_ text: String) throws(Failure) -> UInt64 {
    guard let size = bytes(fromSize: text) else { throw Failure("--memory: '\(text)' is not a size such as 256M") }
    guard size >= 1 << 20 else { throw Failure("--memory: \(text) is bytes; write \(text)M for \(text) MiB") }
    return size
  }

  static func diskSize(_ text: String) throws(Failure) -> DiskSize {
    guard let size = Configuration.diskSize(from: text) else {
      throw Failure("--disk-size: '\(text)' is not a size such as 1G, nor free space such as +64M")
    }
    return size
  }

  static func timeout(_ text: String) throws(Failure) -> Duration {
    guard let limit = duration(from: text) else {
      throw Failure("--timeout: '\(text)' is not a time such as 30, 500ms or 2m")
    }
    return limit
  }
}
