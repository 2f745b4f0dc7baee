// SPDX-License-Identifier: Apache-2.0
import Elf
import HostSystem
public import SystemPackage

/// What a person asked to run, once it is known to be readable.
public enum InputKind: Sendable {
  /// A 64-bit x86-64 ELF program.
  case program
  /// A file that starts with `#!`: the interpreter, its one optional argument.
  case script(interpreter: FilePath, argument: String?)
  case directory
  /// A disk with a GUID partition table.
  case diskImage

  /// Looks at what `path` is; anything that cannot be run is a failure that says what it is and what to do.
  public init(of path: FilePath) throws(Failure) {
    let file: OpenFile
    let type: FileType
    let prefix: [UInt8]
    do throws(Errno) {
      file = try OpenFile.open(path)
      type = try file.status().type
      prefix = type == .directory ? [] : try file.bytes(at: 0, count: 1024)
    } catch {
      throw Self.unreadable(path, error)
    }
    switch type {
    case .directory: self = .directory
    case .regular, .blockSpecial: self = try Self.kind(of: path, file, prefix)
    default: throw Failure("\(path) is not a file: give a program, a directory or a disk image")
    }
  }

  private static func unreadable(_ path: FilePath, _ error: Errno) -> Failure {
    switch error {
    case .noSuchFileOrDirectory: Failure("there is no file \(path): check the path")
    case .permissionDenied, .notPermitted: Failure("\(path) is not readable for you: check its permissions (ls -l)")
    default: Failure("read", path, error)
    }
  }

  private static func kind(of path: FilePath, _ file: OpenFile, _ prefix: [UInt8]) throws(Failure) -> InputKind {
    guard !prefix.isEmpty else { throw Failure("\(path) is empty: give a program, a directory or a disk image") }
    if prefix.starts(with: [0x7f, 0x45, 0x4c, 0x46]) {
      do throws(ElfError) {
        _ = try ElfFile(file)
        return .program
      } catch {
        throw Failure("\(path) \(error.sentence)")
      }
    }
    if prefix.starts(with: "#!".utf8) { return try script(path, prefix) }
    if prefix.dropFirst(512).starts(with: "EFI PART".utf8) { return .diskImage }
    throw Failure("\(path) is \(foreignFormat(prefix)): give a 64-bit Linux program (ELF, x86-64)")
  }

  /// The `#!` line as Linux splits it: the rest of the line after the interpreter is one argument.
  private static func script(_ path: FilePath, _ prefix: [UInt8]) throws(Failure) -> InputKind {
    let line = String(decoding: prefix.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    let words = line.split(maxSplits: 1) { $0 == " " || $0 == "\t" }
    guard let name = words.first else { throw Failure("\(path) is a script whose #! line names no interpreter") }
    var argument = words.dropFirst().first ?? ""
    while let last = argument.last, last.isWhitespace { argument.removeLast() }
    return .script(interpreter: FilePath(String(name)), argument: argument.isEmpty ? nil : String(argument))
  }

  private static func foreignFormat(_ prefix: [UInt8]) -> String {
    let formats: [([UInt8], String)] = [
      ([0xcf, 0xfa, 0xed, 0xfe], "a Mach-O program for macOS"),
      ([0xce, 0xfa, 0xed, 0xfe], "a Mach-O program for macOS"),
      ([0xca, 0xfe, 0xba, 0xbe], "a Mach-O program for macOS or a Java class"),
      ([0x4d, 0x5a], "a program for Windows (PE)"),
      ([0x50, 0x4b, 3, 4], "a ZIP archive"), ([0x1f, 0x8b], "compressed with gzip"),
      ([0xfd, 0x37, 0x7a, 0x58], "compressed with xz"),
      ([0x28, 0xb5, 0x2f, 0xfd], "compressed with zstd"), ([0x51, 0x46, 0x49, 0xfb], "a QCOW2 disk image"),
      (Array("!<arch>".utf8), "an archive of object files"), ([0x00, 0x61, 0x73, 0x6d], "a WebAssembly module"),
    ]
    for (magic, name) in formats where prefix.starts(with: magic) { return name }
    let isText = prefix.allSatisfy { $0 >= 0x20 && $0 != 0x7f || (0x07...0x0d).contains($0) || $0 == 0x1b }
    return isText ? "text without a #! line" : "no program of a known kind"
  }
}

extension ElfError {
  /// What is wrong with the file, to follow its name.
  var sentence: String {
    switch self {
    case .notElf: "is not an ELF file: give a 64-bit Linux program (ELF, x86-64)"
    case .truncated: "ends before the place that its headers speak of: copy it again"
    case .not64Bit: "is a 32-bit program: build it for 64-bit x86-64"
    case .notLittleEndian: "is a big-endian program: build it for x86-64"
    case .wrongMachine(let machine): "is a program for \(Self.name(ofMachine: machine)): build it for x86-64"
    case .notExecutable(1): "is an object file: link it to a program first"
    case .notExecutable(4): "is a core dump: give the program that left it"
    case .notExecutable(let type): "is an ELF file of type \(type), not a program"
    case .noLoadableSegments: "has nothing in it to load: is it a file of debug symbols?"
    case .malformedHeader, .tooManyProgramHeaders, .programHeadersBeyond, .segmentOverflows, .segmentSmallerThanFile,
      .segmentsOverlap, .segmentMisaligned, .malformedInterpreter, .malformedDynamicSection:
      "is a damaged ELF file (\(self)): build or copy it again"
    }
  }

  /// The names of the processors in the System V ABI's list of e_machine.
  private static func name(ofMachine machine: UInt16) -> String {
    let names: [UInt16: String] = [
      2: "SPARC", 3: "32-bit x86", 8: "MIPS", 20: "PowerPC", 21: "64-bit PowerPC", 22: "IBM S/390", 40: "32-bit ARM",
      43: "64-bit SPARC", 50: "Itanium", 183: "64-bit ARM (aarch64)", 243: "RISC-V", 247: "BPF", 258: "LoongArch",
    ]
    return names[machine] ?? "another processor (ELF machine \(machine))"
  }
}
