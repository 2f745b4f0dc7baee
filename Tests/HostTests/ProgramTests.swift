// SPDX-License-Identifier: Apache-2.0
import HostSystem
import Programs
import SystemPackage
import Testing

@Suite struct LibraryClosureTests {
  /// `ldd` asks the loader itself, by running it.
  @Test(arguments: [
    "/bin/ls", "/usr/bin/python3", "/usr/bin/openssl", "/usr/bin/perl", "/usr/bin/sqlite3", "/usr/bin/jq",
    "/usr/bin/qemu-system-x86_64", "/usr/bin/git", "/usr/bin/bash",
  ])
  func findsWhatTheLoaderFinds(program: String) async throws {
    guard findInPath(FilePath(program).lastComponent?.string ?? "") != nil else { return }
    let listing = try await Tool.run(.path("/usr/bin/ldd"), [program]).text
    let expected = listing.split(separator: "\n").compactMap { line -> String? in
      line.split(separator: " ").first { $0.hasPrefix("/") }.map(String.init)
    }
    let package = try Packer.package(FilePath(program), kind: InputKind(of: FilePath(program)), name: program)
    let packed = Set(package.files.filter { $0.content == .copy }.map(\.path))
    for library in expected {
      let real = try PathResolver().resolve(FilePath(library)).realPath
      #expect(packed.contains(real), "\(library), which is \(real)")
    }
  }

  @Test func packsTheLinksOnTheWay() throws {
    let package = try Packer.package("/bin/ls", kind: .program, name: "ls")
    for path in ["/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6", "/bin/ls"] {
      // Every link between the path that is asked for and the file is packed.
      let resolution = try PathResolver().resolve(FilePath(path))
      for link in resolution.links {
        #expect(package.files.contains { $0.path == link.path && $0.content == .link(link.target) }, "\(link)")
      }
    }
  }

  @Test func followsRunPathAndOrigin() async throws {
    let directory = try TemporaryDirectory()
    try makeDirectory(directory.path.appending("bin"))
    try makeDirectory(directory.path.appending("lib"))
    try directory.write("lib.c", "int deep(void); int one(void) { return deep(); }")
    try directory.write("deep.c", "int deep(void) { return 0; }")
    try directory.write("main.c", "int one(void); int main(void) { return one(); }")
    try await build(
      """
      gcc -shared -fPIC deep.c -o lib/libdeep.so.1 -Wl,-soname,libdeep.so.1
      gcc -shared -fPIC lib.c -o lib/libone.so lib/libdeep.so.1 -Wl,-rpath,'$ORIGIN'
      gcc main.c -o bin/runpath lib/libone.so -Wl,--enable-new-dtags,-rpath,'${ORIGIN}/../lib' -Wl,-rpath-link,lib
      gcc main.c -o bin/none -Llib -l:libone.so -Wl,-rpath-link,lib
      sed -i 's|lib/libone.so|libone.so|' bin/none
      """, directory)
    // With a slash in DT_NEEDED the loader would take the path as it is: these were linked by path without a soname.
    let found = try package(directory.path.appending("bin/none"), libraryPath: "\(directory.path)/lib")
    #expect(found.contains(directory.path.appending("lib/libone.so")))
    #expect(found.contains(directory.path.appending("lib/libdeep.so.1")))
    #expect(throws: Failure.self) { try package(directory.path.appending("bin/none"), libraryPath: nil) }
  }

