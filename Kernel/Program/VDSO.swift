// SPDX-License-Identifier: Apache-2.0
import Machine

/// The vDSO: time without a system call. The code is Machine's (vdso.S); here its data follows the clock.
enum VDSO {
  /// The page that the vDSO's code reads, directly below it in the program.
  static let dataFrame: Frame = {
    guard let frame = PhysicalMemory.allocateZeroed() else { Panic.stop("no memory for the vDSO's data") }
    return frame
  }()
  /// The page of code. The kernel keeps a reference for ever: it is not the allocator's to have.
  static let codeFrame: Frame = {
    let frame = VDSOImage.codeFrame
    PhysicalMemory.retain(frame)
    return frame
  }()

  /// Whether the data page does not show all that it could.
  private static var isIncomplete = true

  /// Shows the clock's present scale to the program. After the clock was set up or refined.
  @inline(never)
  static func update() {
    guard Clock.generation != 0 else { return }
    let scale = Clock.scale
    let offset = Clock.realtimeOffset
    VDSOImage.publish(
      dataFrame, timestampBase: scale.timestampBase, multiplier: scale.multiplier,
      realtime: offset.map { scale.nanosecondsBase &+ $0 }, monotonic: scale.nanosecondsBase)
    isIncomplete = offset == nil
  }

  /// `update`, until everything is shown: the calls that the vDSO falls back to make it work.
  @inline(__always) static func updateIfNeeded() {
    if isIncomplete { update() }
  }
}
