// SPDX-License-Identifier: Apache-2.0
import Machine

@_silgen_name("kernel_main")
public func kernelMain() -> Never {
  Serial.write("hello from the kernel\n")
  Serial.writeHexadecimal(Boot.imageBase)
  Serial.put(10)
  Serial.writeHexadecimal(UInt64(PhysicalMemory.available))
  Serial.put(10)
  var list: [[UInt8]] = []
  for i in 0..<1000 { list.append([UInt8](repeating: 1, count: i)) }
  list = []
  Serial.writeHexadecimal(UInt64(PhysicalMemory.available))
  Serial.put(10)
  Panic.stop("the end")
}
@_silgen_name("kernel_page_fault") public func kernelPageFault(_ address: UInt64, _ errorCode: UInt64) -> Bool { false }
@_silgen_name("kernel_program_exception") public func kernelProgramException(_ frame: inout TrapFrame, _ faultAddress: UInt64) {}
@_silgen_name("kernel_interrupt") public func kernelInterrupt(_ vector: UInt64, _ frame: inout TrapFrame, _ fromProgram: Bool) {}
@_silgen_name("kernel_return_to_program") public func kernelReturnToProgram(_ frame: inout TrapFrame) {}
@_silgen_name("kernel_panicked") public func kernelPanicked() {}
@_cdecl("Kernel_main") public func entryPointOfThePackageManager() {}
