// SPDX-License-Identifier: Apache-2.0
import Machine

/// The first namespace of an NVMe controller on PCI (NVM Express Base 2.0, NVM Command Set 1.0), by one pair of queues.
final class NVMe: Disk {
  /// Registers (Base §3.1.3).
  private enum Register {
    static let capabilities = 0x00
    static let configuration = 0x14
    static let status = 0x1c
    static let adminQueueSizes = 0x24
    static let adminCommands = 0x28
    static let adminCompletions = 0x30
  }
  /// Admin commands (Base §5), then those of the NVM command set.
  private enum Opcode {
    static let createCommands: UInt8 = 0x01
    static let createCompletions: UInt8 = 0x05
    static let identify: UInt8 = 0x06
    static let flush: UInt8 = 0x00
    static let write: UInt8 = 0x01
    static let read: UInt8 = 0x02
    static let datasetManagement: UInt8 = 0x09
  }

  /// Commands under way at most, and the bytes of the page list of each.
  private static let slotCount = 32
  private static let listSize = 512
  private static let listsPerFrame = Frame.size / listSize

  private let queue: NVMeQueue
  private let namespace: UInt32
  private let vector: UInt8
  private let discards: Bool
  /// The lists of pages.
  private let lists: [Frame]
  private var requests = RequestSlots(count: NVMe.slotCount)

  /// Whether a function is an NVMe controller: its class, subclass and interface.
  static func isController(_ function: PCIFunction) -> Bool { function.read32(0x08) >> 8 == 0x010802 }

  /// Takes the controller over; nil with a message if it cannot be used.
  static func start(_ function: PCIFunction) -> NVMe? {
    function.enableMemory()
    guard let memory = function.memory(0),
      let registers = DeviceRegisters(physicalAddress: memory.address, size: min(memory.size, 1 << 16)),
      registers.size > 0x1100, let vector = Interrupts.allocateVector(),
      function.enableMessageInterrupt(vector: vector)
    else { return refuse("has no registers in memory, or no MSI-X") }
    guard let setup = Setup(registers) else { return refuse("does not start") }
    guard let found = setup.identify() else { return refuse("has no namespace with sectors of 512 bytes") }
    guard let queue = setup.makeQueue() else { return refuse("does not give a queue") }
    guard let disk = NVMe(queue, found, vector) else { return refuse("cannot be used: there is too little memory") }
    return disk
  }

  private static func refuse(_ reason: StaticString) -> NVMe? {
    Log.error {
      $0.append("an NVMe controller ")
      $0.append(reason)
    }
    return nil
  }

  /// What a controller says of itself and its first namespace.
  fileprivate struct Identity {
    var namespace: UInt32 = 0
    var sectors: UInt64 = 0
    var greatestRequest = 0
    var isReadOnly = false
    var hasVolatileCache = false
    var canDiscard = false
  }

  private init?(_ queue: NVMeQueue, _ identity: Identity, _ vector: UInt8) {
    var lists: [Frame] = []
    for _ in 0..<Self.slotCount / Self.listsPerFrame {
      guard let frame = PhysicalMemory.allocateZeroed() else { return nil }
      lists.append(frame)
    }
    self.queue = queue
    self.lists = lists
    self.vector = vector
    namespace = identity.namespace
    discards = identity.canDiscard
    // A list holds one page fewer than it has words, since the memory of a request need not begin with a page.
    let greatest = min(identity.greatestRequest, (Self.listSize / 8 - 1) * Frame.size)
    super.init(
      size: identity.sectors * 512, isReadOnly: identity.isReadOnly, hasVolatileCache: identity.hasVolatileCache,
      greatestRequest: greatest, pieceLimit: greatest / Frame.size)
    Interrupts.attend(vector)
  }

  override var canDiscard: Bool { discards }