  @Test func namesEveryMissingLibraryAndWhoNeedsIt() async throws {
    let directory = try TemporaryDirectory()
    try directory.write("main.c", "int one(void), two(void); int main(void) { return one() + two(); }")
    try await build(
      """
      echo 'int one(void) { return 0; }' | gcc -xc - -shared -fPIC -o libone.so -Wl,-soname,libone.so.5
      echo 'int two(void) { return 0; }' | gcc -xc - -shared -fPIC -o libtwo.so -Wl,-soname,libtwo.so.6
      gcc main.c -o main libone.so libtwo.so
      """, directory)
    let path = directory.path.appending("main")
    #expect(
      throws: Failure(
        "cannot find libone.so.5 (needed by \(path)), libtwo.so.6 (needed by \(path)): install them, or name the directory with --env LD_LIBRARY_PATH=DIRECTORY"
      )
    ) { try package(path, libraryPath: nil) }
  }

  @Test func searchesWhereMuslSearches() async throws {
    let directory = try TemporaryDirectory()
    try directory.write("main.c", "int main(void) { return 0; }")
    try await build("musl-gcc main.c -o main", directory)
    let found = try package(directory.path.appending("main"), libraryPath: nil)
    let interpreter = try PathResolver().resolve("/lib/ld-musl-x86_64.so.1").realPath
    #expect(found == [directory.path.appending("main"), interpreter])
  }

  @Test func packsTheModulesOfPython() throws {
    let package = try Packer.package("/usr/bin/python3", kind: .program, name: "python3")
    let paths = package.files.map(\.path.string)
    #expect(paths.contains { $0.hasPrefix("/usr/lib/python3.") && !$0.hasSuffix(".so") })
    // Needed by a module, not by the program.
    #expect(paths.contains { $0.contains("/libsqlite3.so") })
    #expect(paths.contains { $0.contains("/libffi.so") })
  }

  /// What starts, and not what builds, documents or draws.
  @Test(.enabled(if: findInPath("java") != nil, "java (openjdk-17-jdk-headless) is not installed"))
  func packsTheJavaRuntime() throws {
    let program = try #require(findInPath("java"))
    let package = try Packer.package(program, kind: .program, name: "java")
    let home = try PathResolver().resolve(program).realPath.removingLastComponent().removingLastComponent()
    let paths = Set(package.files.map(\.path))
    for name in ["lib/modules", "lib/server", "lib/security", "lib/libjava.so", "conf"] {
      #expect(paths.contains(home.pushing(FilePath(name))), "\(name)")
    }
    for name in ["", "lib", "jmods", "legal", "lib/src.zip", "lib/ct.sym", "lib/libawt_xawt.so"] {
      #expect(!paths.contains(home.pushing(FilePath(name))), "\(name)")
    }
    #expect(package.files.allSatisfy { $0.content != .copy || !$0.path.string.hasSuffix("/src.zip") })
    #expect(package.codeGenerator == CodeGeneratorUse(name: "Java", evidence: "the program is called java"))
    #expect(!package.omissions.contains { $0.contains("libjvm.so") }, "\(package.omissions)")
    // Other commands of the JDK are recognised by its library.
    let compiler = home.pushing("bin/javac")
    guard PathResolver().exists(compiler) else { return }
    let other = try Packer.package(compiler, kind: .program, name: "javac").codeGenerator
    #expect(other == CodeGeneratorUse(name: "Java", evidence: "it loads libjli.so"))
  }

  @Test func packsInterpreterAndScript() throws {
    let directory = try TemporaryDirectory()
    let script = try directory.write("hello.pl", "#!/usr/bin/perl -w\nprint 1;\n", executable: true)
    let package = try Packer.package(script, kind: InputKind(of: script), name: "hello.pl")
    #expect(package.program == "/usr/bin/perl")
    #expect(package.leadingArguments == ["/usr/bin/perl", "-w", script.string])
    #expect(package.files.contains { $0.path == script })
  }

  private func build(_ script: String, _ directory: TemporaryDirectory) async throws {
    let result = try await Tool.run(.path("/bin/sh"), ["-ec", "cd \(directory.path)\n\(script)"])
    try #require(result.exitCode == 0, "\(result.errors)")
  }

  private func package(_ path: FilePath, libraryPath: String?) throws -> [FilePath] {
    try Packer.package(path, kind: .program, name: path.string, libraryPath: libraryPath).files
      .filter { $0.content == .copy && $0.reason != "a name service of glibc" }.map(\.path)
  }
}

@Suite struct WrongInputTests {
  static let contents: [(bytes: [UInt8], sentence: String)] = [
    ([], "is empty: give a program, a directory or a disk image"),
    (Array("hello\n".utf8), "is text without a #! line: give a 64-bit Linux program (ELF, x86-64)"),
    (Array("MZ\u{1}\u{0}".utf8), "is a program for Windows (PE): give a 64-bit Linux program (ELF, x86-64)"),
    ([0xcf, 0xfa, 0xed, 0xfe, 7], "is a Mach-O program for macOS: give a 64-bit Linux program (ELF, x86-64)"),
    ([0, 1, 2, 3], "is no program of a known kind: give a 64-bit Linux program (ELF, x86-64)"),
    (elf(bits: 1), "is a 32-bit program: build it for 64-bit x86-64"),
    (elf(machine: 183), "is a program for 64-bit ARM (aarch64): build it for x86-64"),
    (elf(machine: 243), "is a program for RISC-V: build it for x86-64"),
    (elf(type: 1), "is an object file: link it to a program first"),
    (Array(elf().prefix(40)), "ends before the place that its headers speak of: copy it again"),
  ]

