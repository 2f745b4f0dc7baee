// SPDX-License-Identifier: Apache-2.0
import Machine

private func makePipe(_ address: UInt64, _ flags: OpenFlags) throws(Errno) -> UInt64 {
  // O_DIRECT would make a pipe of packets.
  guard flags.isSubset(of: [.closeOnExec, .nonBlocking]) else { throw .EINVAL }
  guard ProgramMemory.isRange(address, 8) else { throw .EFAULT }
  try reserveKernelMemory()
  let pipe = Pipe()
  let location = Location(unnamed: pipe.description(), pipe)
  let kept = flags.intersection(.nonBlocking)
  let isClosed = flags.contains(.closeOnExec)
  let output = try descriptors.install(OpenFile(location, pipe, kept), closeOnExec: isClosed)
  do throws(Errno) {
    let input = try descriptors.install(OpenFile(location, pipe, kept.union(.writeOnly)), closeOnExec: isClosed)
    guard ProgramMemory.storeWord(output | input << 32, at: address) else {
      try descriptors.close(input)
      throw .EFAULT
    }
  } catch {
    try? descriptors.close(output)
    throw error
  }
  return 0
}

func sysPipe(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try makePipe(call.first, []) }

func sysPipe2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try makePipe(call.first, OpenFlags(rawValue: UInt32(truncatingIfNeeded: call.second)))
}

/// File handles would have to outlive names, and nothing here does.
func sysNameToHandleAt(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw .EOPNOTSUPP }
