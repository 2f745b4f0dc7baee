// SPDX-License-Identifier: Apache-2.0
import Configuration
import HostSystem
import Testing

@Suite struct VcfgTests {
  @Test func readsEverythingThatItActsOn() throws {
    let settings = try Settings(
      vcfg: """
        [[program]]
        binary = "/bin/server"
        args = "--name 'two words' --quote \\"a b\\" c\\\\ d"
        env = { PORT = 8080, NAME = "x" }
        cwd = "/srv"

        [vm]
        cpus = 1
        ram = "512 MiB"
        disk-size = "+64M"

        [system]
        allow-jit = true
        hostname = "web"
        user = "www"
        """, name: "x.vcfg")
    #expect(settings.binary == "/bin/server")
    #expect(settings.arguments == ["--name", "two words", "--quote", "a b", "c d"])
    #expect(settings.environment == ["NAME=x", "PORT=8080"])
    #expect(settings.workingDirectory == "/srv")
    #expect(settings.processors == 1)
    #expect(settings.memoryInBytes == 512 << 20)
    #expect(settings.diskSize == .free(64 << 20))
    #expect(settings.allowsJIT == true)
    #expect(settings.hostname == "web")
    #expect(settings.user == User(name: "www", identifier: 1000))
    #expect(settings.notices.isEmpty)
  }

  @Test func takesArgumentsAndVariablesAsArrays() throws {
    let settings = try Settings(
      vcfg: """
        [[program]]
        args = ["/bin/x", "a b"]
        env = ["A=1", "B=x=y"]
        """, name: "x.vcfg")
    #expect(settings.binary == "/bin/x")
    #expect(settings.arguments == ["a b"])
    #expect(settings.environment == ["A=1", "B=x=y"])
  }

  @Test func saysWhatIsNotActedOnYet() throws {
    let settings = try Settings(
      vcfg: """
        # a comment
        [[network]]
        ip = "dhcp"
        http = ["80",
          "8080"]

        [[network]]
        ip = "10.0.0.2"
        [sysctl]
        "vm.x" = "1"
        """, name: "net.vcfg")
    #expect(
      settings.notices.sorted() == [
        "net.vcfg:10: 'vm.x' in [sysctl] is not acted on yet",
        "net.vcfg:3: 'ip' in [network] is not acted on yet",
        "net.vcfg:4: 'http' in [network] is not acted on yet",
        "net.vcfg:8: 'ip' in [network] is not acted on yet",
      ])
  }

  static let wrong: [(text: String, sentence: String)] = [
    ("[vm]\ncpsu = 1", "w.vcfg:2: unknown key 'cpsu' in [vm]; did you mean 'cpus'?"),
    ("[[program]]\nbinary = \"/x\"\nbogus = 1", "w.vcfg:3: unknown key 'bogus' in [program]"),
    ("[sytem]\nhostname = \"x\"", "w.vcfg:1: unknown key 'sytem'; did you mean 'system'?"),
    ("\nbinary = \"/x\"", "w.vcfg:2: 'binary' belongs under [[program]]"),
    ("[program]\nbinary = \"/x\"", "w.vcfg:1: write [[program]], not [program]"),
    (
      "[[program]]\nbinary = \"/a\"\n\n[[program]]\nbinary = \"/b\"",
      "w.vcfg:4: a second program (/b): a machine runs one program, so remove one of them"
    ),
    ("[vm]\n\nram = 256", "w.vcfg:3: ram: 256 is bytes; write '256M' for 256 MiB"),
    ("[vm]\nram = \"much\"", "w.vcfg:2: ram: 'much' is not a size such as 256M"),
    ("[vm]\ncpus = 0", "w.vcfg:2: cpus must be a whole number from 1 up"),
    ("[vm]\ndisk-size = \"+x\"", "w.vcfg:2: disk-size: '+x' is not a size such as 1G, nor free space such as +64M"),
    ("[[program]]\ncwd = \"srv\"", "w.vcfg:2: cwd must be an absolute path, not 'srv'"),
    ("[[program]]\nargs = \"a 'b\"", "w.vcfg:2: a ' is never closed in the arguments: a 'b"),
    ("[[program]]\nenv = [\"A\"]", "w.vcfg:2: env: 'A' is not NAME=VALUE"),
    ("[[program]]\n[program.env]\nA = 1.5", "w.vcfg:3: A must be a string"),
    ("[system]\nallow-jit = \"yes\"", "w.vcfg:2: allow-jit must be true or false"),
  ]

  @Test(arguments: wrong)
  func namesFileLineAndKey(text: String, sentence: String) {
    #expect(throws: Failure(sentence)) { try Settings(vcfg: text, name: "w.vcfg") }
  }

  @Test func namesTheLineOfASyntaxError() {
    #expect { try Settings(vcfg: "[vm]\ncpus = = 1", name: "w.vcfg") } throws: { error in
      "\(error)".hasPrefix("w.vcfg:2: ")
    }
  }

  @Test func findsLinesBehindStringsAndArrays() {
    let text = "[[program]]\nargs = '''\n[vm]\nbogus = 1\n'''\nenv = [ # ]\n  \"A=]\",\n]\ncdw = \"/\""
    #expect(throws: Failure("w.vcfg:9: unknown key 'cdw' in [program]; did you mean 'cwd'?")) {
      try Settings(vcfg: text, name: "w.vcfg")
    }
  }

  @Test func laterSettingsOverrideEarlierOnes() {
    var file = Settings()
    (file.binary, file.environment, file.memoryInBytes) = ("/a", ["A=1"], 1 << 20)
    var flags = Settings()
    (flags.environment, flags.memoryInBytes) = (["A=2"], 2 << 20)
    let merged = file.overridden(by: flags)
    #expect(merged.binary == "/a")
    #expect(merged.environment == ["A=1", "A=2"])
    #expect(merged.memoryInBytes == 2 << 20)
  }
}

