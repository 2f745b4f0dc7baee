// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// What `/proc/self` tells of the process.
enum ProcessTexts {
  private static func range(_ text: inout GeneratedText, _ start: UInt64, _ end: UInt64) {
    text.add(hexadecimal: start, width: 8)
    text.add("-")
    text.add(hexadecimal: end, width: 8)
  }

  /// The line of a mapping (proc(5), "maps"), without its end.
  private static func mapping(_ entry: RangeMap<Mapping>.Entry, _ text: inout GeneratedText) {
    let value = entry.value
    range(&text, entry.start, entry.end)
    text.add(value.protection.contains(.read) ? " r" : " -")
    text.add(value.protection.contains(.write) ? "w" : "-")
    text.add(value.protection.contains(.execute) ? "x" : "-")
    text.add(value.isShared ? "s " : "p ")
    text.add(hexadecimal: value.node == nil ? 0 : value.offset, width: 8)
    let device = value.node?.fileSystem.device ?? 0
    text.add(" ")
    text.add(hexadecimal: UInt64(DeviceNumber.major(device)), width: 2)
    text.add(":")
    text.add(hexadecimal: UInt64(DeviceNumber.minor(device)), width: 2)
    text.add(" ")
    text.add(decimal: value.node?.number ?? 0)
    text.add(" ")
    if let location = value.location {
      text.add("                   ")
      text.add(location.shownPath())
      return
    }
    switch value.name {
    case .heap: text.add("                         [heap]")
    case .stack: text.add("                         [stack]")
    case .vdso: text.add("                         [vdso]")
    case .vvar: text.add("                         [vvar]")
    case .none, .guardPages: break
    }
  }

  static func maps(_ text: inout GeneratedText) {
    addressSpace.forEachMapping { entry in
      mapping(entry, &text)
      text.add("\n")
    }
  }

  /// Who reads `smaps` sums up `Rss` and its like. Page tables are not walked for it: the pages that are
  /// there are counted for the process as a whole, and stand with its largest mapping.
  static func sumOfMaps(_ text: inout GeneratedText) {
    var largest: UInt64 = 0
    addressSpace.forEachMapping { entry in largest = max(largest, entry.end &- entry.start) }
    var rest = Sources.residentPages &* 4
    addressSpace.forEachMapping { entry in
      let size = (entry.end &- entry.start) / 1024
      var resident: UInt64 = 0
      if entry.end &- entry.start == largest {
        resident = min(rest, size)
        rest &-= resident
      }
      mapping(entry, &text)
      text.line("\nSize:           ", size, " kB")
      text.line("KernelPageSize:        ", 4, " kB")
      text.line("MMUPageSize:           ", 4, " kB")
      text.line("Rss:            ", resident, " kB")
      text.line("Pss:            ", resident, " kB")
      text.line("Private_Dirty:  ", resident, " kB")
      text.line("AnonHugePages:  ", 0, " kB")
    }
  }

  static func name(_ thread: Thread, _ text: inout GeneratedText) {
    text.add(thread.name)
    text.add("\n")
  }

  static func setName(_ thread: Thread, _ bytes: [UInt8]) {
    var name = bytes
    if let last = name.last, last == UInt8(ascii: "\n") { name.removeLast() }
    thread.rename([UInt8](name.prefix(15)))
  }

  static func commandLine(_ text: inout GeneratedText) {
    for argument in process.arguments {
      text.add(argument)
      text.add(0)
    }
  }

  static func environment(_ text: inout GeneratedText) {
    for variable in process.environment {
      text.add(variable)
      text.add(0)
    }
  }

  static func auxiliaryVector(_ text: inout GeneratedText) { text.add(process.auxiliaryVector) }

  private static func mask(_ text: inout GeneratedText, _ name: StaticString, _ value: UInt64) {
    text.add(name)
    text.add(hexadecimal: value, width: 16)
    text.add("\n")
  }

  private static func identifiers(
    _ text: inout GeneratedText, _ name: StaticString, _ real: UInt32, _ effective: UInt32
  ) {
    text.add(name)
    for value in [real, effective, effective] {
      text.add(decimal: UInt64(value))
      text.add("\t")
    }
    text.add(decimal: UInt64(effective))
    text.add("\n")
  }

