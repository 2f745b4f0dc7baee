// SPDX-License-Identifier: Apache-2.0
import Machine

/// What `/proc` tells of the machine.
enum SystemTexts {
  static func memory(_ text: inout GeneratedText) {
    let total = Sources.totalKiB
    let free = Sources.freeKiB
    text.line("MemTotal:       ", total, " kB")
    text.line("MemFree:        ", free, " kB")
    text.line("MemAvailable:   ", free, " kB")
    text.line("Buffers:        ", 0, " kB")
    text.line("Cached:         ", 0, " kB")
    text.line("SwapCached:     ", 0, " kB")
    text.line("Active:         ", total - min(total, free), " kB")
    text.line("Inactive:       ", 0, " kB")
    text.line("SwapTotal:      ", 0, " kB")
    text.line("SwapFree:       ", 0, " kB")
    text.line("Dirty:          ", 0, " kB")
    text.line("Writeback:      ", 0, " kB")
    text.line("AnonPages:      ", Sources.residentPages * 4, " kB")
    text.line("Mapped:         ", 0, " kB")
    text.line("Shmem:          ", 0, " kB")
    text.line("CommitLimit:    ", total / 2, " kB")
    text.line("Committed_AS:   ", Sources.residentPages * 4, " kB")
    text.line("VmallocTotal:   ", 34_359_738_367, " kB")
    text.line("HugePages_Total:   ", 0)
    text.line("HugePages_Free:    ", 0)
    text.line("Hugepagesize:   ", 2048, " kB")
  }

  private static func seconds(_ text: inout GeneratedText, _ nanoseconds: UInt64) {
    text.add(decimal: nanoseconds / 1_000_000_000)
    text.add(".")
    let hundredths = nanoseconds / 10_000_000 % 100
    if hundredths < 10 { text.add("0") }
    text.add(decimal: hundredths)
  }

  static func uptime(_ text: inout GeneratedText) {
    let up = Sources.uptimeNanoseconds
    let busy = Sources.processorTime
    seconds(&text, up)
    text.add(" ")
    seconds(&text, up &- min(up, busy.user &+ busy.system))
    text.add("\n")
  }

  static func statistics(_ text: inout GeneratedText) {
    let up = Sources.uptimeNanoseconds
    let busy = Sources.processorTime
    let idle = up &* UInt64(Sources.processorCount) &- min(up, busy.user &+ busy.system)
    // The processors one by one with an equal part of it: it is not known of each.
    let count = UInt64(Sources.processorCount)
    for line in 0...count {
      let part = line == 0 ? 10_000_000 : 10_000_000 * count
      text.add("cpu")
      if line == 0 { text.add(" ") } else { text.add(decimal: line - 1) }
      text.add(" ")
      text.add(decimal: busy.user / part)
      text.add(" 0 ")
      text.add(decimal: busy.system / part)
      text.add(" ")
      text.add(decimal: idle / part)
      text.add(" 0 0 0 0 0 0\n")
    }
    text.line("intr ", 0)
    text.line("ctxt ", 0)
    text.line("btime ", (Sources.realtimeNanoseconds &- up) / 1_000_000_000)
    text.line("processes ", 1)
    text.line("procs_running ", 1)
    text.line("procs_blocked ", 0)
  }

  static func version(_ text: inout GeneratedText) {
    text.add("Linux version ")
    text.add(Sources.kernelRelease)
    text.add(" (vorteil) ")
    text.add(Sources.kernelVersion)
    text.add("\n")
  }

  // MARK: processor

  private static func register(_ text: inout [UInt8], _ value: UInt32) {
    for shift: UInt32 in [0, 8, 16, 24] {
      let byte = UInt8(truncatingIfNeeded: value >> shift)
      if byte != 0 { text.append(byte) }
    }
  }

  /// The names that Linux gives to feature bits (arch/x86/include/asm/cpufeatures.h), from bit 0; a space
  /// between two, "-" where there is no name.
  private static let features1D: StaticString =
    "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"
  private static let features1C: StaticString =
    "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand hypervisor"
  private static let features7B: StaticString =
    "fsgsbase tsc_adjust - bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw avx512vl"
  private static let extendedD: StaticString =
    "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm 3dnowext 3dnow"
  private static let extendedC: StaticString =
    "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb"

  private static func flags(_ text: inout GeneratedText, _ value: UInt32, _ names: StaticString) {
    var bit: UInt32 = 0
    var name: [UInt8] = []
    for index in 0...names.byteCount {
      let byte = index < names.byteCount ? names.byte(at: index) : UInt8(ascii: " ")
      if byte != UInt8(ascii: " ") {
        name.append(byte)
        continue
      }
      if bit < 32 && value >> bit & 1 != 0 && name != [UInt8(ascii: "-")] {
        text.add(" ")
        text.add(name)
      }
      name = []
      bit += 1
    }
  }

