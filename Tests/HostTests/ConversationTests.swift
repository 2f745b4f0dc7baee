// SPDX-License-Identifier: Apache-2.0
import HostSystem
import Subprocess
import SystemPackage
import Testing

/// The tool against a stand-in for the hypervisor: streams, exit codes, signals, time limits.
@Suite struct ConversationTests {
  @Test func keepsTheStreamsApartAndReturnsTheExitCode() async throws {
    let result = try await Tool.play("hello")
    #expect(result.text == "out\nmore\n")
    #expect(result.errors == "err\n")
    #expect(result.exitCode == 7)
  }

  @Test func carriesInputInPiecesAndItsEnd() async throws {
    let result = try await Tool.play("echo", input: "one two three")
    #expect(result.text == "[one t][wo th][ree]")
    #expect(result.exitCode == 0)
  }

  @Test func readsNoInputThatNobodyWants() async throws {
    let command = "\(try Tool.executable) \(Tool.fakeArguments("no_input").joined(separator: " ")); cat"
    let result = try await Tool.run(.path("/bin/sh"), ["-c", command], input: "for the next program\n")
    #expect(result.text == "for the next program\n")
  }

  @Test func carriesMuchOutputByteExact() async throws {
    let directory = try TemporaryDirectory()
    let tool = "\(try Tool.executable) \(Tool.fakeArguments("big").joined(separator: " "))"
    let script = """
      cd \(directory.path); \(tool) >out 2>err
      for stream in 0 1; do
        /usr/bin/python3 -c "import sys
      for i in range($stream, 200, 2): sys.stdout.buffer.write(bytes([i]) * 65536)" >expected$stream
      done
      cmp out expected0 && cmp err expected1 && echo same
      """
    #expect(try await Tool.run(.path("/bin/bash"), ["-c", script]).text == "same\n")
  }

  @Test(arguments: [("crash", 139), ("not_started", 125), ("panic", 125), ("dies", 125), ("garbage", 125)])
  func mapsEndsToExitCodes(scenario: String, code: Int32) async throws {
    let result = try await Tool.play(scenario)
    #expect(result.exitCode == code)
    #expect(result.errors.hasPrefix("vorteil: "))
  }

  @Test func showsReportsLineByLine() async throws {
    let result = try await Tool.play("crash")
    #expect(result.errors == "vorteil: SIGSEGV at 0x0\nvorteil: rip 0x1234\n")
  }

  @Test func showsWhyTheHypervisorDied() async throws {
    let result = try await Tool.play("dies")
    #expect(result.errors.contains("the machine ended before the program did"))
    #expect(result.errors.contains("fake: no such device"))
  }

  @Test func showsMessagesByTheirLevel() async throws {
    #expect(try await Tool.play("messages").errors == "vorteil: level 3\nvorteil: level 4\nvorteil: level 5\n")
    #expect(try await Tool.play("messages", ["--log-level", "error"]).errors == "vorteil: level 5\n")
    let all = try await Tool.play("messages", ["--log-level", "trace"])
    #expect(all.errors.contains("vorteil: level 0\n"))
  }

  @Test func endsAProgramWhoseReaderIsGone() async throws {
    let command =
      "\(try Tool.executable) \(Tool.fakeArguments("yes").joined(separator: " ")) | head -1; echo ${PIPESTATUS[0]}"
    let result = try await Tool.run(.path("/bin/bash"), ["-c", command])
    #expect(result.text == "y\n141\n")
  }

  @Test(arguments: ["stops", "stubborn"])
  func endsAtTheTimeLimit(scenario: String) async throws {
    // Measured by a shell: other tests may keep this process from noticing the end.
    let tool = "\(try Tool.executable) \(Tool.fakeArguments(scenario).joined(separator: " "))"
    let script = "SECONDS=0; \(tool) --timeout 300ms; echo $?; [ $SECONDS -lt 5 ] && echo in time"
    let result = try await Tool.run(.path("/bin/bash"), ["-c", script])
    #expect(result.text.hasSuffix("124\nin time\n"))
  }

  @Test func endsAtTheTimeLimitWhenNobodyTakesTheOutput() async throws {
    let command =
      "\(try Tool.executable) \(Tool.fakeArguments("yes").joined(separator: " ")) --timeout 500ms | (sleep 3; wc -c >/dev/null); echo ${PIPESTATUS[0]}"
    let result = try await Tool.run(.path("/bin/bash"), ["-c", command])
    #expect(result.text == "124\n")
  }

