// SPDX-License-Identifier: Apache-2.0
import HostSystem
import SystemPackage

/// How QEMU is told to be the machine: the command line of Docs/Interfaces.md.
enum Qemu {
  static let programName = "qemu-system-x86_64"

  /// The program in the directories of PATH.
  static func locate() throws(Failure) -> FilePath {
    let directories = (environmentVariable("PATH") ?? "/usr/bin:/bin").split(separator: ":")
    for directory in directories {
      let path = FilePath(String(directory)).appending(programName)
      if let status = try? path.stat(), status.type == .regular, status.permissions.contains(.ownerExecute) {
        return path
      }
    }
    throw Failure("\(programName) is not installed: run 'apt-get install qemu-system-x86' as root")
  }

  static func arguments(for machine: VirtualMachine, seed: OpenFile) -> [String] {
    var arguments = ["-M", board(machine.board), "-accel", accelerator(machine)]
    arguments += ["-cpu", machine.processorModel ?? machine.accelerator.processorModel]
    arguments += ["-smp", "\(machine.processors)"]
    arguments += ["-m", "\(machine.memoryInBytes >> 10)k"]
    arguments += ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]
    arguments += ["-kernel", machine.kernel.string, "-initrd", seed.sharedPath]
    arguments += ["-append", (machine.kernelOptions + terminalOption(machine)).joined(separator: " ")]

    let bus = machine.board == .microvm ? "device" : "pci"
    if machine.board == .microvm { arguments += ["-global", "virtio-mmio.force-legacy=false"] }
    arguments += ["-chardev", "stdio,id=channel,signal=off"]
    // Not a virtconsole: that has no flow control, and loses what a full pipe does not take.
    arguments += ["-device", "virtio-serial-\(bus),max_ports=2", "-device", "virtserialport,chardev=channel,nr=1"]
    arguments += ["-drive", "if=none,id=root,file=\(machine.disk.sharedPath),format=raw,readonly=on,file.locking=off"]
    arguments += ["-device", "virtio-blk-\(bus),drive=root"]
    arguments += ["-object", "rng-random,id=entropy,filename=/dev/urandom"]
    arguments += ["-device", "virtio-rng-\(bus),rng=entropy"]
    // The serial port is for the time before the channel works; QEMU's standard error goes to the tool.
    arguments += ["-chardev", "file,id=serial,path=/proc/self/fd/2", "-serial", "chardev:serial"]

    if let port = machine.debuggerPort { arguments += ["-S", "-gdb", "tcp:127.0.0.1:\(port)"] }
    return arguments + machine.hypervisorArguments
  }

  /// QEMU's translator reads an instruction in pieces: one that another processor is just replacing, which a processor
  /// sees either before or after, it may see mixed. So where code changes it runs all processors in one thread, in turns.
  private static func accelerator(_ machine: VirtualMachine) -> String {
    let needsTurns = machine.accelerator == .tcg && machine.processors > 1 && machine.changesCode
    return machine.accelerator.rawValue + (needsTurns ? ",thread=single" : "")
  }

  /// The size with which the program starts; later ones come through the channel.
  private static func terminalOption(_ machine: VirtualMachine) -> [String] {
    guard let size = machine.terminal?.size else { return [] }
    return ["terminal=\(size.rows),\(size.columns)"]
  }

  private static func board(_ board: VirtualMachine.Board) -> String {
    switch board {
    case .microvm: "microvm,acpi=off"
    case .q35: "q35"
    }
  }
}
