// SPDX-License-Identifier: Apache-2.0
import Machine

/// The files of `/proc`. The process has number 1; each thread has the same files in `1/task`.
enum ProcTable {
  /// What was written to these files, to be read again: nothing here kills for memory or dumps core.
  private static var outOfMemoryScore: [UInt8] = bytes(of: "0\n")
  private static var coreDumpFilter: [UInt8] = bytes(of: "00000033\n")

  /// PROC_SUPER_MAGIC.
  static var magic: UInt64 { 0x9fa0 }

  static func make() -> SyntheticFileSystem {
    SyntheticFileSystem(
      typeName: "proc", magic: magic, process + system + sysctl, refusal: .ENOENT)
  }

  private static var process: [SyntheticEntry] {
    [
      SyntheticEntry("self", .link("1")),
      SyntheticEntry("thread-self", .changingLink(ownTask)),
      SyntheticEntry("1/exe", .place { Sources.executable }),
      SyntheticEntry("1/cwd", .place { fileTree.workingDirectory }),
      SyntheticEntry("1/root", .place { fileTree.root }),
      SyntheticEntry("1/fd", .descriptorLinks),
      SyntheticEntry("1/fdinfo", .descriptorTexts),
      SyntheticEntry("1/task", .threads),
      SyntheticEntry("1/maps", .text(ProcessTexts.maps)),
      SyntheticEntry("1/smaps", .text(ProcessTexts.sumOfMaps)),
      SyntheticEntry("1/status", .ofThread(ProcessTexts.status)),
      SyntheticEntry("1/stat", .ofThread(ProcessTexts.stat)),
      SyntheticEntry("1/statm", .text(ProcessTexts.memory)),
      SyntheticEntry("1/comm", .writableOfThread(ProcessTexts.name, ProcessTexts.setName)),
      SyntheticEntry("1/cmdline", .text(ProcessTexts.commandLine)),
      SyntheticEntry("1/environ", .text(ProcessTexts.environment)),
      SyntheticEntry("1/auxv", .text(ProcessTexts.auxiliaryVector)),
      SyntheticEntry("1/limits", .text(LimitTexts.all)),
      SyntheticEntry("1/mounts", .text(SystemTexts.mounts)),
      SyntheticEntry("1/mountinfo", .text(SystemTexts.mountInformation)),
      SyntheticEntry("1/cgroup", .constant("0::/\n")),
      SyntheticEntry("1/cpuset", .constant("/\n")),
      SyntheticEntry("1/net/unix", .text(NetworkTexts.localSockets)),
      SyntheticEntry("1/personality", .constant("00000000\n")),
      SyntheticEntry("1/oom_score", .constant("0\n")),
      SyntheticEntry(
        "1/oom_score_adj", .writable({ $0.add(outOfMemoryScore) }, { outOfMemoryScore = $0 })),
      SyntheticEntry("1/coredump_filter", .writable({ $0.add(coreDumpFilter) }, { coreDumpFilter = $0 })),
      SyntheticEntry("1/loginuid", .constant("4294967295")),
      SyntheticEntry("1/wchan", .constant("0")),
    ]
  }

  private static func ownTask() -> [UInt8] {
    var path = bytes(of: "1/task/")
    path.append(decimal: UInt64(Thread.current.number))
    return path
  }

  private static var system: [SyntheticEntry] {
    [
      SyntheticEntry("cpuinfo", .text(SystemTexts.processors)),
      SyntheticEntry("meminfo", .text(SystemTexts.memory)),
      SyntheticEntry("stat", .text(SystemTexts.statistics)),
      SyntheticEntry("uptime", .text(SystemTexts.uptime)),
      SyntheticEntry("loadavg", .constant("0.00 0.00 0.00 1/1 1\n")),
      SyntheticEntry("version", .text(SystemTexts.version)),
      SyntheticEntry(
        "filesystems", .constant("nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tcgroup2\n\text4\n")),
      SyntheticEntry("mounts", .link("self/mounts")),
      SyntheticEntry("net", .link("self/net")),
      SyntheticEntry("cmdline", .constant("\n")),
      SyntheticEntry(
        "cgroups",
        .constant(
          "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\ncpu\t0\t1\t1\ncpuacct\t0\t1\t1\nmemory\t0\t1\t1\npids\t0\t1\t1\n"
        )),
      SyntheticEntry("swaps", .constant("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")),
    ]
  }

