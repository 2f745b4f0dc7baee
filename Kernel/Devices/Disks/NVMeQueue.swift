// SPDX-License-Identifier: Apache-2.0
import Machine

/// A pair of queues of an NVMe controller: commands to it, completions from it (NVM Express Base 2.0, §3.3.1), each in
/// one frame.
///
/// What the controller writes is distrusted: a completion of a command that it does not have makes the pair broken, and
/// nothing is taken from it any more.
final class NVMeQueue {
  /// A command (§3.3.3.1), as far as it is not the same for all.
  struct Command {
    var opcode: UInt8
    var namespace: UInt32 = 0
    /// Where the data is: the first page, and the second page or a list of the others (§4.1.1).
    var data: (UInt64, UInt64) = (0, 0)
    var word10: UInt32 = 0
    var word11: UInt32 = 0
    var word12: UInt32 = 0
  }
  struct Completion {
    /// The name that `submit` was given.
    let name: Int
    let succeeded: Bool
    let result: UInt32
  }

  /// Entries of each queue: as many commands as one frame holds.
  static let size = 64
  private static let commandSize = 64
  private static let completionSize = 16

  let index: Int
  let commands: Frame
  let completions: Frame
  private(set) var isBroken = false
  private let registers: DeviceRegisters
  private let submissionDoorbell: Int
  private let completionDoorbell: Int
  private var tail = 0
  private var head = 0
  /// The value of the phase bit that says that a completion is new (§4.2.4).
  private var phase: UInt64 = 1
  /// A bit for each name that the controller has.
  private var underWay: UInt64 = 0

  /// nil: there is no memory, or no such doorbell. `stride`: bytes between doorbells (§3.1.3.11).
  init?(_ registers: DeviceRegisters, index: Int, stride: Int) {
    guard let commands = PhysicalMemory.allocateZeroed() else { return nil }
    guard let completions = PhysicalMemory.allocateZeroed() else {
      PhysicalMemory.release(commands)
      return nil
    }
    submissionDoorbell = 0x1000 + 2 * index * stride
    completionDoorbell = submissionDoorbell + stride
    guard completionDoorbell + 4 <= registers.size else { return nil }
    self.registers = registers
    self.index = index
    self.commands = commands
    self.completions = completions
  }

  var isIdle: Bool { underWay == 0 }

  /// Gives a command to the controller, under a name from 0 to `size - 2` that it does not have.
  func submit(_ command: Command, name: Int) {
    let place = tail &* Self.commandSize
    commands.storeWord(
      UInt64(command.opcode) | UInt64(name) << 16 | UInt64(command.namespace) << 32, at: place)
    commands.storeWord(0, at: place &+ 8)
    commands.storeWord(0, at: place &+ 16)
    commands.storeWord(command.data.0, at: place &+ 24)
    commands.storeWord(command.data.1, at: place &+ 32)
    commands.storeWord(UInt64(command.word10) | UInt64(command.word11) << 32, at: place &+ 40)
    commands.storeWord(UInt64(command.word12), at: place &+ 48)
    commands.storeWord(0, at: place &+ 56)
    underWay |= 1 &<< UInt64(name)
    tail = (tail &+ 1) % Self.size
    // The registers are volatile, and x86 keeps stores in order.
    registers.write32(submissionDoorbell, UInt32(tail))
  }

  /// The next command that the controller is done with; nil if there is none.
  func takeCompletion() -> Completion? {
    guard !isBroken else { return nil }
    let last = completions.loadWordOfDevice(at: head &* Self.completionSize &+ 8)
    guard last >> 48 & 1 == phase else { return nil }
    // Word 3: the name, the phase, and the status, of which 0 is success.
    let name = last >> 32 & 0xffff
    let result = completions.loadWordOfDevice(at: head &* Self.completionSize)
    guard name < UInt64(Self.size), underWay & 1 &<< name != 0 else {
      isBroken = true
      return nil
    }
    underWay &= ~(1 &<< name)
    head &+= 1
    if head == Self.size {
      head = 0
      phase ^= 1
    }
    registers.write32(completionDoorbell, UInt32(head))
    return Completion(name: Int(name), succeeded: last >> 49 == 0, result: UInt32(truncatingIfNeeded: result))
  }
}
