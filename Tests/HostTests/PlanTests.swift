// SPDX-License-Identifier: Apache-2.0
import Configuration
import HostSystem
import Images
import SystemPackage
import Testing

/// What a request turns into before anything is built.
@Suite struct PlanTests {
  @Test func aBareProgramGetsTheDefaults() throws {
    let plan = try plan("/bin/true") { $0.arguments = ["a", "b c"] }
    #expect(text(plan.configuration.program) == "/bin/true")
    #expect(plan.configuration.arguments.map(text) == ["/bin/true", "a", "b c"])
    #expect(
      plan.configuration.environment.map(text).sorted() == [
        "HOME=/root", "LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      ])
    #expect(text(plan.configuration.workingDirectory) == "/")
    #expect(plan.configuration.userID == 0)
    #expect(plan.configuration.allowsJIT == false)
    #expect(plan.memoryInBytes == 256 << 20)
    for directory: FilePath in ["/dev", "/proc", "/sys", "/tmp", "/root", "/etc", "/run", "/var/tmp"] {
      #expect(plan.tree[directory]?.kind == .directory, "\(directory)")
    }
    #expect(plan.tree["/tmp"]?.permissions == 0o1777)
    #expect(plan.tree["/root"]?.permissions == 0o700)
    #expect(plan.notices.isEmpty)
  }

  @Test func aNameIsLookedUpInThePath() throws {
    let plan = try plan("true")
    #expect(text(plan.configuration.program).hasSuffix("/true"))
    #expect(plan.configuration.arguments.map(text) == ["true"])
  }

  @Test func variablesReplaceDefaultsAndEarlierOnes() throws {
    let plan = try plan("/bin/true") { $0.environment = ["HOME=/x", "A=1", "A=2"] }
    let environment = plan.configuration.environment.map(text)
    #expect(environment.contains("HOME=/x") && !environment.contains("HOME=/root"))
    #expect(environment.contains("A=2") && !environment.contains("A=1"))
  }

  @Test func filesBelongToTheSuperuserWhoeverPacksThem() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write("data", "x")
    var request = MachineRequest(source: "/bin/true", settings: Settings())
    request.files = [try .init("\(file):/data")]
    let entry = try #require(try MachinePlan(request).tree["/data"])
    #expect(entry.userID == 0 && entry.groupID == 0)
  }

  @Test func theVcfgBesideAProgramCountsAndOptionsOverrideIt() throws {
    let directory = try TemporaryDirectory()
    let program = try directory.write("server", content("/bin/busybox"), executable: true)
    try directory.write(
      "server.vcfg", "[[program]]\nargs = \"from file\"\nbinary = \"/bin/server\"\n[vm]\nram = \"64M\"\ncpus = 1\n")
    let fromFile = try plan(program.string)
    #expect(fromFile.configuration.arguments.map(text) == ["/bin/server", "from", "file"])
    #expect(fromFile.memoryInBytes == 64 << 20)
    #expect(fromFile.tree["/bin/server"] != nil)
    let overridden = try plan(program.string) { ($0.arguments, $0.memoryInBytes) = (["option"], 32 << 20) }
    #expect(overridden.configuration.arguments.map(text) == ["/bin/server", "option"])
    #expect(overridden.memoryInBytes == 32 << 20)
  }

