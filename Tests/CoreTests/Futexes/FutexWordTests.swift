// SPDX-License-Identifier: Apache-2.0
import Futexes
import Testing

@Suite struct FutexOperationTests {
  /// FUTEX_OP of futex(2).
  private func encode(_ action: UInt32, _ operand: Int32, _ comparison: UInt32, _ reference: Int32) -> UInt32 {
    (action & 15) << 28 | (comparison & 15) << 24 | (UInt32(bitPattern: operand) & 0xfff) << 12
      | UInt32(bitPattern: reference) & 0xfff
  }

  private func apply(_ action: UInt32, _ operand: Int32, to old: UInt32) -> UInt32? {
    FutexOperation(encoded: encode(action, operand, 0, 0))?.apply(to: old)
  }

  @Test func actions() {
    #expect(apply(0, 5, to: 77) == 5)
    #expect(apply(0, -1, to: 77) == .max)
    #expect(apply(1, 2047, to: 1) == 2048)
    #expect(apply(1, -2048, to: 1) == UInt32(bitPattern: -2047))
    #expect(apply(1, 1, to: .max) == 0)
    #expect(apply(2, 6, to: 3) == 7)
    #expect(apply(3, 6, to: 7) == 1)
    #expect(apply(4, 6, to: 3) == 5)
    for action in 5...7 as ClosedRange<UInt32> { #expect(FutexOperation(encoded: encode(action, 0, 0, 0)) == nil) }
  }

  @Test func operandsThatAreShifts() {
    #expect(apply(8, 0, to: 9) == 1)
    #expect(apply(8 | 2, 31, to: 1) == 0x8000_0001)
    #expect(apply(8 | 3, 4, to: 0xff) == 0xef)
    // Too great, or negative: the lowest five bits count.
    #expect(apply(8, 33, to: 9) == 2)
    #expect(apply(8, -1, to: 9) == 0x8000_0000)
    #expect(apply(8, -2048, to: 9) == 1)
  }

  @Test func comparisonsAreSigned() {
    let olds: [UInt32] = [0, 1, 5, 2047, 2048, 0x7fff_ffff, 0x8000_0000, 0xffff_f800, 0xffff_ffff]
    for reference in [0, 1, 5, 2047, -1, -2048] as [Int32] {
      for old in olds {
        let value = Int32(bitPattern: old)
        let expected = [
          value == reference, value != reference, value < reference, value <= reference, value > reference,
          value >= reference,
        ]
        for comparison in 0..<6 {
          let operation = FutexOperation(encoded: encode(0, 0, UInt32(comparison), reference))
          #expect(operation?.isSatisfied(by: old) == expected[comparison])
        }
      }
    }
  }

  @Test func anUnknownComparisonLeavesTheAction() {
    let operation = FutexOperation(encoded: encode(1, 1, 6, 0))
    #expect(operation?.comparison == nil)
    #expect(operation?.apply(to: 4) == 5)
    #expect(operation?.isSatisfied(by: 0) == false)
  }

  /// No encoding and no value traps.
  @Test func everythingIsDefined() {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<20_000 {
      let operation = FutexOperation(encoded: UInt32.random(in: 0 ... .max, using: &generator))
      let old = UInt32.random(in: 0 ... .max, using: &generator)
      _ = operation?.apply(to: old)
      _ = operation?.isSatisfied(by: old)
    }
  }

  /// What glibc's old pthread_cond_signal used: FUTEX_OP_CLEAR_WAKE_IF_GT_ONE.
  @Test func clearAndWakeIfGreaterThanOne() {
    let operation = FutexOperation(encoded: 4 << 24 | 1)
    #expect(operation?.action == .set)
    #expect(operation?.apply(to: 2) == 0)
    #expect(operation?.isSatisfied(by: 2) == true)
    #expect(operation?.isSatisfied(by: 1) == false)
  }
}

@Suite struct FutexWordTests {
  @Test func parts() {
    let word = FutexWord(0xc000_1234)
    #expect(word.owner == 0x1234)
    #expect(word.isContended && word.hasOwnerDied)
    #expect(!FutexWord(0x3fff_ffff).isContended && !FutexWord(0x3fff_ffff).hasOwnerDied)
    #expect(FutexWord(0x3fff_ffff).owner == 0x3fff_ffff)
  }

  @Test func locking() {
    #expect(FutexWord(0).locked(by: 7, othersWait: false) == .acquires(FutexWord(7)))
    #expect(FutexWord(0).locked(by: 7, othersWait: true) == .acquires(FutexWord(0x8000_0007)))
    #expect(FutexWord(8).locked(by: 7, othersWait: false) == .waits(FutexWord(0x8000_0008)))
    #expect(FutexWord(0x8000_0008).locked(by: 7, othersWait: true) == .waits(FutexWord(0x8000_0008)))
    #expect(FutexWord(0xc000_0007).locked(by: 7, othersWait: false) == .deadlocks)
    // The dead owner's mark stays until the C library takes it away; the waiters' is made anew.
    #expect(FutexWord(0xc000_0000).locked(by: 7, othersWait: false) == .acquires(FutexWord(0x4000_0007)))
    #expect(FutexWord(0x4000_0000).owned(by: 7, othersWait: true) == FutexWord(0xc000_0007))
  }

  @Test func unlocking() {
    #expect(FutexWord(7).unlocked(by: 7, next: nil) == FutexWord(0))
    #expect(FutexWord(0x8000_0007).unlocked(by: 7, next: 9) == FutexWord(0x8000_0009))
    #expect(FutexWord(0xc000_0007).unlocked(by: 7, next: 9) == FutexWord(0x8000_0009))
    #expect(FutexWord(0x8000_0008).unlocked(by: 7, next: 9) == nil)
    #expect(FutexWord(0).unlocked(by: 7, next: nil) == nil)
  }

  private func death(_ word: UInt32, isPending: Bool = false, isPriorityInheriting: Bool = false) -> (UInt32?, Bool) {
    let result = FutexWord(word).inherited(
      from: 7, isPending: isPending, isPriorityInheriting: isPriorityInheriting)
    return (result.word?.rawValue, result.wakesOne)
  }

  @Test func dying() {
    #expect(death(7) == (0x4000_0000, false))
    #expect(death(0x8000_0007) == (0xc000_0000, true))
    #expect(death(0x8000_0007, isPriorityInheriting: true) == (0xc000_0000, false))
    // Died again before anybody repaired it.
    #expect(death(0xc000_0007) == (0xc000_0000, true))
    // Another's, or nobody's.
    #expect(death(0x8000_0008) == (nil, false))
    #expect(death(0) == (nil, false))
    // Released, but not yet woken; or woken, but not yet locked.
    #expect(death(0, isPending: true) == (nil, true))
    #expect(death(0x4000_0000, isPending: true) == (nil, true))
    #expect(death(0, isPending: true, isPriorityInheriting: true) == (nil, false))
    #expect(death(0x8000_0007, isPending: true) == (0xc000_0000, true))
    #expect(death(0x8000_0008, isPending: true) == (nil, false))
  }
}
