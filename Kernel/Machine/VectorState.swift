// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// The program's x87 and vector registers, by way of a frame of the kernel's: for what cannot be done
/// straight from or to the program's memory (see `ProgramMemory.saveVectorState`).
public enum VectorState {
  /// Saves to `frame`, which has room for it (checked), in XSAVE's standard format. What `frame` held was zero, or
  /// saved in the same way: of its header XSAVE writes the first word only (Intel SDM volume 1, 13.7).
  @inline(__always)
  public static func save(to frame: Frame) {
    precondition(Processor.vectorStateSize <= Frame.size)
    save_vectors(frame.address, Processor.vectorStateMask)
  }

  /// Loads what `save` put into `frame`.
  @inline(__always)
  public static func restoreSaved(from frame: Frame) { restore_vectors(frame.address, Processor.vectorStateMask) }

  /// Loads what stands in `frame`. False: the processor refuses it and nothing has changed.
  public static func restore(from frame: Frame) -> Bool {
    precondition(Processor.vectorStateSize <= Frame.size)
    return program_restore_vectors(frame.address, Processor.vectorStateMask) == 0
  }

  /// Loads the 512 bytes of FXSAVE at the start of `frame` and resets everything beyond (the header of
  /// XSAVE is written over what `frame` holds there).
  public static func restoreLegacy(from frame: Frame) -> Bool {
    frame.clear(from: 512, count: 64)
    frame.storeWord(3, at: 512)
    return restore(from: frame)
  }

  /// x87 exceptions that are flagged and not masked, and the same for SSE (Intel SDM volume 1, 8.1.3 and
  /// 10.2.3): bit 0 invalid, 1 denormal, 2 division by zero, 3 overflow, 4 underflow, 5 precision.
  public static func raisedExceptions() -> (x87: UInt64, sse: UInt64) {
    guard let frame = PhysicalMemory.allocateZeroed() else { return (0, 0) }
    defer { PhysicalMemory.release(frame) }
    save(to: frame)
    let control = frame.loadWord(at: 0)
    let multimediaControl = frame.loadWord(at: 24)
    return (
      x87: control >> 16 & ~control & 0x3f,
      sse: multimediaControl & ~(multimediaControl >> 7) & 0x3f
    )
  }
}
