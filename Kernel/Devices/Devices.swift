// SPDX-License-Identifier: Apache-2.0
import Machine

/// The machine's devices: found once, while booting.
enum Devices {
  /// The disks, in the order in which they were found.
  private(set) static var disks: [Disk] = []
  /// The source of random bytes, if there is one.
  private(set) static var entropy: VirtioEntropy? = nil

  /// Finds all devices and takes them over; the channel is open afterwards if there is a console.
  static func start() {
    var found: [(VirtioTransport, UInt32)] = []
    Options.forEachWord { word in
      guard let device = memoryDevice(word) else { return }
      found.append(device)
    }
    var controllers: [PCIFunction] = []
    if found.isEmpty {
      PCI.forEachFunction { function in
        if NVMe.isController(function) { controllers.append(function) }
        if let device = pciDevice(function) { found.append(device) }
      }
    }
    // The console first, so that what there is to say about the others is heard.
    for (transport, kind) in found where kind == VirtioTransport.DeviceKind.console.rawValue {
      startConsole(transport)
    }
    for (transport, kind) in found where kind != VirtioTransport.DeviceKind.console.rawValue {
      start(transport, kind)
    }
    for function in controllers { if let disk = NVMe.start(function) { disks.append(disk) } }
  }

  /// Does what devices that interrupted want: `PendingWork.device`.
  static func attend() {
    if Console.hasNews { Console.receive() }
    for disk in disks { disk.poll() }
  }

  /// The device that a word `virtio_mmio.device=SIZE@ADDRESS:LINE` names.
  private static func memoryDevice(_ line: Options.Word) -> (VirtioTransport, UInt32)? {
    var word = line
    guard word.skip("virtio_mmio.device=") else { return nil }
    guard let size = word.number(), size <= 1 << 20, word.skip("@"), let address = word.number(), word.skip(":"),
      let interruptLine = word.number(), interruptLine < 256
    else {
      Log.warning("an option virtio_mmio.device= cannot be understood")
      return nil
    }
    guard let device = VirtioMMIO(physicalAddress: address, size: Int(size)) else {
      Log.warning {
        $0.append("no virtio 1 device at ")
        $0.append(hexadecimal: address)
      }
      return nil
    }
    guard device.kind != 0 else { return nil }
    guard let vector = Interrupts.allocateVector(), IOAPIC.route(line: Int(interruptLine), to: vector) else {
      Log.warning("a device's interrupt line cannot be used")
      return nil
    }
    return (VirtioTransport(device, vector: vector), device.kind)
  }

  private static func pciDevice(_ function: PCIFunction) -> (VirtioTransport, UInt32)? {
    guard let kind = VirtioPCI.kind(of: function) else { return nil }
    guard let device = VirtioPCI(function) else {
      Log.warning("a virtio device on PCI is not of the modern kind")
      return nil
    }
    guard let vector = Interrupts.allocateVector(), function.enableMessageInterrupt(vector: vector) else {
      Log.warning("a virtio device on PCI has no MSI-X")
      return nil
    }
    return (VirtioTransport(device, vector: vector), kind)
  }

  private static func startConsole(_ transport: VirtioTransport) {
    guard !Console.isOpen else { return }
    do throws(VirtioError) {
      if !Console.open(try VirtioConsole(transport)) { throw .noMemory }
    } catch {
      report("the console", error)
    }
  }

  private static func start(_ transport: VirtioTransport, _ kind: UInt32) {
    do throws(VirtioError) {
      switch VirtioTransport.DeviceKind(rawValue: kind) {
      case .block: disks.append(try VirtioBlock(transport))
      case .entropy where entropy == nil: entropy = try VirtioEntropy(transport)
      default:
        Log.info {
          $0.append("a virtio device of kind ")
          $0.append(decimal: UInt64(kind))
          $0.append(" is not used")
        }
      }
    } catch {
      report(kind == VirtioTransport.DeviceKind.block.rawValue ? "a disk" : "the source of random bytes", error)
    }
  }

  private static func report(_ device: StaticString, _ error: VirtioError) {
    Log.error {
      $0.append(device)
      switch error {
      case .unsuitable: $0.append(" does not speak virtio 1 as needed")
      case .broken: $0.append(" broke the rules of virtio")
      case .noMemory: $0.append(" cannot be used: there is too little memory")
      }
    }
  }
}
