// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// A device's registers in physical memory, mapped uncached. Every access is checked against their size.
public struct DeviceRegisters: BitwiseCopyable {
  private let base: UInt64
  public let size: Int

  /// Maps `size` bytes from `physicalAddress`. Nil if the kernel's window cannot hold them, or if they are
  /// memory: then whoever named the address is wrong.
  public init?(physicalAddress: UInt64, size: Int) {
    guard size > 0, size <= 1 << 24, physicalAddress < 1 << 42,
      !PhysicalMemory.isMemory(physicalAddress..<physicalAddress + UInt64(size))
    else { return nil }
    base = PageTables.mapDevice(physicalAddress, size: UInt64(size))
    self.size = size
  }

  private init(base: UInt64, size: Int) {
    self.base = base
    self.size = size
  }

  /// The `size` bytes from `offset`; nil if they are not all inside.
  public func slice(from offset: Int, size: Int) -> DeviceRegisters? {
    guard offset >= 0, size > 0, offset <= self.size, size <= self.size - offset else { return nil }
    return DeviceRegisters(base: base + UInt64(offset), size: size)
  }

  @inline(__always)
  private func address(_ offset: Int, _ width: Int) -> UInt64 {
    precondition(offset >= 0 && offset &+ width <= size && offset & (width &- 1) == 0)
    return base &+ UInt64(offset)
  }

  @inline(__always) public func read8(_ offset: Int) -> UInt8 { mmio_read8(address(offset, 1)) }
  @inline(__always) public func read16(_ offset: Int) -> UInt16 { mmio_read16(address(offset, 2)) }
  @inline(__always) public func read32(_ offset: Int) -> UInt32 { mmio_read32(address(offset, 4)) }
  @inline(__always) public func write8(_ offset: Int, _ value: UInt8) { mmio_write8(address(offset, 1), value) }
  @inline(__always) public func write16(_ offset: Int, _ value: UInt16) { mmio_write16(address(offset, 2), value) }
  @inline(__always) public func write32(_ offset: Int, _ value: UInt32) { mmio_write32(address(offset, 4), value) }
  /// As two halves, the lower first, which every device takes (virtio 1.2 §4.1.3.1, §4.2.2.2).
  public func write64(_ offset: Int, _ value: UInt64) {
    write32(offset, UInt32(truncatingIfNeeded: value))
    write32(offset + 4, UInt32(truncatingIfNeeded: value >> 32))
  }
}

/// The ports of the first devices of a PC.
public enum Ports {
  public static func read8(_ port: UInt16) -> UInt8 { in8(port) }
  public static func read32(_ port: UInt16) -> UInt32 { in32(port) }
  public static func write8(_ port: UInt16, _ value: UInt8) { out8(port, value) }
  public static func write16(_ port: UInt16, _ value: UInt16) { out16(port, value) }
  public static func write32(_ port: UInt16, _ value: UInt32) { out32(port, value) }
}
