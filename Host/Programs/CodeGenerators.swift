// SPDX-License-Identifier: Apache-2.0
import Elf
import HostSystem
import SystemPackage

/// Something that makes machine code while it runs, and so needs memory that is writable and executable.
struct CodeGenerator {
  let name: String
  /// The beginnings of its libraries' file names: what loads one of them may run it.
  var libraries: [String] = []
  /// Its programs' names; a version may follow.
  var programs: [String] = []
  /// The beginnings of symbols that only it has, for programs that it is linked into under any name.
  var symbols: [String] = []

  private static let all: [CodeGenerator] = [
    // libjli is what every command of a JDK needs; it opens libjvm by its path.
    CodeGenerator(name: "Java", libraries: ["libjvm.so", "libjli.so"], programs: ["java"]),
    CodeGenerator(name: "Node.js", libraries: ["libnode.so"], programs: ["node", "nodejs"]),
    CodeGenerator(
      name: "V8", libraries: ["libv8", "libcef.so", "libQt5WebEngineCore.so", "libQt6WebEngineCore.so"],
      programs: ["d8", "deno", "chrome", "chromium", "electron"], symbols: ["_ZN2v87Isolate", "_ZN2v88internal"]),
    CodeGenerator(name: "JavaScriptCore", libraries: ["libjavascriptcoregtk"], programs: ["bun"]),
    CodeGenerator(name: "SpiderMonkey", libraries: ["libmozjs", "libxul.so"], symbols: ["_ZN2js3jit"]),
    CodeGenerator(
      name: "LuaJIT", libraries: ["libluajit"], programs: ["luajit"], symbols: ["luaJIT_setmode", "luaJIT_version_"]),
    // A program in one file has the runtime in it, which debuggers find by DotNetRuntimeInfo.
    CodeGenerator(
      name: ".NET", libraries: ["libcoreclr.so", "libclrjit.so", "libhostfxr.so"], programs: ["dotnet"],
      symbols: ["coreclr_initialize", "DotNetRuntimeInfo"]),
    CodeGenerator(
      name: "Mono", libraries: ["libmonosgen", "libmono-2"], programs: ["mono"], symbols: ["mono_jit_init"]),
    CodeGenerator(name: "Erlang", programs: ["beam.smp"]),
    CodeGenerator(name: "AsmJit", libraries: ["libasmjit.so"], symbols: ["_ZN6asmjit"]),
    CodeGenerator(name: "LLVM", symbols: ["LLVMLinkInMCJIT", "LLVMOrcCreateLLJIT"]),
    CodeGenerator(
      name: "Wasmtime", libraries: ["libwasmtime"], programs: ["wasmtime"], symbols: ["wasmtime_engine_new"]),
    CodeGenerator(name: "Wasmer", libraries: ["libwasmer"], programs: ["wasmer"]),
    CodeGenerator(name: "PyPy", libraries: ["libpypy"], programs: ["pypy"]),
    CodeGenerator(name: "Julia", libraries: ["libjulia"], programs: ["julia"]),
    CodeGenerator(name: "QEMU", programs: ["qemu-system-"]),
  ]

  // MARK: Recognising

  /// The code generator that a library with this file name is, and how that is known.
  static func recognise(library path: FilePath) -> CodeGeneratorUse? {
    guard let file = path.lastComponent?.string, file.contains(".so") else { return nil }
    for generator in all where generator.libraries.contains(where: { file.hasPrefix($0) }) {
      return CodeGeneratorUse(name: generator.name, evidence: "it loads \(file)")
    }
    return nil
  }

  /// The code generator that the program `file` at `path` is or contains, and how that is known.
  static func recognise(program path: FilePath, _ file: ElfFile) -> CodeGeneratorUse? {
    let fileName = path.lastComponent?.string ?? ""
    for generator in all where generator.programs.contains(where: { isProgram($0, fileName) }) {
      return CodeGeneratorUse(name: generator.name, evidence: "the program is called \(fileName)")
    }
    let symbols = all.flatMap(\.symbols)
    guard let symbol = file.symbolName(beginningWith: symbols),
      let generator = all.first(where: { $0.symbols.contains { symbol.hasPrefix($0) } })
    else { return nil }
    return CodeGeneratorUse(name: generator.name, evidence: "it has the symbol \(symbol)")
  }

  /// A version may follow the name, as in `node20` or `luajit-2.1.0-beta3`; `nodetool` is something else.
  private static func isProgram(_ name: String, _ file: String) -> Bool {
    guard file.hasPrefix(name) else { return false }
    let rest = file.dropFirst(name.count)
    return rest.isEmpty || name.hasSuffix("-") || rest.drop { $0 == "-" }.first?.isNumber == true
  }
}

/// That a program makes machine code, by what, and how that was seen.
public struct CodeGeneratorUse: Equatable, Sendable {
  /// Who makes the code: "Java".
  public let name: String
  /// To follow "because": "it loads libjvm.so".
  public let evidence: String

  public init(name: String, evidence: String) {
    self.name = name
    self.evidence = evidence
  }
}