  static func processors(_ text: inout GeneratedText) {
    for number in 0..<Sources.processorCount { processor(UInt64(number), &text) }
  }

  private static func processor(_ number: UInt64, _ text: inout GeneratedText) {
    let basic = Processor.identify(0)
    let leaf1 = Processor.identify(1)
    let leaf7 = basic.0 >= 7 ? Processor.identify(7) : (0, 0, 0, 0)
    let extended = Processor.identify(0x8000_0001)
    var vendor: [UInt8] = []
    for value in [basic.1, basic.3, basic.2] { register(&vendor, value) }
    var model: [UInt8] = []
    if Processor.identify(0x8000_0000).0 >= 0x8000_0004 {
      for leaf: UInt32 in 0x8000_0002...0x8000_0004 {
        let name = Processor.identify(leaf)
        for value in [name.0, name.1, name.2, name.3] { register(&model, value) }
      }
    }
    let baseFamily = leaf1.0 >> 8 & 15
    let family = baseFamily == 15 ? baseFamily + (leaf1.0 >> 20 & 255) : baseFamily
    let modelNumber = leaf1.0 >> 4 & 15 | (leaf1.0 >> 16 & 15) << 4
    text.line("processor\t: ", number)
    text.add("vendor_id\t: ")
    text.add(vendor)
    text.line("\ncpu family\t: ", UInt64(family))
    text.line("model\t\t: ", UInt64(modelNumber))
    text.add("model name\t: ")
    text.add(model)
    text.line("\nstepping\t: ", UInt64(leaf1.0 & 15))
    text.line("physical id\t: 0\nsiblings\t: ", UInt64(Sources.processorCount))
    text.line("core id\t\t: ", number)
    text.line("cpu cores\t: ", UInt64(Sources.processorCount))
    text.line("apicid\t\t: ", number)
    text.add("fpu\t\t: yes\nfpu_exception\t: yes\n")
    text.line("cpuid level\t: ", UInt64(basic.0))
    text.add("wp\t\t: yes\nflags\t\t:")
    flags(&text, leaf1.3, features1D)
    flags(&text, extended.3, extendedD)
    flags(&text, leaf1.2, features1C)
    flags(&text, extended.2, extendedC)
    flags(&text, leaf7.1, features7B)
    text.add("\nbugs\t\t:\nclflush size\t: 64\ncache_alignment\t: 64\n\n")
  }

  // MARK: mounts

  private static func options(_ text: inout GeneratedText) { text.add("rw,noatime") }

  static func mounts(_ text: inout GeneratedText) {
    for mount in fileTree.mounts {
      text.add(mount.fileSystem.source)
      text.add(" ")
      text.add(mount.location.path())
      text.add(" ")
      text.add(mount.fileSystem.typeName)
      text.add(" ")
      options(&text)
      text.add(" 0 0\n")
    }
  }

  static func mountInformation(_ text: inout GeneratedText) {
    var paths: [[UInt8]] = []
    for mount in fileTree.mounts {
      let device = mount.fileSystem.device
      let path = mount.location.path()
      // The mount on which this one stands: the last one whose path is the beginning of its own. The first one's is 1.
      var parent = 1
      for (index, other) in paths.enumerated() where index == 0 || isBelow(path, other) { parent = 20 + index }
      text.add(decimal: UInt64(20 + paths.count))
      text.add(" ")
      text.add(decimal: UInt64(parent))
      text.add(" ")
      text.add(decimal: UInt64(DeviceNumber.major(device)))
      text.add(":")
      text.add(decimal: UInt64(DeviceNumber.minor(device)))
      text.add(" / ")
      text.add(path)
      text.add(" ")
      options(&text)
      text.add(" - ")
      text.add(mount.fileSystem.typeName)
      text.add(" ")
      text.add(mount.fileSystem.source)
      text.add(" rw\n")
      paths.append(path)
    }
  }

  private static func isBelow(_ path: [UInt8], _ directory: [UInt8]) -> Bool {
    path.count > directory.count && path[directory.count] == UInt8(ascii: "/") && path.starts(with: directory)
  }

  // MARK: random numbers

  /// A random UUID (RFC 9562, version 4).
  static func identifier(_ text: inout GeneratedText, _ words: (UInt64, UInt64)) {
    let high = words.0 & ~0xf000 | 0x4000
    let low = words.1 & ~(3 << 62) | 2 << 62
    text.add(hexadecimal: high >> 32, width: 8)
    text.add("-")
    text.add(hexadecimal: high >> 16 & 0xffff, width: 4)
    text.add("-")
    text.add(hexadecimal: high & 0xffff, width: 4)
    text.add("-")
    text.add(hexadecimal: low >> 48, width: 4)
    text.add("-")
    text.add(hexadecimal: low & 0xffff_ffff_ffff, width: 12)
    text.add("\n")
  }
}
