// SPDX-License-Identifier: Apache-2.0
import Instructions
import Testing

private func lengthOfFirst(_ code: [UInt8]) -> Int? { InstructionLength.at(0, in: code.span) }

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
  private static let code: [UInt8] = [
    0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0x48, 0x85, 0xff, 0x74, 0x2a, 0x48, 0x8b, 0x47, 0xf8, 0x48, 0x89,
    0xc1, 0x48, 0x83, 0xe1, 0xfe, 0x31, 0xd2, 0x48, 0x8b, 0x35, 0x10, 0x20, 0x00, 0x00, 0x48, 0x39, 0xce, 0x75, 0x05,
    0x0f, 0xb6, 0x42, 0x01, 0x84, 0xc0, 0x74, 0x01,
  ]

  private func verdict(_ last: [UInt8], before: [UInt8] = code + code + code) -> InstructionBoundary.Verdict {
    let all = before + last
    return InstructionBoundary.verdict(at: all.count - 1, in: (all + [UInt8](repeating: 0x90, count: 15)).span)
  }

  @Test func findsWhereInstructionsBegin() {
    #expect(verdict([0xf4]) == .boundary)
    #expect(verdict([0x75, 0xf4]) == .inside)
    #expect(verdict([0x8b, 0x45, 0xf4]) == .inside)
    #expect(verdict([0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 0xf4]) == .inside)
    #expect(verdict([0xf4], before: Self.code) == .unknown, "too little to tell")
    #expect(verdict([0xf4], before: [UInt8](repeating: 0x06, count: 120)) == .unknown, "no code")
  }

  /// Whether `branch`, followed or preceded by `distance` bytes of `nop`, may lead there.
  private func mayLead(_ branch: [UInt8], flags: UInt64 = 0, to offset: Int, base: UInt64 = 0x5555_0000_1000) -> Bool {
    let padding = [UInt8](repeating: 0x90, count: 200)
    let code = padding + branch + padding
    return BranchSearch.mayLead(
      to: base &+ UInt64(bitPattern: Int64(offset)), flags: flags, from: code.span,
      at: base &- 200 &- UInt64(branch.count), first: 0)
  }

  /// Offsets count from the end of the branch.
  @Test func findsBranches() {
    #expect(!mayLead([0x90, 0x90, 0x90, 0x90], to: 1))
    #expect(mayLead([0xeb, 0x01], to: 1))
    #expect(!mayLead([0xeb, 0x01], to: 2))
    #expect(mayLead([0xeb, 0x80], to: -128))
    #expect(mayLead([0xe3, 0x7f], to: 127))
    #expect(mayLead([0xe8, 0, 1, 0, 0], to: 256))
    #expect(mayLead([0xe9, 0, 0xff, 0xff, 0xff], to: -256))
    #expect(mayLead([0x48, 0x8d, 0x05, 1, 0, 0, 0], to: 1), "lea 1(%rip)")
    #expect(mayLead([0xf2, 0xe9, 0, 1, 0, 0], to: 256), "bnd jmp")
    #expect(!mayLead([0x48, 0x8b, 0x05, 1, 0, 0, 0], to: 1), "mov 1(%rip)")
    #expect(!mayLead([0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0xeb, 0x01], to: 1), "inside of movabs")
    #expect(mayLead([0xb8, 0x34, 0x12, 0x40, 0], to: 0x234, base: 0x40_1000), "mov $address")
    #expect(!mayLead([0xb8, 0x34, 0x12, 0x40, 0], to: 0x235, base: 0x40_1000))
  }

  /// The flags of each condition when it holds; none of them otherwise.
  @Test func aConditionalJumpLeadsThereOnlyIfItsConditionHolds() {
    let carry: UInt64 = 1, parity: UInt64 = 4, zero: UInt64 = 64, sign: UInt64 = 128, overflow: UInt64 = 2048
    let holding: [(code: UInt8, flags: [UInt64])] = [
      (0, [overflow]), (2, [carry]), (4, [zero]), (6, [carry, zero, carry | zero]), (8, [sign]), (10, [parity]),
      (12, [sign, overflow]), (14, [zero, sign, overflow, zero | sign, zero | overflow, zero | sign | overflow]),
    ]
    for (code, combinations) in holding {
      for all in UInt64(0)..<32 {
        let flags = (all & 1) | (all & 2) << 1 | (all & 4) << 4 | (all & 8) << 4 | (all & 16) << 7
        let relevant = flags & combinations.reduce(0, |)
        let expected = combinations.contains(relevant)
        #expect(mayLead([0x70 | code, 1], flags: flags, to: 1) == expected)
        #expect(mayLead([0x71 | code, 1], flags: flags, to: 1) == !expected)
        #expect(mayLead([0x0f, 0x80 | code, 1, 0, 0, 0], flags: flags, to: 1) == expected)
        #expect(mayLead([0x0f, 0x81 | code, 1, 0, 0, 0], flags: flags, to: 1) == !expected)
      }
    }
  }
}
