// SPDX-License-Identifier: Apache-2.0

/// How long x86-64 instructions are (Intel SDM volume 2, chapter 2 and appendix A): nothing else about them.
public enum InstructionLength {
  /// The longest that a processor accepts.
  public static let maximum = 15

  /// What follows an opcode.
  private struct Form {
    var hasModRM = false
    var immediate = 0

    static var none: Form { Form() }
    static var modRM: Form { Form(hasModRM: true) }
    static func immediate(_ count: Int) -> Form { Form(immediate: count) }
    static func modRM(_ count: Int) -> Form { Form(hasModRM: true, immediate: count) }
  }

  /// The length of the instruction at `start`; nil if there is none, or its end is not in `bytes`.
  public static func at(_ start: Int, in bytes: Span<UInt8>) -> Int? {
    var index = start
    var isNarrow = false  // operand size prefix
    var isShortAddress = false  // address size prefix
    var isWide = false  // REX.W
    var opcode: UInt8 = 0

    // Legacy prefixes, then REX.
    prefixes: while true {
      guard index < bytes.count, index - start < maximum else { return nil }
      opcode = bytes[index]
      index += 1
      switch opcode {
      case 0x66: isNarrow = true
      case 0x67: isShortAddress = true
      case 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65: break
      case 0x40...0x4f:
        isWide = opcode & 8 != 0
        guard index < bytes.count else { return nil }
        opcode = bytes[index]
        index += 1
        break prefixes
      default: break prefixes
      }
    }

    let form: Form?
    switch opcode {
    case 0x0f:
      guard index < bytes.count else { return nil }
      let second = bytes[index]
      index += 1
      if second == 0x38 || second == 0x3a {
        index += 1
        form = second == 0x3a ? .modRM(1) : .modRM
      } else {
        form = twoByte(second)
      }
    case 0xc5: form = extended(map: 1, at: index + 1, in: bytes, &index)
    case 0xc4, 0x62:
      guard index < bytes.count else { return nil }
      // VEX: five bits of map and two more bytes; EVEX: three bits and three more bytes.
      let map = opcode == 0xc4 ? bytes[index] & 0x1f : bytes[index] & 7
      form = extended(map: map, at: index + (opcode == 0xc4 ? 2 : 3), in: bytes, &index)
    default: form = oneByte(opcode, isNarrow: isNarrow, isWide: isWide, isShortAddress: isShortAddress)
    }
    guard let form else { return nil }
    index += form.immediate
    if form.hasModRM {
      // Before the immediate in memory, but only the sum counts.
      let position = index - form.immediate
      guard position < bytes.count, let operand = operandLength(position, in: bytes) else { return nil }
      index += operand
      if (opcode == 0xf6 || opcode == 0xf7) && bytes[position] & 0x30 == 0 {  // TEST has an immediate
        index += opcode == 0xf6 ? 1 : isNarrow ? 2 : 4
      }
    }
    return index <= bytes.count && index - start <= maximum ? index - start : nil
  }

  /// ModRM, SIB and displacement (SDM table 2-2).
  private static func operandLength(_ position: Int, in bytes: Span<UInt8>) -> Int? {
    let modRM = bytes[position]
    let mode = modRM >> 6
    guard mode != 3 else { return 1 }
    var length = 1
    var base = modRM & 7
    if base == 4 {
      guard position + 1 < bytes.count else { return nil }
      base = bytes[position + 1] & 7
      length += 1
      if mode == 0 { return base == 5 ? length + 4 : length }
    }
    switch mode {
    case 0: return base == 5 ? length + 4 : length
    case 1: return length + 1
    default: return length + 4
    }
  }

  /// What follows a VEX or EVEX prefix whose opcode is at `position`.
  private static func extended(map: UInt8, at position: Int, in bytes: Span<UInt8>, _ index: inout Int) -> Form? {
    guard position < bytes.count else { return nil }
    index = position + 1
    switch map {
    case 1: return bytes[position] == 0x77 ? Form.none : twoByte(bytes[position])
    case 2, 5, 6: return .modRM
    case 3: return .modRM(1)
    default: return nil
    }
  }

  private static func oneByte(_ opcode: UInt8, isNarrow: Bool, isWide: Bool, isShortAddress: Bool) -> Form? {
    let full = isNarrow ? 2 : 4
    switch opcode {
    case 0x00...0x3f:
      switch opcode & 7 {
      case 0...3: return .modRM
      case 4: return .immediate(1)
      case 5: return .immediate(full)
      default: return nil
      }
    case 0x63, 0x84...0x8f, 0xd0...0xd3, 0xd8...0xdf, 0xf6, 0xf7, 0xfe, 0xff: return .modRM
    case 0x69, 0x81, 0xc7: return .modRM(full)
    case 0x6b, 0x80, 0x83, 0xc0, 0xc1, 0xc6: return .modRM(1)
    case 0x68, 0xa9: return .immediate(full)
    case 0xe8, 0xe9: return .immediate(4)
    case 0x6a, 0x70...0x7f, 0xa8, 0xb0...0xb7, 0xcd, 0xe0...0xe7, 0xeb: return .immediate(1)
    case 0xb8...0xbf: return .immediate(isWide ? 8 : full)
    case 0xa0...0xa3: return .immediate(isShortAddress ? 4 : 8)
    case 0xc2, 0xca: return .immediate(2)
    case 0xc8: return .immediate(3)
    case 0x60...0x62, 0x82, 0x9a, 0xc4, 0xc5, 0xce, 0xd4...0xd6, 0xea: return nil
    default: return Form.none
    }
  }

  private static func twoByte(_ opcode: UInt8) -> Form? {
    switch opcode {
    case 0x04, 0x0a, 0x0c, 0x24...0x27, 0x36, 0x39, 0x3b...0x3f, 0x7a, 0x7b, 0xa6, 0xa7: return nil
    case 0x05...0x09, 0x0b, 0x0e, 0x30...0x37, 0x77, 0xa0...0xa2, 0xa8...0xaa, 0xc8...0xcf: return Form.none
    case 0x0f, 0x70...0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4...0xc6: return .modRM(1)
    case 0x80...0x8f: return .immediate(4)
    default: return .modRM
    }
  }
}
