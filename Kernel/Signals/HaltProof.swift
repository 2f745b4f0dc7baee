// SPDX-License-Identifier: Apache-2.0
import Instructions
import Machine

/// Whether an interrupted program certainly executed the `hlt` before its place.
enum HaltProof {
  /// How far around the place branches are looked for: functions are smaller.
  private static let reach: UInt64 = 2 << 20

  /// Whether the processor can have come to `address + 1` only by the `hlt` at `address`. `flags` is RFLAGS there.
  ///
  /// What this cannot see is a pointer in data. It takes for possible that one leads to where functions usually
  /// begin; and compilers make no jump table whose target stands directly behind a `hlt`.
  static func holds(at address: UInt64, flags: UInt64) -> Bool {
    let target = address &+ 1
    return isInstruction(address) && !looksLikeFunction(target) && !isReferenced(target, flags)
  }

  private static func isInstruction(_ address: UInt64) -> Bool {
    let before = InstructionBoundary.before
    let code = ProgramMemory.bytes(at: address &- UInt64(before), count: before + InstructionBoundary.after)
    guard let code else { return false }
    return InstructionBoundary.verdict(at: before, in: code.span) == .boundary
  }

  /// Whether `address` is aligned as functions are, or is `endbr64`.
  private static func looksLikeFunction(_ address: UInt64) -> Bool {
    address % 16 == 0 || ProgramMemory.load(UInt32.self, at: address) == 0xfa1e_0ff3
  }

  /// Only what is present can have been executed just now.
  private static func isReferenced(_ target: UInt64, _ flags: UInt64) -> Bool {
    var page = pageStart(target > reach ? target - reach : 0)
    let end = target &+ reach
    // The end of the page before, where that is code as well.
    var context: [UInt8] = []
    while page < end {
      let entry = AddressSpace.isUsable(page, pageSize) ? PageTables.entry(at: page) : .none
      if entry.isPresent && entry.isExecutable, let bytes = ProgramMemory.bytes(at: page, count: Int(pageSize)) {
        let code = context + bytes
        let start = page &- UInt64(context.count)
        if BranchSearch.mayLead(to: target, flags: flags, from: code.span, at: start, first: context.count) {
          return true
        }
        context = Array(bytes.suffix(BranchSearch.context))
      } else {
        context = []
      }
      page += pageSize
    }
    return false
  }
}
