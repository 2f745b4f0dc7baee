// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

private func signalFile(_ call: TrapFrame, _ flags: OpenFlags) throws(Errno) -> UInt64 {
  try checkSetSize(call.third)
  let mask = try signalSet(at: call.second)
  guard flags.isSubset(of: [.closeOnExec, .nonBlocking]) else { throw .EINVAL }
  if int(call.first) == -1 {
    try UnnamedNode.checkRoom()
    return try UnnamedNode.install(
      SignalFile(mask), "anon_inode:[signalfd]", isNonBlocking: flags.contains(.nonBlocking),
      closeOnExec: flags.contains(.closeOnExec))
  }
  guard let file = try descriptors.file(call.first).content as? SignalFile else { throw .EINVAL }
  file.setMask(mask)
  return call.first & 0xffff_ffff
}

func sysSignalfd(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try signalFile(call, []) }

func sysSignalfd4(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try signalFile(call, OpenFlags(rawValue: UInt32(truncatingIfNeeded: call.fourth)))
}
