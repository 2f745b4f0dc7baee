// SPDX-License-Identifier: Apache-2.0
import Machine

/// A function of a device on the PCI bus (PCI Local Bus 3.0, chapter 6), by the configuration ports.
struct PCIFunction: BitwiseCopyable {
  /// Bus, device and function as in the configuration address: bits 16 to 8.
  private let location: UInt32

  init(bus: UInt32, device: UInt32, function: UInt32) {
    location = 1 << 31 | bus << 16 | device << 11 | function << 8
  }

  func read32(_ offset: UInt32) -> UInt32 {
    Ports.write32(0xcf8, location | offset & 0xfc)
    return Ports.read32(0xcfc)
  }
  func read16(_ offset: UInt32) -> UInt16 { UInt16(truncatingIfNeeded: read32(offset) >> ((offset & 2) * 8)) }
  func read8(_ offset: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: read32(offset) >> ((offset & 3) * 8)) }
  func write32(_ offset: UInt32, _ value: UInt32) {
    Ports.write32(0xcf8, location | offset & 0xfc)
    Ports.write32(0xcfc, value)
  }

  var vendor: UInt16 { read16(0x00) }
  var device: UInt16 { read16(0x02) }
  var subsystem: UInt16 { read16(0x2e) }
  /// Bit 7: the device has more functions than the first. Otherwise 0: a device, 1: a bridge.
  var headerType: UInt8 { read8(0x0e) }

  /// Lets the function answer to memory addresses and read and write memory itself (command register).
  func enableMemory() { write32(0x04, read32(0x04) & 0xffff | 0x6) }

  /// Where base address register `index` points, as the firmware placed it, and how many bytes it covers.
  /// Nil for one that is not memory or was not placed (§6.2.5.1).
  func memory(_ index: Int) -> (address: UInt64, size: Int)? {
    guard 0..<6 ~= index else { return nil }
    let offset = 0x10 + UInt32(index) * 4
    let low = read32(offset)
    guard low & 1 == 0 else { return nil }
    let isWide = low & 6 == 4
    guard !isWide || index < 5 else { return nil }
    let high = isWide ? read32(offset + 4) : 0
    // The size: what cannot be set. Meanwhile the function does not answer.
    let command = read32(0x04)
    write32(0x04, command & 0xfffd)
    write32(offset, .max)
    let mask = read32(offset) & ~15
    write32(offset, low)
    write32(0x04, command & 0xffff)
    let size = Int(~mask &+ 1)
    let address = UInt64(high) << 32 | UInt64(low & ~15)
    guard mask != 0, address != 0 else { return nil }
    return (address, size)
  }

  /// Calls `body` with the offset of each capability (§6.7), until it returns false.
  func forEachCapability(_ body: (_ offset: UInt32, _ identifier: UInt8) -> Bool) {
    guard read16(0x06) & 1 << 4 != 0 else { return }
    var offset = UInt32(read8(0x34)) & 0xfc
    // At most 48 fit: a list that is longer goes in a circle.
    for _ in 0..<48 where offset >= 0x40 {
      guard body(offset, read8(offset)) else { return }
      offset = UInt32(read8(offset + 1)) & 0xfc
    }
  }

  /// Sends all of the function's interrupts to `vector` by MSI-X (§6.8.2): entry 0 of its table.
  /// False: it has no MSI-X.
  func enableMessageInterrupt(vector: UInt8) -> Bool {
    var result = false
    forEachCapability { offset, identifier in
      guard identifier == 0x11 else { return true }
      let place = read32(offset + 4)
      guard let memory = memory(Int(place & 7)),
        let table = DeviceRegisters(physicalAddress: memory.address, size: memory.size)?
          .slice(from: Int(place & ~7), size: 16)
      else { return false }
      let message = MessageInterrupt(vector: vector)
      table.write64(0, message.address)
      table.write32(8, message.data)
      table.write32(12, 0)  // not masked
      write32(offset, read32(offset) & 0x3fff_ffff | 1 << 31)  // enabled, not masked as a whole
      result = true
      return false
    }
    return result
  }
}

/// Finding the functions on the bus.
enum PCI {
  /// Calls `body` for each function on bus 0 and behind bridges.
  static func forEachFunction(_ body: (PCIFunction) -> Void) { scan(bus: 0, depth: 0, body) }

  private static func scan(bus: UInt32, depth: Int, _ body: (PCIFunction) -> Void) {
    for device in 0..<UInt32(32) {
      var functions: UInt32 = 1
      var index: UInt32 = 0
      while index < functions {
        let function = PCIFunction(bus: bus, device: device, function: index)
        index += 1
        guard function.vendor != 0xffff else { continue }
        let header = function.headerType
        if index == 1 && header & 0x80 != 0 { functions = 8 }
        if header & 0x7f == 1 {
          let secondary = UInt32(function.read8(0x19))
          if secondary > bus && depth < 8 { scan(bus: secondary, depth: depth + 1, body) }
        } else if header & 0x7f == 0 {
          body(function)
        }
      }
    }
  }
}
