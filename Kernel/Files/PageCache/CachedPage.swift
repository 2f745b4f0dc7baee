// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// An entry of a file's `PageIndex`: the frame and what is known of it. 0 is "not in memory".
struct CachedPage: BitwiseCopyable {
  var bits: UInt64

  private static let present: UInt64 = 1 << 63
  private static let dirtyBit: UInt64 = 1 << 32
  private static let mappedBit: UInt64 = 1 << 33
  private static let usedBit: UInt64 = 1 << 34

  @inline(__always) init(bits: UInt64) { self.bits = bits }
  @inline(__always) init(_ frame: Frame) { bits = Self.present | Self.usedBit | UInt64(frame.number) }

  @inline(__always) var isPresent: Bool { bits != 0 }
  @inline(__always) var frame: Frame { Frame(number: UInt32(truncatingIfNeeded: bits)) }

  /// Differs from what is stored.
  @inline(__always) var isDirty: Bool {
    get { bits & Self.dirtyBit != 0 }
    set { bits = newValue ? bits | Self.dirtyBit : bits & ~Self.dirtyBit }
  }
  /// Was mapped for writing: while anybody but the cache holds the frame, it may change without notice.
  @inline(__always) var isMappedForWriting: Bool {
    get { bits & Self.mappedBit != 0 }
    set { bits = newValue ? bits | Self.mappedBit : bits & ~Self.mappedBit }
  }
  /// Used since reclaim last came by.
  @inline(__always) var wasUsed: Bool {
    get { bits & Self.usedBit != 0 }
    set { bits = newValue ? bits | Self.usedBit : bits & ~Self.usedBit }
  }
}

/// A `PageIndex` keeps its tables in frames.
extension Frame: TablePage {
  public static func allocateTable() -> Frame? { PhysicalMemory.allocateZeroed() }
  public func releaseTable() { PhysicalMemory.release(self) }
  public subscript(word index: Int) -> UInt64 {
    @inline(__always) get { loadWord(at: index &* 8) }
    @inline(__always) nonmutating set { storeWord(newValue, at: index &* 8) }
  }
  public var tableNumber: UInt64 { UInt64(number) }
  public init(tableNumber: UInt64) { self.init(number: UInt32(truncatingIfNeeded: tableNumber)) }
}
