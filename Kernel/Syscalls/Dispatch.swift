// SPDX-License-Identifier: Apache-2.0
import Machine

/// Every system call of the program, from entry.S.
@_silgen_name("kernel_system_call")
public func kernelSystemCall(_ frame: inout TrapFrame) {
  if Trace.isEnabled { return Trace.dispatch(&frame) }
  guard let call = systemCall(frame.rax) else {
    UnimplementedCalls.note(frame.rax)
    frame.rax = 0 &- UInt64(Errno.ENOSYS.rawValue)
    return
  }
  call.run(&frame)
}
