// SPDX-License-Identifier: Apache-2.0

/// linux-micro with the program as its first and only process, on a serial console.
struct LinuxGuest: Guest {
  let name = "Linux"
  let files: BenchmarkFiles
  /// The rate of the host's time stamp counter. A guest under KVM is told its own; under TCG Linux
  /// would have to measure it against a timer, which fails on a busy host.
  let timeStampKilohertz: Int

  private static let options =
    "console=ttyS0 reboot=t panic=-1 quiet loglevel=0 mitigations=off audit=0 apparmor=0 "
    + "random.trust_cpu=on tsc=reliable no_timer_check cryptomgr.notests "
    + "i8042.noaux i8042.nokbd i8042.nopnp 8250.nr_uarts=1"

  func command(for run: GuestRun) throws -> [String] {
    let isCountingByTime = run.counting == .byTimeStamp
    let frequency = isCountingByTime ? 1_000_000 : timeStampKilohertz
    let options = Self.options + " tsc_early_khz=\(frequency) -- " + run.arguments.joined(separator: " ")
    return try [
      "qemu-system-x86_64", "-M", run.machine.rawValue, "-accel", "tcg", "-cpu", GuestRun.processorModel,
      "-smp", "\(run.processors)", "-m", "\(run.memoryInMebibytes)M", "-nodefaults", "-no-user-config", "-no-reboot",
      "-display", "none", "-serial", "stdio",
      "-kernel", files.linuxKernel, "-initrd", files.initialRamdisk(of: run.program), "-append", options,
    ] + run.countingArguments(plugin: files.plugin)
  }

  func kernelSize() throws -> Int { try files.size(of: files.linuxKernel) }
}
