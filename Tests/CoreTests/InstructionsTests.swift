// SPDX-License-Identifier: Apache-2.0
import Instructions
import Testing

private func lengthOfFirst(_ code: [UInt8]) -> Int? { InstructionLength.at(0, in: code.span) }
private func beginsAtLastByte(_ code: [UInt8]) -> Bool { InstructionBoundary.isAtLastByte(of: code.span) }

@Suite struct InstructionsTests {
  @Test(
    arguments: [
      ([0x90], 1), ([0xf4], 1), ([0x0f, 0x05], 2), ([0xeb, 0xf4], 2), ([0x48, 0x89, 0xe5], 3),
      ([0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], 8),  // nopl 0(%rax,%rax)
      ([0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], 10),
      ([0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8], 10),  // movabs
      ([0x66, 0xb8, 1, 2], 4), ([0xb8, 1, 2, 3, 4], 5), ([0xc8, 1, 2, 3], 4),
      ([0xf7, 0x05, 0, 0, 0, 0, 1, 2, 3, 4], 10),  // testl $imm, disp(%rip)
      ([0xf7, 0xd8], 2),  // neg %eax
      ([0xf6, 0x44, 0x24, 8, 1], 5), ([0x8b, 0x04, 0x25, 0, 0, 0, 0], 7), ([0x8b, 0x45, 0xf4], 3),
      ([0xc5, 0xf8, 0x77], 3), ([0xc5, 0xfd, 0x6f, 0x04, 0x24], 5),
      ([0xc4, 0xe3, 0x7d, 0x19, 0xc1, 1], 6),  // vextractf128
      ([0x62, 0xf1, 0x7c, 0x48, 0x10, 0x07], 6),  // vmovups (%rdi), %zmm0
      ([0x66, 0x0f, 0x3a, 0x0f, 0xc1, 8], 6),  // palignr
      ([0xa1, 1, 2, 3, 4, 5, 6, 7, 8], 9),
    ] as [([UInt8], Int)])
  func lengths(code: [UInt8], length: Int) {
    #expect(lengthOfFirst(code) == length)
    // Without its last byte it is none.
    #expect(lengthOfFirst([UInt8](code.dropLast())) == nil)
  }

  @Test func whatIsNoInstructionHasNoLength() {
    for code in [[0x06], [0x0f, 0x04], [0x9a, 0, 0, 0, 0, 0, 0], [0xd6], [0x62, 0, 0, 0, 0, 0]] as [[UInt8]] {
      #expect(lengthOfFirst(code) == nil)
    }
    let prefixes = [UInt8](repeating: 0x66, count: 15) + [0x90]
    #expect(lengthOfFirst(prefixes) == nil)
  }

  /// As compilers write it: musl's free, about to stop; and a loop whose jump ends with the same byte.
  @Test func findsWhereInstructionsBegin() {
    let code: [UInt8] = [
      0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0x48, 0x85, 0xff, 0x74, 0x2a, 0x48, 0x8b, 0x47, 0xf8, 0x48, 0x89,
      0xc1, 0x48, 0x83, 0xe1, 0xfe, 0x31, 0xd2, 0x48, 0x8b, 0x35, 0x10, 0x20, 0x00, 0x00, 0x48, 0x39, 0xce, 0x75, 0x05,
      0x0f, 0xb6, 0x42, 0x01, 0x84, 0xc0, 0x74, 0x01,
    ]
    #expect(beginsAtLastByte((code + [0xf4])))
    #expect(!beginsAtLastByte((code + [0x75, 0xf4])))
    #expect(!beginsAtLastByte((code + [0x8b, 0x45, 0xf4])))
    #expect(beginsAtLastByte(([0xf4] as [UInt8])), "nothing comes before it")
    #expect(!beginsAtLastByte(([0x75, 0xf4] as [UInt8])), "too little to tell")
    #expect(!beginsAtLastByte([UInt8](repeating: 0x06, count: 97)), "no code")
  }
}
