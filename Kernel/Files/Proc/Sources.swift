// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// What `/proc` tells of other parts of the kernel: all that it asks of them goes through here.
enum Sources {
  // MARK: system

  static var kernelRelease: StaticString { "6.1.0-vorteil" }
  static var kernelVersion: StaticString { "#1 SMP Vorteil" }
  static var processorCount: Int { Processors.count }

  static var totalKiB: UInt64 { UInt64(PhysicalMemory.total) * 4 }
  static var freeKiB: UInt64 { UInt64(PhysicalMemory.available) * 4 }

  static var uptimeNanoseconds: UInt64 { Clock.monotonicNanoseconds() }
  static var realtimeNanoseconds: UInt64 { Clock.realtimeNanoseconds() }

  /// Processor time of the process, in nanoseconds.
  static var processorTime: (user: UInt64, system: UInt64) { ProcessorTime.divided(now: uptimeNanoseconds) }

  // MARK: process

  static var residentPages: UInt64 { UInt64(max(0, addressSpace.residentPages)) }
  static var virtualBytes: UInt64 { addressSpace.mappedBytes }
  static var threadCount: Int { Threads.count }

  /// Pending for the thread and the process, blocked, ignored, caught: a bit each.
  static func signalMasks(
    of thread: Thread
  ) -> (thread: UInt64, shared: UInt64, blocked: UInt64, ignored: UInt64, caught: UInt64) {
    var ignored: UInt64 = 0
    var caught: UInt64 = 0
    for number in 1...64 {
      let handler = Signals.shared.actions[number].handler
      if handler == 1 { ignored |= 1 << UInt64(number - 1) }
      if handler > 1 { caught |= 1 << UInt64(number - 1) }
    }
    return (
      thread.signals.pending.set.bits, Signals.shared.pending.set.bits, thread.signals.blocked.bits, ignored, caught
    )
  }

  /// The program's file.
  static var executable: Location? { process.executable }

  /// A random number for `/proc/sys/kernel/random`, the same at every call for `boot_id`.
  static let bootIdentifier: (UInt64, UInt64) = (Random.next(), Random.next())
}
