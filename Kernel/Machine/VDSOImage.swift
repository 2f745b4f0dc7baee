// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// The vDSO's code as it stands in the kernel's image (vdso.S), and the writer of its data page.
public enum VDSOImage {
  /// The frame of the code: part of the kernel's constants, so there is no writable alias of it.
  public static var codeFrame: Frame {
    // The image was loaded at 1 MiB and is contiguous (kernel.ld).
    Frame(number: UInt32((vdso_image_address() - image_start() + 0x10_0000) >> 12))
  }

  /// How a program finds out on which processor it runs.
  public enum ProcessorSource: UInt64 {
    /// There is only one.
    case onlyOne = 0
    /// RDTSCP tells.
    case processor = 1
    case systemCall = 2
  }
  public static func setProcessorSource(_ data: Frame, _ source: ProcessorSource) {
    data.storeWord(source.rawValue, at: 24)
  }

  /// Writes the data page: what a reader sees is all old or all new, or it notices and asks the kernel.
  /// Without `realtime` the clocks that follow the wall clock are left to the kernel. Offsets are vdso.S's.
  public static func publish(
    _ data: Frame, timestampBase: UInt64, multiplier: UInt64, realtime: UInt64?, monotonic: UInt64
  ) {
    let sequence = data.loadWord(at: 0) | 1
    data.storeWord(sequence, at: 0)
    memory_barrier()
    data.storeWord(timestampBase, at: 8)
    data.storeWord(multiplier, at: 16)
    for clock in 0..<8 { data.storeWord(monotonic, at: 64 + clock * 8) }
    data.storeWord(realtime ?? 0, at: 64)
    data.storeWord(realtime ?? 0, at: 64 + 5 * 8)
    data.storeWord(realtime == nil ? 0xd2 : 0xf3, at: 32)
    memory_barrier()
    data.storeWord((sequence &+ 1) & 0xffff_ffff, at: 0)
  }
}
