// SPDX-License-Identifier: Apache-2.0
import Machine

/// The vDSO: time without a system call. The code is Machine's (vdso.S); here its data follows the clock.
enum VDSO {
  /// The page that the vDSO's code reads, directly below it in the program.
  static let dataFrame: Frame = {
    guard let frame = PhysicalMemory.allocateZeroed() else { Panic.stop("no memory for the vDSO's data") }
    VDSOImage.initialize(frame)
    return frame
  }()
  /// The page of code. The kernel keeps a reference for ever: it is not the allocator's to have.
  static let codeFrame: Frame = {
    let frame = VDSOImage.codeFrame
    PhysicalMemory.retain(frame)
    return frame
  }()

  /// The clock's generation that the data page shows.
  private static var publishedGeneration: UInt32 = 0

  /// Shows the clock's present scale to the program. After the clock was set up, refined or set.
  static func update() {
    let scale = Clock.scale
    VDSOImage.publish(
      dataFrame, timestampBase: scale.timestampBase, multiplier: scale.multiplier,
      realtime: scale.nanosecondsBase &+ Clock.realtimeOffset, monotonic: scale.nanosecondsBase)
    publishedGeneration = Clock.generation
  }

  /// `update`, if the clock has changed since.
  @inline(__always) static func updateIfNeeded() {
    if publishedGeneration != Clock.generation { update() }
  }
}
