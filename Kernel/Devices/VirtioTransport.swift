// SPDX-License-Identifier: Apache-2.0
import Machine

/// Why a virtio device cannot be used.
enum VirtioError: Error {
  /// It does not speak virtio 1, or does not accept what the driver needs.
  case unsuitable
  /// It broke a rule of the protocol, or reports that it failed.
  case broken
  case noMemory
}

/// A virtio device (virtio 1.2 §4) behind registers in memory or on PCI: what the two have in common.
///
/// All queues of a device share one interrupt vector. Devices are found while booting and stay.
final class VirtioTransport {
  /// The kind of device (§5).
  enum DeviceKind: UInt32 {
    case block = 2
    case console = 3
    case entropy = 4
  }

  private enum Registers {
    case memory(VirtioMMIO)
    case pci(VirtioPCI)
  }

  private let registers: Registers
  /// The vector that the device interrupts at.
  let vector: UInt8
  /// For PCI: where to notify the device of each queue.
  private var notifyPlaces = InlineArray<8, Int>(repeating: 0)

  init(_ memory: VirtioMMIO, vector: UInt8) {
    registers = .memory(memory)
    self.vector = vector
  }

  init(_ pci: VirtioPCI, vector: UInt8) {
    registers = .pci(pci)
    self.vector = vector
  }

  // MARK: initialization (§3.1.1)

  private static let acknowledge: UInt8 = 1
  private static let driver: UInt8 = 2
  private static let driverOK: UInt8 = 4
  private static let featuresOK: UInt8 = 8
  private static let failed: UInt8 = 128
  private static let version1: UInt64 = 1 << 32

  private var status: UInt8 {
    get {
      switch registers {
      case .memory(let device): device.status
      case .pci(let device): device.status
      }
    }
    set {
      switch registers {
      case .memory(let device): device.status = newValue
      case .pci(let device): device.status = newValue
      }
    }
  }

  /// Resets the device and agrees on features: those of `wanted` that it offers, and virtio 1.
  func negotiate(_ wanted: UInt64) throws(VirtioError) -> UInt64 {
    status = 0
    var rounds = 0
    while status != 0 {
      rounds += 1
      if rounds > 1_000_000 { throw .broken }
      Processor.pause()
    }
    status = Self.acknowledge
    status = Self.acknowledge | Self.driver
    let offered =
      switch registers {
      case .memory(let device): device.offeredFeatures
      case .pci(let device): device.offeredFeatures
      }
    guard offered & Self.version1 != 0 else {
      status = Self.failed
      throw .unsuitable
    }
    let accepted = offered & wanted | Self.version1
    switch registers {
    case .memory(let device): device.accept(accepted)
    case .pci(let device): device.accept(accepted)
    }
    status = Self.acknowledge | Self.driver | Self.featuresOK
    guard status & Self.featuresOK != 0 else {
      status = Self.failed
      throw .unsuitable
    }
    return accepted
  }

  /// A queue of at most `limit` descriptors, which the device knows as `index`.
  func makeQueue(_ index: UInt16, limit: Int) throws(VirtioError) -> Virtqueue {
    let greatest =
      switch registers {
      case .memory(let device): device.maximumQueueSize(index)
      case .pci(let device): device.maximumQueueSize(index)
      }
    guard greatest > 0 else { throw .unsuitable }
    guard let queue = Virtqueue(limit: min(limit, Int(greatest))) else { throw .noMemory }
    switch registers {
    case .memory(let device):
      guard device.enable(index, queue) else { throw .unsuitable }
    case .pci(let device):
      guard index < 8, let place = device.enable(index, queue) else { throw .unsuitable }
      notifyPlaces[Int(index)] = place
    }
    return queue
  }

  /// Lets the device begin.
  func start() { status = Self.acknowledge | Self.driver | Self.featuresOK | Self.driverOK }

  // MARK: in use

  /// Tells the device that there are new chains in queue `index`, if it asked for that.
  func notify(_ index: UInt16, _ queue: Virtqueue) {
    guard queue.wantsNotification else { return }
    switch registers {
    case .memory(let device): device.notify(index)
    case .pci(let device): device.notify(index, at: notifyPlaces[Int(index)])
    }
  }

  /// Whether the device has interrupted since this was last asked; it then may do so again. Whoever waits
  /// calls this with interrupts off, then looks at the queue, then halts: an interrupt in between is kept.
  @discardableResult
  func takeInterrupt() -> Bool {
    guard Interrupts.take(vector) else { return false }
    if case .memory(let device) = registers { device.acknowledgeInterrupt() }
    return true
  }

  /// The 32-bit word of the device's own configuration at `offset`; 0 where it has none.
  func configuration(at offset: Int) -> UInt32 {
    switch registers {
    case .memory(let device): device.configuration(at: offset)
    case .pci(let device): device.configuration(at: offset)
    }
  }

  /// A 64-bit word, read again while the device changes it (§2.5.1).
  func configuration64(at offset: Int) -> UInt64 {
    for _ in 0..<1000 {
      let before = configurationGeneration
      let value = UInt64(configuration(at: offset)) | UInt64(configuration(at: offset + 4)) << 32
      if before == configurationGeneration { return value }
    }
    return 0
  }

  private var configurationGeneration: UInt32 {
    switch registers {
    case .memory(let device): device.configurationGeneration
    case .pci(let device): device.configurationGeneration
    }
  }
}

/// Features are 64 bits behind a register of 32; another says which half it shows (§4.1.4.3, §4.2.2).
extension DeviceRegisters {
  func read64(_ window: Int, selectedBy selector: Int) -> UInt64 {
    write32(selector, 0)
    let low = UInt64(read32(window))
    write32(selector, 1)
    return low | UInt64(read32(window)) << 32
  }

  func write64(_ window: Int, selectedBy selector: Int, _ value: UInt64) {
    write32(selector, 0)
    write32(window, UInt32(truncatingIfNeeded: value))
    write32(selector, 1)
    write32(window, UInt32(truncatingIfNeeded: value >> 32))
  }
}