  @Test(arguments: [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131)])
  func passesSignalsOn(signal: String, code: Int) async throws {
    #expect(try await exitCode("signal", afterSignals: "kill -\(signal) $!") == "\(code)\n")
  }

  @Test func endsTheMachineAtTheSecondSignal() async throws {
    #expect(try await exitCode("stubborn", afterSignals: "kill -INT $!; sleep 0.2; kill -INT $!") == "130\n")
  }

  /// The tool's exit code when a shell has sent it signals after the program's first line.
  private func exitCode(
    _ scenario: String, afterSignals signals: String, ignoring ignored: String = "USR1"
  ) async throws -> String {
    let directory = try TemporaryDirectory()
    let script = """
      set -m
      trap '' \(ignored)
      mkfifo \(directory.path)/pipe
      \(try Tool.executable) \(Tool.fakeArguments(scenario).joined(separator: " ")) > \(directory.path)/pipe &
      read line < \(directory.path)/pipe
      \(signals)
      wait $!
      echo $?
      """
    return try await Tool.run(.path("/bin/bash"), ["-c", script]).text
  }

  @Test func keepsAnIgnoredSignalIgnored() async throws {
    // As under `nohup`; the scenario would end with 128 + 1.
    #expect(try await exitCode("signal", afterSignals: "kill -HUP $!; kill -TERM $!", ignoring: "HUP") == "143\n")
  }

  @Test func standsClosedStreams() async throws {
    let tool = "\(try Tool.executable) \(Tool.fakeArguments("hello").joined(separator: " "))"
    let result = try await Tool.run(.path("/bin/sh"), ["-c", "\(tool) >&- 2>&- <&-; echo $?"])
    #expect(result.text == "7\n")
  }

  @Test func saysWhenTheOutputCannotBeStored() async throws {
    let tool = "\(try Tool.executable) \(Tool.fakeArguments("hello").joined(separator: " "))"
    let result = try await Tool.run(.path("/bin/sh"), ["-c", "\(tool) >/dev/full; echo $?"])
    #expect(result.text == "125\n")
    #expect(result.errors.contains("cannot write the program's standard output: No space left on device"))
  }

  @Test func passesOptionsToTheKernelAndTheHypervisor() async throws {
    let options = [
      "--machine", "q35", "--memory", "64M", "--cpu", "qemu64", "--strace", "--missing", "--gdb", "--log-level",
      "debug",
      "--allow-weak-entropy",
    ]
    let result = try await Tool.play("files", options)
    let line = try #require(result.text.split(separator: "\n").last)
    for words in [
      "-M q35 ", "-cpu qemu64 ", "-m 65536k ", "virtio-blk-pci", "-S -gdb tcp:127.0.0.1:",
      "-append log=debug strace missing allow-weak-entropy nokaslr ",
    ] {
      #expect(line.contains(words), "\(words) is not in \(line)")
    }
    #expect(result.errors.contains("target remote 127.0.0.1:"))
  }

  @Test func answersWithTheWallClock() async throws {
    let before = wallClockNanoseconds()
    let time = try #require(UInt64(try await Tool.play("clock").text))
    #expect(before <= time && time <= wallClockNanoseconds())
  }

  @Test func handsOverTheDiskAndAFreshSeed() async throws {
    let first = try await Tool.play("files").text.split(separator: "\n")
    let second = try await Tool.play("files").text.split(separator: "\n")
    let marker = Array("VORTEIL SEED 1\0\0".utf8).map {
      String($0, radix: 16).count == 1 ? "0\(String($0, radix: 16))" : String($0, radix: 16)
    }.joined()
    #expect(first[0].hasPrefix(marker))
    #expect(first[0].count == 160)
    #expect(first[0] != second[0])
    #expect(first[1] == "EFI PART")
    #expect(first[2].contains("-M microvm,acpi=off -accel"))
  }

  @Test func leavesNothingBehindWhenKilled() async throws {
    let directory = try TemporaryDirectory()
    let temporary = try TemporaryDirectory()
    let script = """
      export TMPDIR=\(temporary.path)
      mkfifo \(directory.path)/pipe
      \(try Tool.executable) \(Tool.fakeArguments("stubborn").joined(separator: " ")) > \(directory.path)/pipe &
      read word pid < \(directory.path)/pipe
      kill -9 $!
      for attempt in 1 2 3 4 5 6 7 8 9 10; do
        grep -qs "^State:.[^Z]" /proc/$pid/status || break
        sleep 0.1
      done
      grep -qs "^State:.[^Z]" /proc/$pid/status || echo gone
      """
    #expect(try await Tool.run(.path("/bin/bash"), ["-c", script]).text == "gone\n")
    #expect(try namesInDirectory(temporary.path).isEmpty)
  }
}
