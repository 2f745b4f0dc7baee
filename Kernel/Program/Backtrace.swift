// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Who called whom, as far as it can be told.
enum Backtrace {
  /// Lines at most, and of them so many with a search for symbols, which may read much.
  private static let maximumFrames = 32
  private static let maximumScanned = 16
  /// Words of the stack that are looked at.
  private static let scannedWords = 2048

  static func write(_ frame: TrapFrame) {
    var count = 0
    var pointer = frame.rbp
    var lowest = frame.rsp
    // A chain of frame pointers leads up the stack.
    while count < maximumFrames, pointer & 7 == 0, pointer >= lowest,
      let next = ProgramMemory.loadWord(at: pointer), let address = ProgramMemory.loadWord(at: pointer &+ 8),
      isReturnAddress(address)
    {
      if count == 0 { Log.error("  called from:") }
      write(address)
      count += 1
      lowest = pointer &+ 16
      pointer = next
    }
    if count < 2 { scan(frame.rsp) }
  }

  /// Code without frame pointers: whatever on the stack looks like a return address. Some of it may be left
  /// over from calls that have long returned.
  private static func scan(_ stackPointer: UInt64) {
    var count = 0
    var address = stackPointer & ~7
    for _ in 0..<scannedWords {
      guard count < maximumScanned, let word = ProgramMemory.loadWord(at: address) else { break }
      address = address &+ 8
      guard isReturnAddress(word) else { continue }
      if count == 0 { Log.error("  on the stack (no frame pointers; may be left over):") }
      write(word)
      count += 1
    }
  }

  private static func write(_ address: UInt64) {
    let place = CodePlace(address, isReturn: true)
    Log.error { message in
      message.append("    ")
      place.append(to: &message)
    }
  }

  /// Whether `address` is in executable memory and behind a call (Intel SDM volume 2, CALL).
  private static func isReturnAddress(_ address: UInt64) -> Bool {
    guard address > 0x1_0000, ProgramMemory.isRange(address, 1),
      let index = addressSpace.map.index(containing: address),
      addressSpace.map.entries[index].value.protection.isExecutable,
      let before = ProgramMemory.loadWord(at: address &- 8)
    else { return false }
    func byte(_ distance: UInt64) -> UInt64 { before >> (64 - 8 * distance) & 0xff }
    if byte(5) == 0xe8 { return true }
    // FF /2 with the lengths that its operand can have: register, memory with displacement of 0, 1, 4 bytes.
    for length in [2, 3, 4, 6, 7] as [UInt64] where byte(length) == 0xff && byte(length - 1) >> 3 & 7 == 2 {
      return true
    }
    return false
  }
}