  @Test func aDirectoryHasOneVcfgOrADefault() throws {
    let directory = try TemporaryDirectory()
    try directory.write("busybox", content("/bin/busybox"), executable: true)
    try directory.write("one.vcfg", "[[program]]\nbinary = \"busybox\"\nargs = [\"1\"]")
    #expect(try plan(directory.path.string).configuration.arguments.map(text) == ["busybox", "1"])
    try directory.write("two.vcfg", "[[program]]\nbinary = \"busybox\"")
    #expect(
      throws: Failure("\(directory.path) has several VCFG files (one.vcfg, two.vcfg): choose one with --vcfg")
    ) { try plan(directory.path.string) }
    try directory.write("default.vcfg", "[[program]]\nbinary = \"busybox\"\nargs = [\"d\"]")
    #expect(try plan(directory.path.string).configuration.arguments.map(text) == ["busybox", "d"])
  }

  @Test func aUserGetsAnAccountAndAHome() throws {
    let plan = try plan("/bin/true") { $0.user = User("www") }
    #expect(plan.configuration.userID == 1000)
    #expect(plan.tree["/home/www"]?.userID == 1000)
    #expect(plan.configuration.environment.map(text).contains("HOME=/home/www"))
  }

  @Test(arguments: ["node", "java", "luajit-2.1.0-beta3", "beam.smp"])
  func recognisesWhatMakesMachineCode(name: String) throws {
    let directory = try TemporaryDirectory()
    let program = try directory.write(name, content("/bin/busybox"), executable: true)
    let recognised = try plan(program.string)
    #expect(recognised.configuration.allowsJIT)
    #expect(recognised.notices.isEmpty)
    #expect(recognised.details.contains { $0.contains("is called \(name))") }, "\(recognised.details)")
    let forbidden = try plan(program.string) { $0.allowsJIT = false }
    #expect(!forbidden.configuration.allowsJIT)
    #expect(forbidden.notices.count == 1 && forbidden.notices[0].contains("--no-jit"))
  }

  /// A program under any name, by what is linked into it.
  @Test(arguments: [
    ("luaJIT_setmode", "LuaJIT", "-static"), ("_ZN2v87Isolate10GetCurrentEv", "V8", "-rdynamic"),
    ("DotNetRuntimeInfo", ".NET", "-rdynamic -s"),
  ])
  func recognisesMachineCodeBySymbols(symbol: String, name: String, flags: String) async throws {
    let directory = try TemporaryDirectory()
    try directory.write("main.c", "int \(symbol)(void) { return 0; } int main(void) { return 0; }")
    let built = try await Tool.run(
      .path("/bin/sh"), ["-c", "cd \(directory.path); gcc main.c -o anything \(flags)"])
    try #require(built.exitCode == 0, "\(built.errors)")
    let plan = try plan("\(directory.path)/anything")
    #expect(plan.configuration.allowsJIT)
    #expect(plan.details.contains { $0.hasPrefix("\(name) makes") && $0.contains(symbol) }, "\(plan.details)")
  }

  @Test func aTerminalComesWithItsDescription() throws {
    var request = MachineRequest(source: "/bin/true", settings: Settings())
    request.terminalType = "xterm"
    let plan = try MachinePlan(request)
    #expect(plan.configuration.environment.map(text).contains("TERM=xterm"))
    #expect(plan.tree["/lib/terminfo/x/xterm"] != nil || plan.tree["/usr/lib/terminfo/x/xterm"] != nil)
    request.settings.environment = ["TERM=vt100"]
    #expect(try MachinePlan(request).configuration.environment.map(text).contains("TERM=vt100"))
    request.terminalType = "../x"
    #expect(throws: Never.self) { try MachinePlan(request) }
  }

  @Test func knowsWhatWasForgotten() throws {
    let directory = try TemporaryDirectory()
    let script = try directory.write("script", "")
    try directory.write("Main.class", "")
    var request = MachineRequest(source: "/bin/true", settings: Settings())
    request.settings.arguments = [
      "-x", script.string, "\(directory.path)/Main", directory.path.string, "/no/such", "/",
    ]
    #expect(
      try MachinePlan(request).forgottenFiles == [
        "\(script) is a file here, but not in the machine: add it with --file \(script)",
        "\(directory.path)/Main.class is a file here, but not in the machine: add it with --file \(directory.path)/Main.class",
        "\(directory.path) is a directory here, but not in the machine: add it with --directory \(directory.path)",
      ])
    request.files = [try .init(script.string)]
    request.settings.arguments = [script.string]
    #expect(try MachinePlan(request).forgottenFiles.isEmpty)
  }

  @Test(arguments: ["nodetool", "javac-wrapper", "true"])
  func recognisesNothingElse(name: String) throws {
    let directory = try TemporaryDirectory()
    let program = try directory.write(name, content("/bin/busybox"), executable: true)
    #expect(try !plan(program.string).configuration.allowsJIT)
  }

  @Test func followsLinksInTheTree() {
    var tree = FileTree()
    tree.add(.init(.symbolicLink(Array("usr/bin".utf8)), permissions: 0o777), at: "/bin", reason: "")
    tree.add(.init(.regular(.bytes([])), permissions: 0o755), at: "/bin/x", reason: "")
    #expect(tree["/usr/bin/x"] != nil)
    #expect(tree["/bin/x"] == nil)
    tree.add(.init(.symbolicLink(Array("/loop".utf8)), permissions: 0o777), at: "/loop", reason: "")
    // Does not run for ever.
    _ = tree.realPath("/loop/x")
  }

  // MARK: Helpers

  private func plan(_ source: String, _ change: (inout Settings) -> Void = { _ in }) throws -> MachinePlan {
    var settings = Settings()
    change(&settings)
    return try MachinePlan(MachineRequest(source: source, settings: settings))
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private func content(_ path: FilePath) throws -> [UInt8] {
    let file = try OpenFile.open(path)
    return try file.bytes(at: 0, count: Int(try file.status().size))
  }
}