  private static var sysctl: [SyntheticEntry] {
    [
      SyntheticEntry("sys/kernel/ostype", .constant("Linux\n")),
      SyntheticEntry("sys/kernel/osrelease", .text { release(Sources.kernelRelease, &$0) }),
      SyntheticEntry("sys/kernel/version", .text { release(Sources.kernelVersion, &$0) }),
      SyntheticEntry("sys/kernel/hostname", .text { hostname(&$0) }),
      SyntheticEntry("sys/kernel/domainname", .constant("(none)\n")),
      SyntheticEntry("sys/kernel/pid_max", .constant("4194304\n")),
      SyntheticEntry("sys/kernel/threads-max", .constant("16384\n")),
      SyntheticEntry("sys/kernel/cap_last_cap", .constant("40\n")),
      SyntheticEntry("sys/kernel/ngroups_max", .constant("65536\n")),
      SyntheticEntry("sys/kernel/overflowuid", .constant("65534\n")),
      SyntheticEntry("sys/kernel/overflowgid", .constant("65534\n")),
      SyntheticEntry("sys/kernel/randomize_va_space", .constant("2\n")),
      SyntheticEntry("sys/kernel/sched_rt_period_us", .constant("1000000\n")),
      SyntheticEntry("sys/kernel/sched_rt_runtime_us", .constant("-1\n")),
      SyntheticEntry("sys/kernel/sched_rr_timeslice_ms", .constant("100\n")),
      SyntheticEntry("sys/kernel/shmmax", .constant("18446744073692774399\n")),
      SyntheticEntry("sys/kernel/shmall", .constant("18446744073692774399\n")),
      SyntheticEntry("sys/kernel/shmmni", .constant("4096\n")),
      SyntheticEntry("sys/kernel/sem", .constant("32000\t1024000000\t500\t4096\n")),
      SyntheticEntry("sys/kernel/msgmax", .constant("8192\n")),
      SyntheticEntry("sys/kernel/msgmnb", .constant("16384\n")),
      SyntheticEntry("sys/kernel/msgmni", .constant("4096\n")),
      SyntheticEntry("sys/kernel/core_pattern", .constant("\n")),
      SyntheticEntry("sys/kernel/perf_event_paranoid", .constant("4\n")),
      SyntheticEntry("sys/kernel/random/uuid", .text { SystemTexts.identifier(&$0, (Random.next(), Random.next())) }),
      SyntheticEntry("sys/kernel/random/boot_id", .text { SystemTexts.identifier(&$0, Sources.bootIdentifier) }),
      SyntheticEntry("sys/kernel/random/entropy_avail", .constant("256\n")),
      SyntheticEntry("sys/kernel/random/poolsize", .constant("256\n")),
      SyntheticEntry("sys/vm/overcommit_memory", .constant("1\n")),
      SyntheticEntry("sys/vm/overcommit_ratio", .constant("50\n")),
      SyntheticEntry("sys/vm/max_map_count", .constant("65530\n")),
      SyntheticEntry("sys/vm/mmap_min_addr", .constant("65536\n")),
      SyntheticEntry("sys/vm/swappiness", .constant("0\n")),
      SyntheticEntry("sys/fs/file-max", .constant("1048576\n")),
      SyntheticEntry("sys/fs/nr_open", .constant("1048576\n")),
      SyntheticEntry("sys/fs/pipe-max-size", .constant("1048576\n")),
      SyntheticEntry("sys/net/core/somaxconn", .constant("4096\n")),
    ]
  }

  private static func release(_ value: StaticString, _ text: inout GeneratedText) {
    text.add(value)
    text.add("\n")
  }

  private static func hostname(_ text: inout GeneratedText) {
    text.add(hostName)
    text.add("\n")
  }
}
