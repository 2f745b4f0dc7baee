// SPDX-License-Identifier: Apache-2.0
import Machine

/// EFD_SEMAPHORE; EFD_CLOEXEC and EFD_NONBLOCK are those of `open`.
private let semaphore: UInt32 = 1

private func makeCounter(_ count: UInt64, _ flags: UInt32) throws(Errno) -> UInt64 {
  let common = OpenFlags(rawValue: flags & ~semaphore)
  guard common.isSubset(of: [.closeOnExec, .nonBlocking]) else { throw .EINVAL }
  try UnnamedNode.checkRoom()
  let counter = EventCounter(count & 0xffff_ffff, isSemaphore: flags & semaphore != 0)
  return try UnnamedNode.install(
    counter, "anon_inode:[eventfd]", isNonBlocking: common.contains(.nonBlocking),
    closeOnExec: common.contains(.closeOnExec))
}

func sysEventfd(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try makeCounter(call.first, 0) }

func sysEventfd2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try makeCounter(call.first, UInt32(truncatingIfNeeded: call.second))
}
