// SPDX-License-Identifier: Apache-2.0
public import HostSystem

/// How a machine's life ended.
public enum Outcome: Equatable, Sendable {
  /// The program ended by itself, with this code.
  case exited(UInt8)
  /// The program was ended by this signal.
  case signaled(UInt8)
  /// The time that the person allowed was over.
  case timedOut
  /// The person ended the machine by sending the signal a second time.
  case interrupted(signal: UInt8)
  /// The program could not be started, or the kernel or the tool failed.
  case failed(Failure)

  /// What the command exits with.
  public var exitCode: Int32 {
    switch self {
    case .exited(let code): Int32(code)
    case .signaled(let signal), .interrupted(let signal): 128 + Int32(signal)
    case .timedOut: 124
    case .failed: 125
    }
  }
}
