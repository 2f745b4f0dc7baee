// SPDX-License-Identifier: Apache-2.0

/// The files of `/sys/fs/cgroup`: the one control group that there is, as a container sees its own
/// (Documentation/admin-guide/cgroup-v2.rst). It has no limits; the machine's size is one, and is told elsewhere.
enum ControlGroupTable {
  static func make() -> SyntheticFileSystem {
    SyntheticFileSystem(
      typeName: "cgroup2", magic: 0x6367_7270,
      [
        SyntheticEntry("cgroup.controllers", .constant("cpuset cpu memory pids\n")),
        SyntheticEntry("cgroup.subtree_control", .constant("\n")),
        SyntheticEntry("cgroup.type", .constant("domain\n")),
        SyntheticEntry("cgroup.events", .constant("populated 1\nfrozen 0\n")),
        SyntheticEntry("cgroup.freeze", .constant("0\n")),
        SyntheticEntry("cgroup.procs", .constant("1\n")),
        SyntheticEntry("cgroup.threads", .text(threads)),
        SyntheticEntry("cgroup.stat", .constant("nr_descendants 0\nnr_dying_descendants 0\n")),
        SyntheticEntry("cpu.max", .constant("max 100000\n")),
        SyntheticEntry("cpu.weight", .constant("100\n")),
        SyntheticEntry("cpu.stat", .text(processorTime)),
        SyntheticEntry("cpuset.cpus", .constant("\n")),
        SyntheticEntry("cpuset.cpus.effective", .text(SysTable.processors)),
        SyntheticEntry("cpuset.mems", .constant("\n")),
        SyntheticEntry("cpuset.mems.effective", .constant("0\n")),
        SyntheticEntry("memory.current", .text(memory)),
        SyntheticEntry("memory.min", .constant("0\n")),
        SyntheticEntry("memory.low", .constant("0\n")),
        SyntheticEntry("memory.high", .constant("max\n")),
        SyntheticEntry("memory.max", .constant("max\n")),
        SyntheticEntry("memory.events", .constant("low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n")),
        SyntheticEntry("memory.swap.current", .constant("0\n")),
        SyntheticEntry("memory.swap.max", .constant("max\n")),
        SyntheticEntry("pids.current", .text { $0.line("", UInt64(Sources.threadCount)) }),
        SyntheticEntry("pids.max", .constant("max\n")),
      ], refusal: .EPERM)
  }

  private static func threads(_ text: inout GeneratedText) {
    for thread in Threads.all { text.line("", UInt64(thread.number)) }
  }

  private static func memory(_ text: inout GeneratedText) {
    text.line("", (Sources.totalKiB - min(Sources.totalKiB, Sources.freeKiB)) * 1024)
  }

  private static func processorTime(_ text: inout GeneratedText) {
    let time = Sources.processorTime
    text.line("usage_usec ", (time.user &+ time.system) / 1000)
    text.line("user_usec ", time.user / 1000)
    text.line("system_usec ", time.system / 1000)
    text.add("nr_periods 0\nnr_throttled 0\nthrottled_usec 0\n")
  }
}
