// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// A split virtqueue (virtio 1.2 §2.7) of up to 128 descriptors, all in one frame.
///
/// What the device writes is distrusted: an index or a length that it cannot rightly have written makes
/// the queue broken, and nothing is taken from a broken queue. What the driver needs to remember stands
/// outside of the frame.
public final class Virtqueue {
  /// A chain that the device is done with.
  public struct Used: BitwiseCopyable {
    /// What `publish` returned for it.
    public let chain: UInt16
    /// Bytes that the device wrote; never more than it was given room for.
    public let count: UInt32
  }

  public static var maximumSize: Int { 128 }
  private static let none: UInt8 = 0xff
  private static let notOutstanding: UInt32 = .max

  /// Descriptors; a power of two.
  public let size: UInt16
  /// Whether the device broke the rules. Then it is not to be used any more.
  public private(set) var isBroken = false
  /// Descriptors that no chain has.
  public private(set) var freeCount: UInt16
  /// Chains that the device has.
  public private(set) var outstanding: UInt16 = 0

  private let frame: Frame
  private let base: UInt64
  private let availableOffset: UInt64
  private let usedOffset: UInt64
  private var firstFree: UInt8 = 0
  /// The descriptor after each, in its chain or in the list of free ones.
  private var next = InlineArray<128, UInt8>(repeating: Virtqueue.none)
  /// For the first of a chain that the device has: the bytes that it may write.
  private var room = InlineArray<128, UInt32>(repeating: Virtqueue.notOutstanding)
  private var availableIndex: UInt16 = 0
  private var usedIndex: UInt16 = 0
  // The chain that is being built.
  private var chainFirst: UInt8 = Virtqueue.none
  private var chainLast: UInt8 = Virtqueue.none
  private var chainRoom: UInt32 = 0

  /// Where the three parts are, for the transport to tell the device.
  public var descriptorAddress: UInt64 { frame.physicalAddress }
  public var availableAddress: UInt64 { frame.physicalAddress + availableOffset }
  public var usedAddress: UInt64 { frame.physicalAddress + usedOffset }

  /// An empty queue of the largest size that is at most `limit` and `maximumSize`; nil if there is no
  /// memory or `limit` is 0.
  public init?(limit: Int) {
    guard limit > 0, let frame = PhysicalMemory.allocateZeroed() else { return nil }
    var size = Self.maximumSize
    while size > limit { size /= 2 }
    self.frame = frame
    base = frame.address
    self.size = UInt16(size)
    freeCount = UInt16(size)
    // Available ring: flags, index, entries of 2 bytes, an unused word; used ring the same with entries of 8.
    availableOffset = UInt64(size) * 16
    usedOffset = (availableOffset + 6 + UInt64(size) * 2 + 3) & ~3
    for index in 0..<size - 1 { next[index] = UInt8(index + 1) }
  }

  // MARK: giving

  /// Adds `count` bytes of a frame to the chain under construction. False: no descriptor is left.
  public func append(_ frame: Frame, offset: Int = 0, count: Int, deviceWrites: Bool) -> Bool {
    precondition(offset >= 0 && count > 0 && offset &+ count <= Frame.size)
    return append(physical: frame.physicalAddress + UInt64(offset), count: count, deviceWrites: deviceWrites)
  }

  /// Adds a piece of memory. It must stay until the device is done with it, and as it is if the device reads it.
  public func append(_ piece: MemoryPiece, deviceWrites: Bool) -> Bool {
    append(physical: piece.physicalAddress, count: piece.count, deviceWrites: deviceWrites)
  }

  private func append(physical: UInt64, count: Int, deviceWrites: Bool) -> Bool {
    guard freeCount > 0, !isBroken, count > 0 else { return false }
    let index = firstFree
    firstFree = next[Int(index)]
    next[Int(index)] = Self.none
    freeCount -= 1
    // virtq_desc (§2.7.5): address, length, flags (1: another follows, 2: the device writes), next.
    let descriptor = base + UInt64(index) * 16
    mmio_write64(descriptor, physical)
    mmio_write32(descriptor + 8, UInt32(count))
    mmio_write32(descriptor + 12, deviceWrites ? 2 : 0)
    if chainFirst == Self.none {
      chainFirst = index
    } else {
      let last = base + UInt64(chainLast) * 16
      mmio_write32(last + 12, mmio_read32(last + 12) & 0xffff | 1 | UInt32(index) << 16)
      next[Int(chainLast)] = index
    }
    chainLast = index
    if deviceWrites { chainRoom += UInt32(count) }
    return true
  }

  /// Gives up the chain under construction.
  public func abandon() {
    if chainFirst != Self.none { free(chainFirst) }
    chainFirst = Self.none
    chainRoom = 0
  }

  /// Gives the chain to the device and returns its name. The device is to be notified if
  /// `wantsNotification` says so.
  public func publish() -> UInt16 {
    precondition(chainFirst != Self.none)
    let first = chainFirst
    room[Int(first)] = chainRoom
    outstanding += 1
    mmio_write16(base + availableOffset + 4 + UInt64(availableIndex & (size - 1)) * 2, UInt16(first))
    availableIndex &+= 1
    compiler_barrier()  // x86 keeps stores in order
    mmio_write16(base + availableOffset + 2, availableIndex)
    chainFirst = Self.none
    chainRoom = 0
    return UInt16(first)
  }

  /// Whether the device asks to be told of new chains (§2.7.10).
  public var wantsNotification: Bool {
    memory_barrier()  // the device may have looked before it saw the new index
    return mmio_read16(base + usedOffset) & 1 == 0
  }

  // MARK: taking

  /// Whether `takeUsed` has something to say.
  @inline(__always)
  public var hasUsed: Bool { mmio_read16(base &+ usedOffset &+ 2) != usedIndex || isBroken }

  /// The next chain that the device is done with; nil if there is none, or if the queue is broken.
  public func takeUsed() -> Used? {
    let deviceIndex = mmio_read16(base + usedOffset + 2)
    guard !isBroken, deviceIndex != usedIndex else { return nil }
    let entry = base + usedOffset + 4 + UInt64(usedIndex & (size - 1)) * 8
    let chain = mmio_read32(entry)
    let count = mmio_read32(entry + 4)
    guard deviceIndex &- usedIndex <= outstanding, chain < UInt32(size), room[Int(chain)] != Self.notOutstanding,
      count <= room[Int(chain)]
    else {
      isBroken = true
      return nil
    }
    usedIndex &+= 1
    outstanding -= 1
    room[Int(chain)] = Self.notOutstanding
    free(UInt8(chain))
    return Used(chain: UInt16(chain), count: count)
  }

  private func free(_ first: UInt8) {
    var last = first
    freeCount += 1
    while next[Int(last)] != Self.none {
      last = next[Int(last)]
      freeCount += 1
    }
    next[Int(last)] = firstFree
    firstFree = first
  }

  /// Whether the device is to interrupt when it is done with a chain (§2.7.7). After turning interrupts on,
  /// look at `hasUsed` once more before waiting for one.
  public func setInterrupts(_ wanted: Bool) {
    mmio_write16(base + availableOffset, wanted ? 0 : 1)
    memory_barrier()
  }
}
