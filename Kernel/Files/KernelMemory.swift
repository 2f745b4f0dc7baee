// SPDX-License-Identifier: Apache-2.0
import Channel
import Machine

/// Frames that stay free for the kernel's own objects. Swift's runtime cannot go on without memory, so
/// whatever the program can make the kernel allocate asks here first.
private let reservedFrames = 128
/// Where memory begins to be short: what is left may be in small pieces, and no object is made then unless
/// there is one piece for an array of ordinary size.
private let shortFrames = 1024
private let ordinaryBytes = 16000

/// Throws ENOMEM if memory is so short that the kernel should make no object for the program; `bytes` is the
/// size of the largest one, which must be had in one piece.
@inline(__always)
func reserveKernelMemory(bytes: Int = 0) throws(Errno) {
  if PhysicalMemory.available <= shortFrames || bytes > 1024 { try findKernelMemory(bytes) }
}

@inline(never)
private func findKernelMemory(_ wanted: Int) throws(Errno) {
  let bytes = PhysicalMemory.available <= shortFrames ? max(wanted, ordinaryBytes) : wanted
  // With an array's header; the heap gives powers of two.
  let needed = reservedFrames &+ (bytes &+ 64) / 2048
  if PhysicalMemory.available <= needed { _ = PageCache.reclaim(needed) }
  guard PhysicalMemory.available > needed, bytes <= 1024 || PhysicalMemory.hasBlock(bytes: bytes &+ 64) else {
    throw .ENOMEM
  }
}

extension Array {
  /// Memory for the next `append`, from a heap that gives powers of two; 0 if there is room.
  var bytesToGrow: Int { count == capacity ? Swift.max(2, count &* 2) &* MemoryLayout<Element>.stride &* 2 : 0 }
}

private var isOutOfMemory = false

/// The heap has nothing left to give, and nobody can be told: the last resort when all limits and reserves
/// did not help. As Linux's out-of-memory killer does, it ends the program, for which all memory was used.
@_silgen_name("kernel_out_of_memory")
public func kernelOutOfMemory() -> Never {
  if isOutOfMemory || !Console.isOpen { Panic.stop("the kernel has no memory left") }
  isOutOfMemory = true
  Log.error("the kernel has no memory left for what the program asks of it; the program is ended with SIGKILL")
  Console.exit(.signaled, 9)
}
