// SPDX-License-Identifier: Apache-2.0
import HostSystem
import SystemPackage

/// What a common runtime or library opens by name when it starts, which no ELF file says.
struct Runtime {
  /// Told to the person: "modules of Python".
  let reason: String
  /// Files and directories that are packed if they exist. A `*` in the last part stands for anything; `{version}` for
  /// what followed the recognised name, `{prefix}` for the directory above the program's `bin`, and `{home}` for the
  /// directory above the recognised library's `lib`.
  let paths: [String]
  /// Names that a `*` does not stand for: what is beside the needed files and not needed to start.
  let exceptions: Set<String>
  /// The beginning of the program's or a library's file name.
  private let names: [String]

  init(_ names: String..., reason: String, paths: [String], except exceptions: Set<String> = []) {
    self.names = names
    self.reason = reason
    self.paths = paths
    self.exceptions = exceptions
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

  /// The paths with the placeholders and stars filled in; a path whose placeholder has no value is left out.
  func places(version: String, prefixes: [FilePath], home: FilePath?) -> [FilePath] {
    paths.flatMap { places($0, version: version, prefixes: prefixes, home: home) }
  }

  private func places(_ pattern: String, version: String, prefixes: [FilePath], home: FilePath?) -> [FilePath] {
    if version.isEmpty, pattern.contains("{version}") { return [] }
    if home == nil, pattern.contains("{home}") { return [] }
    let filled = pattern.replacing("{version}", with: version).replacing("{home}", with: home?.string ?? "")
    let candidates = Set(prefixes.map { filled.replacing("{prefix}", with: $0.string == "/" ? "" : $0.string) })
    return candidates.sorted().filter { !$0.isEmpty && $0 != "/usr" }.flatMap { candidate -> [FilePath] in
      guard candidate.hasSuffix("*") else { return [FilePath(candidate)] }
      let directory = FilePath(candidate).removingLastComponent()
      let prefix = FilePath(candidate).lastComponent?.string.dropLast() ?? ""
      let names = (try? namesInDirectory(directory)) ?? []
      return names.filter { $0.string.hasPrefix(prefix) && !exceptions.contains($0.string) }
        .map { directory.appending($0) }
    }
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
    // Every command of a JDK is a small program on this library, which finds the rest beside itself. Debian's
    // configuration is links to /etc, which are followed.
    Runtime(
      "libjli.so", reason: "the Java runtime", paths: ["{home}/lib/*", "{home}/conf"],
      except: [
        // Sources, the symbols of older versions for `javac --release`, and what needs a screen.
        "src.zip", "ct.sym", "libawt_xawt.so", "libsplashscreen.so", "libjawt.so", "libatk-wrapper.so",
      ]),
    // Debian builds Node.js with some of its own modules outside of the program.
    Runtime(
      "node", "nodejs", "libnode.so", reason: "modules of Node.js",
      paths: ["/usr/share/nodejs", "/usr/share/node_modules", "/usr/lib/x86_64-linux-gnu/nodejs"]),
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