@Suite struct QuantityTests {
  @Test(
    arguments: [
      ("256M", 256 << 20), ("256 MiB", 256 << 20), ("1g", 1 << 30), ("1.5K", 1536), ("65536", 65536), ("0", 0),
      ("12b", 12), ("2TB", 2 << 40),
    ] as [(String, UInt64)])
  func readsSizes(text: String, size: UInt64) {
    #expect(bytes(fromSize: text) == size)
  }

  @Test(arguments: ["", "M", "-1", "1X", "1..2M", "nan", "99999999T", "1 2 3 apples"])
  func refusesWhatIsNoSize(text: String) {
    #expect(bytes(fromSize: text) == nil)
  }

  @Test(arguments: [("30", 30_000), ("30s", 30_000), ("2m", 120_000), ("500ms", 500), ("0.5", 500), ("1h", 3_600_000)])
  func readsDurations(text: String, milliseconds: Int) {
    #expect(duration(from: text) == .milliseconds(milliseconds))
  }

  @Test func refusesWhatIsNoDuration() {
    for text in ["", "s", "-1", "5 minutes", "1d2"] { #expect(duration(from: text) == nil) }
  }
}

@Suite struct ShellWordsTests {
  /// The expectation is what `sh` itself makes of the words.
  @Test(arguments: [
    "a b  c", " a ", "", "'a b' c", "\"a b\" c", "a\\ b", "a'b'c\"d\"", "''", "\"\" x", "\"a\\\"b\"", "\"a\\xb\"",
    "'a\\b'", "a\\\\b", "\"'\"", "'\"'", "\"a\\\nb\"", "a\\\nb", "tab\tand\nline",
  ])
  func splitsAsAShellDoes(text: String) async throws {
    let expected = try await Tool.run(
      .path("/bin/sh"),
      [
        "-c",
        "for w in \(text.replacing("\n", with: text.contains("\\\n") ? "\n" : " ")); do printf '%s\\n' \"<$w>\"; done",
      ])
    let words = try shellWords(text).map { "<\($0)>\n" }.joined()
    #expect(words == expected.text)
  }
}
