// SPDX-License-Identifier: Apache-2.0
import Signals

/// The limits of the process (getrlimit(2)). They are kept for all resources; those that have a meaning here
/// are honoured by whoever gives the resource out.
struct Limits: BitwiseCopyable {
  struct Limit: BitwiseCopyable {
    var soft: UInt64
    var hard: UInt64
  }

  /// RLIMIT_* (include/uapi/asm-generic/resource.h).
  enum Resource {
    static var processorTime: Int { 0 }
    static var fileSize: Int { 1 }
    static var data: Int { 2 }
    static var stack: Int { 3 }
    static var core: Int { 4 }
    static var processes: Int { 6 }
    static var files: Int { 7 }
    static var lockedMemory: Int { 8 }
    static var addressSpace: Int { 9 }
    static var pendingSignals: Int { 11 }
    static var messageQueues: Int { 12 }
    static var nice: Int { 13 }
    static var realTimePriority: Int { 14 }
    static var count: Int { 16 }
  }
  /// RLIM_INFINITY.
  static var infinity: UInt64 { .max }

  private var limits = InlineArray<16, Limit>(repeating: Limit(soft: .max, hard: .max))

  /// What a process finds on Linux.
  init() {
    limits[Resource.stack].soft = 8 << 20
    limits[Resource.core].soft = 0
    limits[Resource.files] = Limit(soft: 1024, hard: 1 << 20)
    limits[Resource.lockedMemory] = Limit(soft: 8 << 20, hard: 8 << 20)
    limits[Resource.pendingSignals] = Limit(
      soft: UInt64(PendingSignals.capacity), hard: UInt64(PendingSignals.capacity))
    limits[Resource.messageQueues] = Limit(soft: 819_200, hard: 819_200)
    limits[Resource.nice] = Limit(soft: 0, hard: 0)
    limits[Resource.realTimePriority] = Limit(soft: 0, hard: 0)
  }

  /// A resource below `Resource.count`.
  subscript(_ resource: Int) -> Limit {
    get { limits[resource] }
    set { limits[resource] = newValue }
  }

  var stack: UInt64 { limits[Resource.stack].soft }
  /// Threads count as processes.
  var processes: UInt64 { limits[Resource.processes].soft }
  var data: UInt64 { limits[Resource.data].soft }
  /// No descriptor reaches this number.
  var files: UInt64 { limits[Resource.files].soft }
  /// Writing beyond this raises SIGXFSZ.
  var fileSize: UInt64 { limits[Resource.fileSize].soft }
  /// Raises SIGXFSZ and throws EFBIG if no byte may be written at `offset`.
  @inline(__always)
  func checkFileSize(_ offset: UInt64) throws(Errno) {
    if offset >= fileSize && fileSize != Self.infinity { try refuseFileSize() }
  }

  @inline(never)
  private func refuseFileSize() throws(Errno) {
    Signals.post(25)
    throw .EFBIG
  }

  var addressSpace: UInt64 { limits[Resource.addressSpace].soft }
}

/// The process's limits.
var limits = Limits()