  override func start(_ request: DiskRequest) -> Bool {
    if queue.isBroken {
      request.end(false)
      return true
    }
    guard let slot = requests.next else { return false }
    let sector = request.offset / 512
    var command = NVMeQueue.Command(opcode: Opcode.flush, namespace: namespace)
    switch request.kind {
    case .read, .write:
      command.opcode = request.kind == .read ? Opcode.read : Opcode.write
      command.data = place(request.pieces, slot)
      command.word10 = UInt32(truncatingIfNeeded: sector)
      command.word11 = UInt32(truncatingIfNeeded: sector >> 32)
      command.word12 = UInt32(request.count / 512 &- 1)
    case .discard:
      // One range (NVM Command Set §3.2.3): attributes, length in sectors, the first sector. Word 11: deallocate.
      command.opcode = Opcode.datasetManagement
      let (frame, offset) = list(slot)
      frame.storeWord(UInt64(min(request.count / 512, Int(UInt32.max))) << 32, at: offset)
      frame.storeWord(sector, at: offset &+ 8)
      command.data.0 = frame.physicalAddress &+ UInt64(offset)
      command.word11 = 1 << 2
    case .flush: break
    }
    requests.add(request)
    queue.submit(command, name: slot)
    return true
  }

  private func list(_ slot: Int) -> (frame: Frame, offset: Int) {
    (lists[slot / Self.listsPerFrame], slot % Self.listsPerFrame * Self.listSize)
  }

  /// The two words that say where the data is: pages, all whole but the first and the last (Base §4.1.1).
  private func place(_ pieces: [MemoryPiece], _ slot: Int) -> (UInt64, UInt64) {
    let (frame, offset) = list(slot)
    let pageSize = UInt64(Frame.size)
    var first: UInt64 = 0
    var count = 0
    for piece in pieces {
      var address = piece.physicalAddress
      let end = address &+ UInt64(piece.count)
      while address < end {
        if count == 0 { first = address } else { frame.storeWord(address, at: offset &+ (count &- 1) &* 8) }
        count &+= 1
        address = (address & ~(pageSize &- 1)) &+ pageSize
      }
    }
    switch count {
    case 0, 1: return (first, 0)
    case 2: return (first, frame.loadWord(at: offset))
    default: return (first, frame.physicalAddress &+ UInt64(offset))
    }
  }

  override func takeFinished() {
    _ = Interrupts.take(vector)
    while let completion = queue.takeCompletion() {
      guard let request = requests.remove(completion.name) else { continue }
      request.end(completion.succeeded)
    }
    if queue.isBroken { for request in requests.removeAll() { request.end(false) } }
  }

  // MARK: starting

  /// A controller that is being started: its admin queues.
  private struct Setup {
    private let registers: DeviceRegisters
    private let admin: NVMeQueue
    private let stride: Int

    /// Resets the controller and starts it (Base §3.5.1).
    init?(_ registers: DeviceRegisters) {
      let low = registers.read32(Register.capabilities)
      let high = registers.read32(Register.capabilities + 4)
      // Queues of enough entries, the NVM command set, pages of 4 KiB.
      guard low & 0xffff >= UInt32(NVMeQueue.size - 1), high & 1 << 5 != 0, high >> 16 & 15 == 0 else { return nil }
      stride = 4 << Int(high & 15)
      guard let admin = NVMeQueue(registers, index: 0, stride: stride) else { return nil }
      self.registers = registers
      self.admin = admin
      let patience = UInt64(low >> 24) &* 500_000_000 &+ 500_000_000
      registers.write32(Register.configuration, 0)
      guard isReady(false, within: patience) else { return nil }
      let sizes = UInt32(NVMeQueue.size - 1)
      registers.write32(Register.adminQueueSizes, sizes << 16 | sizes)
      registers.write64(Register.adminCommands, admin.commands.physicalAddress)
      registers.write64(Register.adminCompletions, admin.completions.physicalAddress)
      // Entries of 2^4 and 2^6 bytes, enabled.
      registers.write32(Register.configuration, 4 << 20 | 6 << 16 | 1)
      guard isReady(true, within: patience) else { return nil }
    }

