// SPDX-License-Identifier: Apache-2.0
// Stands in for what the signals branch brings; to be removed when that is merged.

enum Signals {
  private(set) static var last = 0
  /// Whether a signal wants to be delivered and so ends a wait.
  static var isInterrupting: Bool { last != 0 }
  /// Notes a signal for the program.
  static func post(_ number: Int) { last = number }
  /// The timer has expired.
  static func tick() {}
}
