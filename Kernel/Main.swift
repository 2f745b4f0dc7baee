// SPDX-License-Identifier: Apache-2.0
import Machine

@_silgen_name("kernel_main")
public func kernelMain() -> Never {
  Options.parse()
  Devices.start()
  addressSpace.initialize()
  let module = Boot.module()
  theNode.size = module.1
  var address = module.0
  while address < module.0 + module.1 {
    theNode.frames.append(Frame(number: UInt32(address >> 12)))
    address += 4096
  }
  let path: [UInt8] = [47, 97]
  var frame = TrapFrame()
  do throws(Errno) {
    let plan = try Loader.plan(path, [path, [98, 99]], [[65, 61, 98]])
    try Loader.start(plan, &frame)
  } catch {
    Panic.stop("cannot start")
  }
  Processor.enterProgram(frame)
}
@_cdecl("Kernel_main") public func entryPointOfThePackageManager() {}
