// SPDX-License-Identifier: Apache-2.0

/// The numbers of the one process: its own, its group's and its session's. It is process 1, as the first
/// program of a container is, and leads both.
enum ProcessGroup {
  static let process: Int32 = 1
  private(set) static var group: Int32 = 1
  private(set) static var session: Int32 = 1

  /// Whether `process` names this process; 0 does everywhere.
  static func isOwn(_ process: Int32) -> Bool { process == 0 || process == Self.process }
}
