// SPDX-License-Identifier: Apache-2.0

/// What FUTEX_WAKE_OP does to its second word, and what it asks about the word's old value: the fields of its last
/// argument (futex(2), "FUTEX_WAKE_OP"; Linux: include/uapi/linux/futex.h, kernel/futex/waitwake.c).
///
/// The caller decodes, replaces the word in one atomic step, answers ENOSYS if there is no comparison, wakes on the
/// first word, and on the second if `isSatisfied`.
public struct FutexOperation: Equatable, BitwiseCopyable, Sendable {
  public enum Action: UInt32, BitwiseCopyable, Sendable {
    case set = 0
    case add = 1
    case or = 2
    case andNot = 3
    case exclusiveOr = 4
  }

  public enum Comparison: UInt32, BitwiseCopyable, Sendable {
    case equal = 0
    case notEqual = 1
    case less = 2
    case lessOrEqual = 3
    case greater = 4
    case greaterOrEqual = 5
  }

  public let action: Action
  /// What the action is done with, FUTEX_OP_ARG_SHIFT already applied.
  public let operand: Int32
  /// nil: there is none with that number. Linux finds out after it has replaced the word.
  public let comparison: Comparison?
  /// With what the old value is compared.
  public let reference: Int32

  /// Bits 31 … 0: whether the operand is a shift, action (3), comparison (4), operand (12, signed), reference
  /// (12, signed). nil: there is no such action, ENOSYS.
  public init?(encoded: UInt32) {
    guard let action = Action(rawValue: encoded &>> 28 & 7) else { return nil }
    self.action = action
    comparison = Comparison(rawValue: encoded &>> 24 & 15)
    // A shift to the right of a signed number keeps its sign.
    let argument = Int32(bitPattern: encoded &<< 8) &>> 20
    // Linux takes a shift that is too great modulo 32, as the processor does.
    operand = encoded &>> 31 == 0 ? argument : 1 &<< (argument & 31)
    reference = Int32(bitPattern: encoded &<< 20) &>> 20
  }

  /// What the word becomes.
  public func apply(to old: UInt32) -> UInt32 {
    let operand = UInt32(bitPattern: operand)
    switch action {
    case .set: return operand
    case .add: return old &+ operand
    case .or: return old | operand
    case .andNot: return old & ~operand
    case .exclusiveOr: return old ^ operand
    }
  }

  /// Whether those who wait for the second word are woken as well; the values are compared as signed numbers.
  /// False if there is no comparison.
  public func isSatisfied(by old: UInt32) -> Bool {
    let old = Int32(bitPattern: old)
    guard let comparison else { return false }
    switch comparison {
    case .equal: return old == reference
    case .notEqual: return old != reference
    case .less: return old < reference
    case .lessOrEqual: return old <= reference
    case .greater: return old > reference
    case .greaterOrEqual: return old >= reference
    }
  }
}
