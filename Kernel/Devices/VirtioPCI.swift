// SPDX-License-Identifier: Apache-2.0
import Machine

/// A virtio device on PCI (virtio 1.2 §4.1), by its modern registers.
struct VirtioPCI: BitwiseCopyable {
  /// Offsets of the common configuration (§4.1.4.3).
  private enum Common {
    static let deviceFeaturesSelect = 0x00
    static let deviceFeatures = 0x04
    static let driverFeaturesSelect = 0x08
    static let driverFeatures = 0x0c
    static let configurationVector = 0x10
    static let queueCount = 0x12
    static let status = 0x14
    static let configurationGeneration = 0x15
    static let queueSelect = 0x16
    static let queueSize = 0x18
    static let queueVector = 0x1a
    static let queueEnable = 0x1c
    static let queueNotifyOffset = 0x1e
    static let queueDescriptors = 0x20
    static let queueAvailable = 0x28
    static let queueUsed = 0x30
    static let size = 0x38
  }

  private let common: DeviceRegisters
  private let notifications: DeviceRegisters
  private let notifyMultiplier: Int
  private let device: DeviceRegisters?

  /// The kind of virtio device that a function is (§4.1.2), or nil.
  static func kind(of function: PCIFunction) -> UInt32? {
    guard function.vendor == 0x1af4 else { return nil }
    let device = function.device
    if device >= 0x1040 && device < 0x1080 { return UInt32(device - 0x1040) }
    // Transitional devices say it in the subsystem.
    return device >= 0x1000 && device < 0x1040 ? UInt32(function.subsystem) : nil
  }

  /// The modern registers of `function`; nil if it has none.
  init?(_ function: PCIFunction) {
    var common: DeviceRegisters?
    var notifications: DeviceRegisters?
    var device: DeviceRegisters?
    var multiplier: UInt32 = 0
    function.enableMemory()
    function.forEachCapability { offset, identifier in
      // virtio_pci_cap (§4.1.4): kind at 3, base address register at 4, offset at 8, length at 12.
      guard identifier == 0x09 else { return true }
      let kind = function.read8(offset + 3)
      guard 1...4 ~= kind else { return true }
      guard let memory = function.memory(Int(function.read8(offset + 4))) else { return true }
      let registers = DeviceRegisters(physicalAddress: memory.address, size: memory.size)?
        .slice(from: Int(function.read32(offset + 8)), size: Int(function.read32(offset + 12)))
      switch kind {
      case 1: common = common ?? registers
      case 2:
        if notifications == nil {
          notifications = registers
          multiplier = function.read32(offset + 16)
        }
      case 4: device = device ?? registers
      default: break
      }
      return true
    }
    guard let common, common.size >= Common.size, let notifications else { return nil }
    self.common = common
    self.notifications = notifications
    self.device = device
    notifyMultiplier = Int(multiplier)
  }

  var status: UInt8 {
    get { common.read8(Common.status) }
    nonmutating set { common.write8(Common.status, newValue) }
  }

  var offeredFeatures: UInt64 {
    common.read64(Common.deviceFeatures, selectedBy: Common.deviceFeaturesSelect)
  }

  func accept(_ features: UInt64) {
    common.write64(Common.driverFeatures, selectedBy: Common.driverFeaturesSelect, features)
    common.write16(Common.configurationVector, 0xffff)  // no interrupts about the configuration
  }

  func maximumQueueSize(_ index: UInt16) -> UInt32 {
    guard index < common.read16(Common.queueCount) else { return 0 }
    common.write16(Common.queueSelect, index)
    return UInt32(common.read16(Common.queueSize))
  }

  /// Returns where to notify the device of the queue, for `notify`; nil if the device does not take it.
  func enable(_ index: UInt16, _ queue: Virtqueue) -> Int? {
    common.write16(Common.queueSelect, index)
    let place = Int(common.read16(Common.queueNotifyOffset)) * notifyMultiplier
    guard place & 1 == 0, place <= notifications.size - 2 else { return nil }
    common.write16(Common.queueSize, queue.size)
    common.write16(Common.queueVector, 0)
    guard common.read16(Common.queueVector) == 0 else { return nil }
    common.write64(Common.queueDescriptors, queue.descriptorAddress)
    common.write64(Common.queueAvailable, queue.availableAddress)
    common.write64(Common.queueUsed, queue.usedAddress)
    common.write16(Common.queueEnable, 1)
    return place
  }

  @inline(__always)
  func notify(_ index: UInt16, at place: Int) { notifications.write16(place, index) }

  var configurationGeneration: UInt32 { UInt32(common.read8(Common.configurationGeneration)) }

  func configuration(at offset: Int) -> UInt32 {
    guard let device, offset + 4 <= device.size else { return 0 }
    return device.read32(offset)
  }
}
