// SPDX-License-Identifier: Apache-2.0

/// Looks for whatever in machine code may have made the processor go to a place, with the flags as they are there.
///
/// Whatever may be a direct branch, a call, or an instruction that loads the place's address counts, unless it certainly
/// is in the middle of another instruction. A conditional jump counts only if its condition holds, for a jump does not
/// change the flags.
public enum BranchSearch {
  /// Bytes of code before `first` that are needed to see all there is from `first` on.
  public static let context = InstructionBoundary.before + 8

  /// Whether something whose last byte is at `first` or later in `code` may lead to `target`.
  /// - Parameters:
  ///   - flags: RFLAGS at `target`.
  ///   - address: where `code` stands.
  public static func mayLead(
    to target: UInt64, flags: UInt64, from code: Span<UInt8>, at address: UInt64, first: Int
  ) -> Bool {
    // The last eight bytes, the newest on top.
    var bytes: UInt64 = 0
    for index in max(0, first - 8)..<code.count {
      bytes = bytes >> 8 | UInt64(code[index]) << 56
      if index < first { continue }
      // What `target` is from the end of this byte.
      let distance = target &- address &- UInt64(index) &- 1
      let word = UInt32(truncatingIfNeeded: bytes >> 32)
      let length: Int?
      if UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: bytes >> 56))) == distance {
        length = isShort(UInt8(truncatingIfNeeded: bytes >> 48), flags) ? 2 : nil
      } else if signExtended(word) == distance {
        length = lengthOfNear(bytes, flags)
      } else {
        // An absolute address, of code below 4 GiB or in the last two.
        length = UInt64(word) == target || signExtended(word) == target ? 0 : nil
      }
      guard let length else { continue }
      if length == 0 || isInstruction(endingAt: index + 1, length, in: code) { return true }
    }
    return false
  }

  /// Whether the last `length` bytes before `end` may be an instruction, with up to three prefixes.
  private static func isInstruction(endingAt end: Int, _ length: Int, in code: Span<UInt8>) -> Bool {
    for start in max(0, end - length - 3)...max(0, end - length)
    where InstructionLength.at(start, in: code) == end - start {
      if InstructionBoundary.verdict(at: start, in: code) != .inside { return true }
    }
    return false
  }

  /// Whether `opcode` is that of a jump with 8 bits of displacement that can have been taken.
  private static func isShort(_ opcode: UInt8, _ flags: UInt64) -> Bool {
    switch opcode {
    case 0x70...0x7f: holds(opcode, flags)
    case 0xe0...0xe3, 0xeb: true  // LOOP, JRCXZ; JMP
    default: false
    }
  }

  /// The length of what has 32 bits of displacement on top of `bytes`, without prefixes; nil if it leads nowhere.
  private static func lengthOfNear(_ bytes: UInt64, _ flags: UInt64) -> Int? {
    let last = UInt8(truncatingIfNeeded: bytes >> 24)
    let lastButOne = UInt8(truncatingIfNeeded: bytes >> 16)
    if last == 0xe8 || last == 0xe9 { return 5 }  // CALL, JMP
    if lastButOne == 0x0f && last & 0xf0 == 0x80 { return holds(last, flags) ? 6 : nil }
    if lastButOne == 0x8d && last & 0xc7 == 0x05 { return 6 }  // LEA of an address relative to RIP
    if lastButOne == 0xc7 && last == 0xf8 { return 6 }  // XBEGIN
    return nil
  }

  private static func signExtended(_ word: UInt32) -> UInt64 {
    UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: word)))
  }

  /// Whether the condition in the low four bits of `code` holds (Intel SDM volume 1, appendix B).
  private static func holds(_ code: UInt8, _ flags: UInt64) -> Bool {
    let carry = flags & 1 << 0 != 0
    let parity = flags & 1 << 2 != 0
    let zero = flags & 1 << 6 != 0
    let sign = flags & 1 << 7 != 0
    let overflow = flags & 1 << 11 != 0
    let positive =
      switch code >> 1 & 7 {
      case 0: overflow
      case 1: carry
      case 2: zero
      case 3: carry || zero
      case 4: sign
      case 5: parity
      case 6: sign != overflow
      default: zero || sign != overflow
      }
    return positive == (code & 1 == 0)
  }
}
