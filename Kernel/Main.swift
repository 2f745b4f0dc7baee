// SPDX-License-Identifier: Apache-2.0
import Machine

@_silgen_name("kernel_main")
public func kernelMain() -> Never {
  Options.parse()
  Devices.start()
  Random.start()
  addressSpace.initialize()
  guard let disk = Devices.disks.first else { SystemDisk.fail("there is no disk") }
  let system = SystemDisk(reading: disk)
  Files.start(disk, system.root)
  let configuration = system.configuration
  var frame = TrapFrame()
  do throws(Errno) {
    let plan = try Loader.plan(configuration.program, configuration.arguments, configuration.environment)
    try Loader.start(plan, &frame)
  } catch {
    Log.error { $0.append("the program cannot be started, error "); $0.append(decimal: UInt64(error.rawValue)) }
    Console.exit(.notStarted, UInt32(error.rawValue))
  }
  Processor.enterProgram(frame)
}
@_cdecl("Kernel_main") public func entryPointOfThePackageManager() {}