  static func status(_ thread: Thread, _ text: inout GeneratedText) {
    text.add("Name:\t")
    name(thread, &text)
    text.add("Umask:\t0")
    text.add(octal: UInt64(fileTree.mask))
    text.add("\nState:\t")
    text.add(thread.state == .waiting ? "S (sleeping)" : "R (running)")
    text.line("\nTgid:\t", UInt64(ProcessGroup.process))
    text.line("Ngid:\t0\nPid:\t", UInt64(thread.number))
    text.add("PPid:\t0\nTracerPid:\t0\n")
    identifiers(&text, "Uid:\t", identity.userID, identity.effectiveUserID)
    identifiers(&text, "Gid:\t", identity.groupID, identity.effectiveGroupID)
    text.line("FDSize:\t", UInt64(max(descriptors.end, 64)))
    text.add("Groups:\t \n")
    let virtual = Sources.virtualBytes / 1024
    let resident = Sources.residentPages * 4
    text.line("VmPeak:\t", virtual, " kB")
    text.line("VmSize:\t", virtual, " kB")
    text.line("VmLck:\t", 0, " kB")
    text.line("VmPin:\t", 0, " kB")
    text.line("VmHWM:\t", resident, " kB")
    text.line("VmRSS:\t", resident, " kB")
    text.line("RssAnon:\t", resident, " kB")
    text.line("RssFile:\t", 0, " kB")
    text.line("RssShmem:\t", 0, " kB")
    text.line("VmData:\t", virtual, " kB")
    text.line("VmStk:\t", 132, " kB")
    text.line("VmExe:\t", (process.codeEnd &- process.codeStart) / 1024, " kB")
    text.line("VmLib:\t", 0, " kB")
    text.line("VmPTE:\t", 0, " kB")
    text.line("VmSwap:\t", 0, " kB")
    text.line("Threads:\t", UInt64(Sources.threadCount))
    let masks = Sources.signalMasks(of: thread)
    text.add("SigQ:\t0/1024\n")
    mask(&text, "SigPnd:\t", masks.thread)
    mask(&text, "ShdPnd:\t", masks.shared)
    mask(&text, "SigBlk:\t", masks.blocked)
    mask(&text, "SigIgn:\t", masks.ignored)
    mask(&text, "SigCgt:\t", masks.caught)
    let all: UInt64 = identity.isRoot ? 0x1ff_ffff_ffff : 0
    mask(&text, "CapInh:\t", 0)
    mask(&text, "CapPrm:\t", all)
    mask(&text, "CapEff:\t", all)
    mask(&text, "CapBnd:\t", 0x1ff_ffff_ffff)
    mask(&text, "CapAmb:\t", 0)
    text.add("NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n")
    let processors = thread.affinity & (.max >> UInt64(64 - Sources.processorCount))
    text.add("Cpus_allowed:\t")
    text.add(hexadecimal: processors)
    text.add("\nCpus_allowed_list:\t")
    list(processors, &text)
    text.add("\nMems_allowed:\t1\nMems_allowed_list:\t0\n")
    text.add("voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n")
  }

  /// The bits of `set`: "0-2,5".
  private static func list(_ set: UInt64, _ text: inout GeneratedText) {
    var next: UInt64 = 0
    var isFirst = true
    while next < 64 && set >> next != 0 {
      next += UInt64((set >> next).trailingZeroBitCount)
      let count = UInt64((~(set >> next)).trailingZeroBitCount)
      if !isFirst { text.add(",") }
      isFirst = false
      text.add(decimal: next)
      if count > 1 {
        text.add("-")
        text.add(decimal: next + count - 1)
      }
      next += count
    }
  }

  /// The fields of proc(5), "stat", from the first.
  static func stat(_ thread: Thread, _ text: inout GeneratedText) {
    text.add(decimal: UInt64(thread.number))
    text.add(" (")
    text.add(thread.name)
    text.add(thread.state == .waiting ? ") S 0 1 1 " : ") R 0 1 1 ")
    // The controlling terminal's device number and its group: /dev/pts/0.
    text.add(Terminal.isPresent ? "34816 1" : "0 -1")
    text.add(" 4194304 0 0 0 0 ")
    let time = Sources.processorTime
    let scheduling = thread.scheduling
    let niceness = UInt64(bitPattern: Int64(scheduling.niceness))
    // The same scale for both: real-time priorities begin below 0.
    let priority = scheduling.isRealTime ? ~UInt64(scheduling.priority) : 20 &+ niceness
    let fields: [UInt64] = [
      time.user / 10_000_000, time.system / 10_000_000, 0, 0, priority, niceness, UInt64(Sources.threadCount), 0, 0,
      Sources.virtualBytes, Sources.residentPages, .max, process.codeStart, process.codeEnd, process.stackStart,
      0, 0, 0, 0, 0, 0, 0, 0, 0, 17, UInt64(thread.lastProcessor), UInt64(scheduling.priority),
      UInt64(scheduling.policy), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]
    for (index, field) in fields.enumerated() {
      // Priority and niceness may be negative.
      let isNegative = (4...5).contains(index) && Int64(bitPattern: field) < 0
      if isNegative { text.add("-") }
      text.add(decimal: isNegative ? 0 &- field : field)
      text.add(" ")
    }
    text.add("0\n")
  }

  /// Sizes in pages: all, resident, shared, text, 0, data, 0.
  static func memory(_ text: inout GeneratedText) {
    text.add(decimal: Sources.virtualBytes / 4096)
    text.add(" ")
    text.add(decimal: Sources.residentPages)
    text.add(" 0 ")
    text.add(decimal: (process.codeEnd &- process.codeStart) / 4096)
    text.add(" 0 ")
    text.add(decimal: Sources.virtualBytes / 4096)
    text.add(" 0\n")
  }
}
