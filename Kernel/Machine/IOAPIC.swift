// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// The interrupt controller for lines (Intel 82093AA datasheet, §3), and the masking of its ancestor.
public enum IOAPIC {
  private static var registers: DeviceRegisters? = nil
  private static var lineCount = 0

  /// Silences both 8259 controllers and finds the I/O APIC at its address on every PC.
  static func initialize() {
    out8(0x21, 0xff)
    out8(0xa1, 0xff)
    registers = DeviceRegisters(physicalAddress: 0xfec0_0000, size: 4096)
    let version = read(1)
    // All ones: nothing answers there.
    lineCount = version == .max ? 0 : min(Int(version >> 16 & 0xff) + 1, 240)
  }

  private static func read(_ index: UInt32) -> UInt32 {
    guard let registers else { return .max }
    registers.write32(0x00, index)
    return registers.read32(0x10)
  }

  private static func write(_ index: UInt32, _ value: UInt32) {
    guard let registers else { return }
    registers.write32(0x00, index)
    registers.write32(0x10, value)
  }

  /// Lets `line` (a GSI) interrupt this processor at `vector`, at its rising edge: the handler then needs
  /// not touch the device, which lets go of the line when its driver looks at it. False: no such line.
  public static func route(line: Int, to vector: UInt8) -> Bool {
    guard line >= 0, line < lineCount, LocalAPIC.identifier < 256 else { return false }
    let index = 0x10 + UInt32(line) * 2
    write(index + 1, LocalAPIC.identifier << 24)
    // Fixed delivery, physical destination, active high, edge, not masked.
    write(index, UInt32(vector))
    return true
  }
}

/// Hands out the vectors that devices interrupt at.
public enum InterruptVectors {
  private static var next = Vector.firstDevice

  /// A vector that nobody has; nil when all are taken.
  public static func allocate() -> UInt8? {
    guard next < Vector.attention else { return nil }
    next += 1
    return UInt8(next - 1)
  }
}

/// What a device writes to interrupt without a line (Intel SDM volume 3, §11.11).
public struct MessageInterrupt: BitwiseCopyable {
  public let address: UInt64
  public let data: UInt32

  /// Interrupts this processor at `vector`.
  public init(vector: UInt8) {
    address = 0xfee0_0000 | UInt64(LocalAPIC.identifier & 0xff) << 12
    data = UInt32(vector)
  }
}
