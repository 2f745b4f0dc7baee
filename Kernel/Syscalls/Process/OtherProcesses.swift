// SPDX-License-Identifier: Apache-2.0
import Machine

/// What was said once and need not be said again.
private var hasRefusedProcess = false

func refuseProcess(_ name: StaticString) -> Errno {
  if !hasRefusedProcess {
    hasRefusedProcess = true
    Log.notice { message in
      message.append("Vorteil runs one process: the program's attempt to start another (")
      message.append(name)
      message.append(") was refused")
    }
  }
  return .ENOSYS
}

func sysFork(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw refuseProcess("fork") }
func sysVfork(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw refuseProcess("vfork") }

/// There are no children.
func sysWait4(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  // WNOHANG, WUNTRACED, WCONTINUED, __WNOTHREAD, __WALL, __WCLONE
  guard call.third & 0xffff_ffff & ~0xe000_000b == 0 else { throw .EINVAL }
  throw .ECHILD
}

func sysWaitid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let options = call.fourth & 0xffff_ffff
  guard options & ~0xe100_000f == 0, options & 0xe != 0 else { throw .EINVAL }
  guard call.first <= 3 else { throw .EINVAL }
  throw .ECHILD
}

/// There is nobody to trace.
func sysPtrace(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw .EPERM }

func sysExitGroup(_ call: inout TrapFrame) throws(Errno) -> UInt64 { Process.exit(int(call.first)) }

/// Ends the machine (reboot(2)), since there is nothing that it could start again.
func sysReboot(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard identity.may(.boot) else { throw .EPERM }
  let second = UInt32(truncatingIfNeeded: call.second)
  guard UInt32(truncatingIfNeeded: call.first) == 0xfee1_dead,
    second == 672_274_793 || second == 85_072_278 || second == 369_367_448 || second == 537_993_216
  else { throw .EINVAL }
  switch UInt32(truncatingIfNeeded: call.third) {
  case 0x0123_4567, 0xcdef_0123, 0x4321_fedc: Process.exit(0)  // RESTART, HALT, POWER_OFF
  case 0x89ab_cdef, 0: return 0  // what Ctrl-Alt-Delete does: there is no such key
  default: throw .EINVAL
  }
}
