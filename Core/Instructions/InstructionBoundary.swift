// SPDX-License-Identifier: Apache-2.0

/// Where instructions begin, looking back.
///
/// From one place in machine code one cannot tell where the instruction before it began. But of any
/// `InstructionLength.maximum` bytes of code one after another, at least one begins an instruction: whoever decodes
/// from each of them, decodes the true sequence as well. What all of these agree on is true.
public enum InstructionBoundary {
  /// Bytes of code before the place in question that are needed.
  public static let before = 96
  /// Bytes of code from the place on that are needed.
  public static let after = InstructionLength.maximum
  /// Starts nearer than this have seldom fallen into step with the true sequence.
  private static let nearest = 40

  public enum Verdict {
    /// An instruction begins here.
    case boundary
    /// This is in the middle of an instruction.
    case inside
    case unknown
  }

  /// What `place` is, if what stands before it is code.
  public static func verdict(at place: Int, in code: Span<UInt8>) -> Verdict {
    guard place >= before, code.count >= place + after else { return .unknown }
    // What decoding from each start comes to, by its distance from `place`; unknown where it runs into what is no
    // instruction.
    var verdicts = InlineArray<97, Verdict>(repeating: .unknown)
    for distance in 1...before {
      guard let length = InstructionLength.at(place - distance, in: code) else { continue }
      verdicts[distance] = length > distance ? .inside : length == distance ? .boundary : verdicts[distance - length]
    }
    var boundaries = 0
    var insides = 0
    for distance in nearest...before {
      switch verdicts[distance] {
      case .boundary: boundaries += 1
      case .inside: insides += 1
      case .unknown: break
      }
    }
    guard boundaries + insides >= InstructionLength.maximum else { return .unknown }
    return insides == 0 ? .boundary : boundaries == 0 ? .inside : .unknown
  }
}
