// SPDX-License-Identifier: Apache-2.0
import Machine

/// A virtio device by registers in memory (virtio 1.2 §4.2), not of the legacy kind.
struct VirtioMMIO: BitwiseCopyable {
  /// Offsets of §4.2.2, table 4.1.
  private enum Register {
    static let magic = 0x00
    static let version = 0x04
    static let deviceKind = 0x08
    static let deviceFeatures = 0x10
    static let deviceFeaturesSelect = 0x14
    static let driverFeatures = 0x20
    static let driverFeaturesSelect = 0x24
    static let queueSelect = 0x30
    static let queueSizeMaximum = 0x34
    static let queueSize = 0x38
    static let queueReady = 0x44
    static let queueNotify = 0x50
    static let interruptStatus = 0x60
    static let interruptAcknowledge = 0x64
    static let status = 0x70
    static let queueDescriptors = 0x80
    static let queueAvailable = 0x90
    static let queueUsed = 0xa0
    static let configurationGeneration = 0xfc
    static let configuration = 0x100
  }

  private let registers: DeviceRegisters
  /// The kind of device (§5); 0 where none is plugged in.
  let kind: UInt32

  /// The device at `physicalAddress`; nil if no modern virtio device is there.
  init?(physicalAddress: UInt64, size: Int) {
    guard size >= Register.configuration, physicalAddress & 3 == 0,
      let registers = DeviceRegisters(physicalAddress: physicalAddress, size: size),
      registers.read32(Register.magic) == 0x7472_6976,  // "virt"
      registers.read32(Register.version) == 2
    else { return nil }
    self.registers = registers
    kind = registers.read32(Register.deviceKind)
  }

  var status: UInt8 {
    get { UInt8(truncatingIfNeeded: registers.read32(Register.status)) }
    nonmutating set { registers.write32(Register.status, UInt32(newValue)) }
  }

  var offeredFeatures: UInt64 {
    registers.read64(Register.deviceFeatures, selectedBy: Register.deviceFeaturesSelect)
  }

  func accept(_ features: UInt64) {
    registers.write64(Register.driverFeatures, selectedBy: Register.driverFeaturesSelect, features)
  }

  func maximumQueueSize(_ index: UInt16) -> UInt32 {
    registers.write32(Register.queueSelect, UInt32(index))
    return registers.read32(Register.queueSizeMaximum)
  }

  func enable(_ index: UInt16, _ queue: Virtqueue) -> Bool {
    registers.write32(Register.queueSelect, UInt32(index))
    guard registers.read32(Register.queueReady) == 0 else { return false }
    registers.write32(Register.queueSize, UInt32(queue.size))
    registers.write64(Register.queueDescriptors, queue.descriptorAddress)
    registers.write64(Register.queueAvailable, queue.availableAddress)
    registers.write64(Register.queueUsed, queue.usedAddress)
    registers.write32(Register.queueReady, 1)
    return true
  }

  @inline(__always)
  func notify(_ index: UInt16) { registers.write32(Register.queueNotify, UInt32(index)) }

  /// Lets go of the interrupt line, so that its next rise is seen.
  func acknowledgeInterrupt() {
    registers.write32(Register.interruptAcknowledge, registers.read32(Register.interruptStatus) & 3)
  }

  var configurationGeneration: UInt32 { registers.read32(Register.configurationGeneration) }

  func configuration(at offset: Int) -> UInt32 {
    let place = Register.configuration + offset
    return place + 4 <= registers.size ? registers.read32(place) : 0
  }
}
