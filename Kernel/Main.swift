// SPDX-License-Identifier: Apache-2.0
import Machine

@_silgen_name("kernel_main")
public func kernelMain() -> Never {
  Options.parse()
  Devices.start()
  Random.start()
  Panic.stop("the end")
}
@_silgen_name("kernel_page_fault") public func kernelPageFault(_ address: UInt64, _ errorCode: UInt64) -> Bool { false }
@_silgen_name("kernel_program_exception") public func kernelProgramException(_ frame: inout TrapFrame, _ faultAddress: UInt64) {}
@_silgen_name("kernel_return_to_program") public func kernelReturnToProgram(_ frame: inout TrapFrame) {}
@_cdecl("Kernel_main") public func entryPointOfThePackageManager() {}
