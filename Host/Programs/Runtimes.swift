// SPDX-License-Identifier: Apache-2.0
import HostSystem
import SystemPackage

/// What a common runtime or library opens by name when it starts, which no ELF file says.
struct Runtime {
  /// Told to the person: "modules of Python".
  let reason: String
  /// Files and directories that are packed if they exist. A `*` in the last part stands for anything; `{version}` for
  /// what followed the recognised name, and `{prefix}` for the directory above the program's `bin`.
  let paths: [String]
  /// The beginning of the program's or a library's file name.
  private let names: [String]

  init(_ names: String..., reason: String, paths: [String]) {
    self.names = names
    self.reason = reason
    self.paths = paths
  }

  /// The version after the recognised name ("3.11" of `python3.11`, empty for `perl`); nil if `fileName` is not this
  /// runtime's.
  func version(in fileName: String) -> String? {
    for name in names where fileName.hasPrefix(name) {
      let rest = fileName.dropFirst(name.count)
      if name.hasSuffix(".so") {
        if rest.isEmpty || rest.hasPrefix(".") { return "" }
        continue
      }
      let version = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      // `perlbug` is not `perl`; `libpython3.11.so.1.0` is Python 3.11.
      let isWhole = version.count == rest.count || rest.dropFirst(version.count).hasPrefix("so")
      if isWhole { return version.hasSuffix(".") ? String(version.dropLast()) : String(version) }
    }
    return nil
  }

  static let all: [Runtime] = [
    Runtime(
      "python", "libpython", reason: "modules of Python",
      paths: [
        "{prefix}/lib/python{version}", "{prefix}/pyvenv.cfg", "/usr/lib/python3/dist-packages",
        "/usr/local/lib/python{version}/dist-packages", "/etc/python{version}",
      ]),
    Runtime(
      "perl", "libperl.so", reason: "modules of Perl",
      paths: ["/etc/perl", "/usr/lib/x86_64-linux-gnu/perl*", "/usr/share/perl*", "/usr/local/share/perl*"]),
    Runtime(
      "lua", "luajit", "liblua", reason: "modules of Lua",
      paths: [
        "/usr/share/lua", "/usr/lib/x86_64-linux-gnu/lua", "/usr/local/share/lua", "/usr/local/lib/lua",
      ]),
    Runtime(
      "ruby", "libruby", reason: "libraries of Ruby",
      paths: ["/usr/lib/ruby", "/usr/lib/x86_64-linux-gnu/ruby", "/usr/share/rubygems-integration", "/var/lib/gems"]),
    Runtime("java", reason: "the Java runtime", paths: ["{prefix}", "/etc/java-*", "/etc/ssl/certs/java"]),
    Runtime("node", "nodejs", reason: "modules of Node.js", paths: ["{prefix}/lib/node_modules", "/usr/share/nodejs"]),
    Runtime("php", reason: "extensions of PHP", paths: ["/usr/lib/php", "/etc/php", "/usr/share/php"]),
    Runtime("tclsh", "libtcl", reason: "the Tcl library", paths: ["/usr/share/tcltk", "/usr/lib/tcltk"]),
    Runtime("gawk", reason: "libraries of awk", paths: ["/usr/share/awk", "/usr/lib/x86_64-linux-gnu/gawk"]),
    Runtime("guile", reason: "the Guile library", paths: ["/usr/share/guile", "/usr/lib/x86_64-linux-gnu/guile"]),
    Runtime("dotnet", reason: "the .NET runtime", paths: ["/usr/share/dotnet", "/usr/lib/dotnet"]),
    Runtime("mono", reason: "the Mono runtime", paths: ["/usr/lib/mono", "/etc/mono"]),
    Runtime("erl", "beam.smp", reason: "the Erlang library", paths: ["/usr/lib/erlang"]),
    Runtime("iconv", reason: "character sets of iconv", paths: ["/usr/lib/x86_64-linux-gnu/gconv"]),
    Runtime(
      "libcrypto.so", reason: "configuration and providers of OpenSSL",
      paths: [
        "/usr/lib/ssl/openssl.cnf", "/usr/lib/x86_64-linux-gnu/ossl-modules", "/usr/lib/x86_64-linux-gnu/engines-3",
      ]),
    Runtime(
      "libtinfo.so", "libncurses.so", reason: "descriptions of terminals", paths: ["/lib/terminfo", "/etc/terminfo"]),
    Runtime("libmagic.so", reason: "file types", paths: ["/usr/share/misc/magic.mgc", "/etc/magic"]),
  ]
}

/// Recognises what makes machine code while it runs, and so needs memory that is writable and executable.
enum CodeGenerators {
  private static let libraries: [(prefix: String, name: String)] = [
    ("libjvm.so", "Java"), ("libcoreclr.so", ".NET"), ("libclrjit.so", ".NET"), ("libluajit", "LuaJIT"),
    ("libnode.so", "Node.js"), ("libv8", "V8"), ("libmozjs", "SpiderMonkey"),
    ("libjavascriptcoregtk", "JavaScriptCore"),
    ("libmonosgen", "Mono"), ("libmono-2", "Mono"), ("libwasmtime", "Wasmtime"), ("libwasmer", "Wasmer"),
    ("libjulia", "Julia"), ("libpypy", "PyPy"),
  ]
  private static let programs: [(prefix: String, name: String)] = [
    ("java", "Java"), ("node", "Node.js"), ("deno", "Deno"), ("bun", "Bun"), ("luajit", "LuaJIT"), ("dotnet", ".NET"),
    ("mono", "Mono"), ("beam.smp", "Erlang"), ("wasmtime", "Wasmtime"), ("wasmer", "Wasmer"), ("pypy", "PyPy"),
    ("julia", "Julia"), ("qemu-", "QEMU"), ("chrome", "V8"), ("chromium", "V8"), ("d8", "V8"),
  ]

  /// "Java (libjvm.so)" if the file at `path` is known to generate code.
  static func name(of path: FilePath, isProgram: Bool) -> String? {
    guard let file = path.lastComponent?.string else { return nil }
    for (prefix, name) in libraries where file.hasPrefix(prefix) && file.contains(".so") { return "\(name) (\(file))" }
    guard isProgram else { return nil }
    for (prefix, name) in programs where file.hasPrefix(prefix) {
      // A version may follow, as in `node20`, `nodejs` or `luajit-2.1.0-beta3`; `nodetool` is something else.
      let rest = file.dropFirst(prefix.count)
      let isSame = rest.isEmpty || prefix.hasSuffix("-") || rest == "js"
      if isSame || rest.drop(while: { $0 == "-" }).first?.isNumber == true { return "\(name) (\(file))" }
    }
    return nil
  }
}
