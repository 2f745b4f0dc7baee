// SPDX-License-Identifier: Apache-2.0
import Machine

/// The kernel's start, from top to bottom. Machine has set up memory, processor, traps and the clock.
@_silgen_name("kernel_main")
public func kernelMain() -> Never {
  Options.parse()
  Devices.start()
  Random.start()
  Threads.start()
  addressSpace = AddressSpace()
  fileTree = FileTree()
  process = Process()
  guard let disk = Devices.disks.first else { SystemDisk.fail("the machine has no disk") }
  let system = SystemDisk(reading: disk)
  Files.start(disk, system.root)
  Trace.isEnabled = Options.showsSystemCalls
  Boot.seal()
  Scheduler.start()
  Ticks.start()
  FirstProgram.start(system.configuration)
}

@_cdecl("Kernel_main") public func entryPointOfThePackageManager() {}
