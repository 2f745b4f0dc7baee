// SPDX-License-Identifier: Apache-2.0
import Machine

/// Frames that stay free for the kernel's own objects. Swift's runtime cannot go on without memory, so
/// whatever the program can make the kernel allocate asks here first.
private let reservedFrames = 128

/// Throws ENOMEM if memory is so short that the kernel should make no object for the program.
@inline(__always)
func reserveKernelMemory() throws(Errno) {
  if PhysicalMemory.available <= reservedFrames { try findKernelMemory() }
}

@inline(never)
private func findKernelMemory() throws(Errno) {
  _ = PageCache.reclaim(reservedFrames)
  if PhysicalMemory.available <= reservedFrames { throw .ENOMEM }
}

