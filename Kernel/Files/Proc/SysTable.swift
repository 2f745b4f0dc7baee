// SPDX-License-Identifier: Apache-2.0

/// The files of `/sys`: what language runtimes ask about processors and memory.
enum SysTable {
  static func make() -> SyntheticFileSystem {
    SyntheticFileSystem(
      typeName: "sysfs", magic: 0x6265_6572,
      [
        SyntheticEntry("devices/system/cpu/online", .text(processors)),
        SyntheticEntry("devices/system/cpu/possible", .text(processors)),
        SyntheticEntry("devices/system/cpu/present", .text(processors)),
        SyntheticEntry("devices/system/cpu/kernel_max", .constant("0\n")),
        SyntheticEntry("devices/system/cpu/cpu0/online", .constant("1\n")),
        SyntheticEntry("devices/system/cpu/cpu0/topology/core_id", .constant("0\n")),
        SyntheticEntry("devices/system/cpu/cpu0/topology/physical_package_id", .constant("0\n")),
        SyntheticEntry("devices/system/cpu/cpu0/topology/thread_siblings", .constant("1\n")),
        SyntheticEntry("devices/system/cpu/cpu0/topology/thread_siblings_list", .constant("0\n")),
        SyntheticEntry("devices/system/cpu/cpu0/topology/core_siblings", .constant("1\n")),
        SyntheticEntry("devices/system/cpu/cpu0/topology/core_siblings_list", .constant("0\n")),
        SyntheticEntry("devices/system/node/online", .constant("0\n")),
        SyntheticEntry("devices/system/node/possible", .constant("0\n")),
        SyntheticEntry("devices/system/node/node0/cpulist", .text(processors)),
        SyntheticEntry("devices/system/node/node0/cpumap", .constant("1\n")),
        SyntheticEntry("devices/system/node/node0/meminfo", .text(nodeMemory)),
        SyntheticEntry("devices/system/clocksource/clocksource0/current_clocksource", .constant("tsc\n")),
        SyntheticEntry("devices/system/clocksource/clocksource0/available_clocksource", .constant("tsc\n")),
        SyntheticEntry("kernel/mm/transparent_hugepage/enabled", .constant("[always] madvise never\n")),
        SyntheticEntry("kernel/mm/transparent_hugepage/hpage_pmd_size", .constant("2097152\n")),
        SyntheticEntry(
          "kernel/mm/transparent_hugepage/shmem_enabled",
          .constant("always within_size advise [never] deny force\n")),
        SyntheticEntry("kernel/mm/hugepages", .directory),
        SyntheticEntry("block", .directory),
        SyntheticEntry("bus", .directory),
        SyntheticEntry("class", .directory),
        SyntheticEntry("fs/cgroup", .directory),
      ], refusal: .EACCES)
  }

  /// "0-3": all of them.
  static func processors(_ text: inout GeneratedText) {
    text.add("0")
    if Sources.processorCount > 1 {
      text.add("-")
      text.add(decimal: UInt64(Sources.processorCount - 1))
    }
    text.add("\n")
  }

  private static func nodeMemory(_ text: inout GeneratedText) {
    text.line("Node 0 MemTotal:       ", Sources.totalKiB, " kB")
    text.line("Node 0 MemFree:        ", Sources.freeKiB, " kB")
    text.line("Node 0 MemUsed:        ", Sources.totalKiB - min(Sources.totalKiB, Sources.freeKiB), " kB")
  }
}