    private func isReady(_ wanted: Bool, within nanoseconds: UInt64) -> Bool {
      let end = Clock.monotonicNanoseconds() &+ nanoseconds
      while registers.read32(Register.status) & 1 != (wanted ? 1 : 0) {
        // Bit 1: a fatal error.
        if registers.read32(Register.status) & 2 != 0 || Clock.monotonicNanoseconds() > end { return false }
        Processor.pause()
      }
      return true
    }

    private func perform(_ command: NVMeQueue.Command) -> Bool {
      admin.submit(command, name: 0)
      let end = Clock.monotonicNanoseconds() &+ 10_000_000_000
      while Clock.monotonicNanoseconds() < end {
        if let completion = admin.takeCompletion() { return completion.succeeded }
        if admin.isBroken { return false }
        Processor.pause()
      }
      return false
    }

    /// Asks for a structure of 4096 bytes (Base §5.17).
    private func identify(_ structure: UInt32, namespace: UInt32 = 0, into frame: Frame) -> Bool {
      var command = NVMeQueue.Command(opcode: Opcode.identify, namespace: namespace)
      command.data.0 = frame.physicalAddress
      command.word10 = structure
      return perform(command)
    }

    func identify() -> Identity? {
      guard let frame = PhysicalMemory.allocateZeroed() else { return nil }
      defer { PhysicalMemory.release(frame) }
      var result = Identity()
      // The controller (figure 275): the greatest transfer as a power of two of pages at 77, optional commands at 520,
      // whether there is a volatile cache at 525.
      guard identify(1, into: frame) else { return nil }
      let power = frame.loadWord(at: 72) >> 40 & 0xff
      result.greatestRequest = power == 0 || power > 8 ? Disk.greatestRequest : Frame.size << Int(power)
      let options = frame.loadWord(at: 520)
      result.canDiscard = options & 1 << 2 != 0
      result.hasVolatileCache = options >> 40 & 1 != 0
      // The active namespaces, in the order of their numbers.
      guard identify(2, into: frame) else { return nil }
      result.namespace = UInt32(truncatingIfNeeded: frame.loadWord(at: 0))
      guard result.namespace != 0, identify(0, namespace: result.namespace, into: frame) else { return nil }
      // The namespace (NVM Command Set, figure 97): its size at 0, the format in use at 26, the formats from 128 on,
      // of which each says the bytes of metadata (16 bits) and the size of a sector as a power of two. Bit 0 at 99: it is write-protected.
      result.sectors = frame.loadWord(at: 0)
      result.isReadOnly = frame.loadWord(at: 96) >> 24 & 1 != 0
      let format = Int(frame.loadWord(at: 24) >> 16 & 15)
      let words = frame.loadWord(at: 128 + format / 2 * 8)
      let description = UInt32(truncatingIfNeeded: format & 1 == 0 ? words : words >> 32)
      guard description & 0xffff == 0, description >> 16 & 0xff == 9, result.sectors < 1 << 45 else { return nil }
      return result
    }

    /// The one pair of queues, which interrupts at entry 0 of the MSI-X table.
    func makeQueue() -> NVMeQueue? {
      guard let queue = NVMeQueue(registers, index: 1, stride: stride) else { return nil }
      let size = UInt32(NVMeQueue.size - 1) << 16 | 1
      var completions = NVMeQueue.Command(opcode: Opcode.createCompletions)
      completions.data.0 = queue.completions.physicalAddress
      completions.word10 = size
      // Contiguous, with interrupts.
      completions.word11 = 3
      var commands = NVMeQueue.Command(opcode: Opcode.createCommands)
      commands.data.0 = queue.commands.physicalAddress
      commands.word10 = size
      // Contiguous, with the completion queue of the same number.
      commands.word11 = 1 << 16 | 1
      return perform(completions) && perform(commands) ? queue : nil
    }
  }
}
