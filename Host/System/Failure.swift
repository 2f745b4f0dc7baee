// SPDX-License-Identifier: Apache-2.0
public import SystemPackage

/// Why the tool cannot go on: one sentence for a person, which says what is wrong and, where that helps, what to do.
public struct Failure: Error, Equatable, CustomStringConvertible, Sendable {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }

  /// "cannot `action` `path`: `reason`", with the operating system's own words for the reason.
  public init(_ action: String, _ path: FilePath, _ reason: Errno) {
    description = "cannot \(action) \(path): \(reason)"
  }
}
