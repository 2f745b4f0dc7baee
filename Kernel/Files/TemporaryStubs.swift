// SPDX-License-Identifier: Apache-2.0
// TEMPORARY: what other branches bring. Delete each piece when the real one is merged.
import Machine

extension Wait {
  /// The same with a point in monotonic time; false if that came first.
  static func until(deadline: UInt64?, _ condition: () -> Bool) throws(Errno) -> Bool {
    guard let deadline else {
      try until(condition)
      return true
    }
    var isReady = condition()
    while !isReady && Clock.monotonicNanoseconds() < deadline { isReady = condition() }
    return isReady
  }
}
extension Identity {
  func isMember(of group: UInt32) -> Bool { false }
}
