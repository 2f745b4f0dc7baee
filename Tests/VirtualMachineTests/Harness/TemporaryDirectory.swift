// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage

/// Calls `body` with a new, empty directory, which is removed afterwards with all that is in it.
///
/// It lies below `.build`, so that even tests that are killed leave nothing anywhere else.
func withTemporaryDirectory<Result>(_ body: (FilePath) async throws -> Result) async throws -> Result {
  let directory = Repository.products.appending("test-temporary/\(UUID().uuidString)")
  try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: directory.string) }
  return try await body(directory)
}

extension FilePath {
  /// Writes a file here, making the directories above it.
  func write(_ content: some Sequence<UInt8>, mode: Int = 0o644) throws {
    try FileManager.default.createDirectory(
      atPath: removingLastComponent().string, withIntermediateDirectories: true)
    try Data(content).write(to: URL(filePath: string))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: string)
  }
}