  /// The first 64 bytes of an ELF file.
  static func elf(bits: UInt8 = 2, type: UInt8 = 2, machine: UInt8 = 62) -> [UInt8] {
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, bits, 1, 1] + [UInt8](repeating: 0, count: 57)
    (bytes[16], bytes[18], bytes[20], bytes[52]) = (type, machine, 1, 64)
    return bytes
  }

  @Test(arguments: contents)
  func saysWhatIsWrong(bytes: [UInt8], sentence: String) async throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("input", bytes)
    let result = try await Tool.run(["run", path.string])
    #expect(result.errors == "vorteil: \(path) \(sentence)\n")
    #expect(result.exitCode == 125)
  }

  @Test(arguments: [
    (["run", "/no/such/file"], "there is no file /no/such/file: check the path"),
    (["run", "/dev/null"], "/dev/null is not a file: give a program, a directory or a disk image"),
    (["run", "/bin/ls", "--cpus", "65"], "a machine has at most 64 processors, not 65: lower --cpus or [vm] cpus"),
    (["run", "/bin/ls", "--memory", "256"], "--memory: 256 is bytes; write 256M for 256 MiB"),
    (["run", "/bin/ls", "--file", "/no/such"], "cannot read /no/such: No such file or directory"),
    (["run", "/bin/ls", "--directory", "/bin/ls"], "/bin/ls is not a directory: use --file"),
    (["run", "/bin/ls", "--file", "/bin/ls:x"], "'x' in '/bin/ls:x' must be an absolute path in the machine"),
    (["run", "/bin/ls", "--vcfg", "/no/such"], "cannot read the configuration /no/such: No such file or directory"),
  ])
  func saysWhatIsWrongWithTheOptions(arguments: [String], sentence: String) async throws {
    let result = try await Tool.run(arguments)
    #expect(result.errors == "vorteil: \(sentence)\n")
    #expect(result.exitCode == 125)
  }

  @Test(arguments: [
    ["run"], ["run", "/bin/ls", "--bogus"], ["fly"], ["build", "/bin/ls"], ["run", "/bin/ls", "--cwd", "x"],
    ["run", "/bin/ls", "--env", "x"], ["run", "/bin/ls", "--allow-jit", "--no-jit"], ["run", "/bin/ls", "--cpus", "0"],
  ])
  func usageErrorsAreItsOwnFailures(arguments: [String]) async throws {
    let result = try await Tool.run(arguments)
    #expect(result.exitCode == 125)
    #expect(result.errors.hasPrefix("vorteil: "))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  @Test func saysThatALoaderOrAnInterpreterIsMissing() async throws {
    let directory = try TemporaryDirectory()
    let script = try directory.write("script", "#!/no/such/interpreter\n", executable: true)
    #expect(
      try await Tool.run(["run", script.string]).errors
        == "vorteil: \(script) is a script for /no/such/interpreter, which is not on this machine: install it, or change the script's first line\n"
    )
    try directory.write("main.c", "int main(void) { return 0; }")
    let built = try await Tool.run(
      .path("/bin/sh"), ["-c", "cd \(directory.path); gcc main.c -o main -Wl,--dynamic-linker=/no/ld.so"])
    try #require(built.exitCode == 0)
    let errors = try await Tool.run(["run", "\(directory.path)/main"]).errors
    #expect(errors.contains("needs the loader /no/ld.so, which is not on this machine"))
  }

  @Test func aDirectoryNeedsAProgram() async throws {
    let directory = try TemporaryDirectory()
    #expect(
      try await Tool.run(["run", directory.path.string]).errors
        == "vorteil: \(directory.path) is a directory: name the program in it with --program /bin/NAME, or binary = \"…\" in a VCFG file\n"
    )
    let errors = try await Tool.run(["run", directory.path.string, "--program", "/bin/x"]).errors
    #expect(errors == "vorteil: there is no program /bin/x in \(directory.path): No such file or directory\n")
    try directory.write("x", Array("no program".utf8))
    let text = try await Tool.run(["run", directory.path.string, "--program", "/x"]).errors
    #expect(text == "vorteil: /x in \(directory.path) is not an ELF file: give a 64-bit Linux program (ELF, x86-64)\n")
  }
}
