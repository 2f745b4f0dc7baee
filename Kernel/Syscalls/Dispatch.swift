// SPDX-License-Identifier: Apache-2.0
import Machine

/// Every system call of the program, from entry.S.
@_silgen_name("kernel_system_call")
public func kernelSystemCall(_ frame: inout TrapFrame) {
  guard let call = systemCall(frame.rax) else {
    frame.rax = 0 &- UInt64(Errno.ENOSYS.rawValue)
    return
  }
  call.run(&frame)
}
