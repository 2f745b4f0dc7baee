// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// Threads on one processor and on several.
@Suite struct ThreadTests {
  static let processors = [1, 2, 4]

  @Test(
    arguments: [
      "Behaviour/threads", "Behaviour/thread-signals", "Behaviour/signal-targets", "Behaviour/processors",
      "Behaviour/scheduling", "Behaviour/processor-time", "Behaviour/system-v", "Behaviour/end-at-deadline",
    ], processors)
  func behavesAsOnTheHost(program: String, processors: Int) async throws {
    // Both C libraries, in turns.
    let flavour: Flavour = processors == 2 ? .muslStatic : .glibcDynamic
    var comparison = try await Comparison(TestProgram(program, flavour))
    comparison.options = ["--cpus", "\(processors)"]
    try await comparison.expectSame()
  }

  /// What the program waits for, it gets, and nothing that it did not ask for happens: ten minutes in the long tests.
  @Test(
    arguments: runsLongTests ? [(4, 600, 1), (4, 60, 2), (2, 60, 3), (1, 60, 4)] : [(4, 30, 1), (2, 5, 2), (1, 5, 3)])
  func standsStress(processors: Int, seconds: Int, seed: Int) async throws {
    var run = MachineRun(
      try await TestProgram("Behaviour/thread-stress").built(), ["\(seconds)", "\(seed)"],
      options: ["--cpus", "\(processors)"])
    run.timeout = seconds * 3 + 300
    let outcome = try await run.run()
    expectEqual(outcome, output: "all ended\n")
    #expect(outcome.messages.isEmpty, "\(outcome.messageText)")
  }

  /// By every primitive that threads wait with, a million times in the long tests. The program itself says which one
  /// stands still.
  @Test(arguments: processors) func loseNoWakeUp(processors: Int) async throws {
    let program = try await TestProgram("Behaviour/wake-ups").built()
    var run = MachineRun(program, [runsLongTests ? "1000000" : "1000"], options: ["--cpus", "\(processors)"])
    run.timeout = runsLongTests ? 4 * 3600 : 900
    let outcome = try await run.run()
    #expect(outcome.program.outputText == "no wake-up was lost\n", "\(outcome.program.errorText)")
    #expect(outcome.messages.isEmpty, "\(outcome.messageText)")
  }

  /// More threads that only compute than processors.
  @Test(arguments: processors) func sharesProcessors(processors: Int) async throws {
    let program = try await TestProgram("Behaviour/balance").built()
    let outcome = try await MachineRun(program, options: ["--cpus", "\(processors)"]).run()
    expectEqual(outcome, output: "nobody makes less than half of the progress of the fastest: yes\n")
  }

  /// Not compared with the host, whose memory others use as well.
  @Test(arguments: processors) func leaveNothing(processors: Int) async throws {
    let program = try await TestProgram("Behaviour/thread-memory").built()
    let outcome = try await MachineRun(program, options: ["--cpus", "\(processors)"]).run()
    expectEqual(outcome, output: "nothing is left of three thousand threads: yes\n")
  }

  /// All processors are there, and the program is told of them everywhere.
  @Test(arguments: [1, 2, 4], ["microvm", "q35"])
  func seesAllProcessors(count: Int, machine: String) async throws {
    let script =
      "import os; print(os.cpu_count(), len(os.sched_getaffinity(0)), open('/proc/cpuinfo').read().count('processor\\t'))"
    let run = MachineRun("/usr/bin/python3", ["-c", script], options: ["--cpus", "\(count)", "--machine", machine])
    expectEqual(try await run.run(), output: "\(count) \(count) \(count)\n")
  }

  /// What language runtimes ask before they size their heaps and pools, as JVM, libuv and Go read it: a control group
  /// of version 2 without limits, mounted where /proc says.
  @Test func tellsTheControlGroup() async throws {
    let script = """
      def read(name): return open(name).read().split()
      mount = [line for line in open('/proc/self/mountinfo') if ' - cgroup2 ' in line][0].split()
      parents = {line.split()[0]: line.split()[4] for line in open('/proc/self/mountinfo')}
      print(mount[4], 'below', parents[mount[1]])
      print(read('/proc/self/cgroup'), [line.split()[1:] for line in open('/proc/cgroups') if line[0] != '#'])
      group = mount[4] + '/'
      print(read(group + 'memory.max'), read(group + 'cpu.max'), read(group + 'cpuset.cpus.effective'))
      print(read(group + 'cgroup.procs'), read(group + 'pids.current'), read(group + 'cgroup.controllers'))
      total = int([line for line in open('/proc/meminfo') if line.startswith('MemTotal')][0].split()[1]) * 1024
      print(0 < int(read(group + 'memory.current')[0]) < total, int(read(group + 'cpu.stat')[1]) > 0)
      """
    let run = MachineRun("/usr/bin/python3", ["-c", script], options: ["--cpus", "2"])
    expectEqual(
      try await run.run(),
      output: """
        /sys/fs/cgroup below /sys
        ['0::/'] [['0', '1', '1'], ['0', '1', '1'], ['0', '1', '1'], ['0', '1', '1'], ['0', '1', '1']]
        ['max'] ['max', '100000'] ['0-1']
        ['1'] ['1'] ['cpuset', 'cpu', 'memory', 'pids']
        True True

        """)
  }
}
