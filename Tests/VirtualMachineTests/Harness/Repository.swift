// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage

/// A reason why a test cannot go on, in one sentence.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Where things are in this repository.
enum Repository {
  static let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    .removingLastComponent()
  static let programs = root.appending("Tests/Programs")
  static let products = root.appending(".build/vorteil")

  /// The command under test.
  static var tool: FilePath {
    get throws {
      let tool = products.appending("vorteil")
      guard FileManager.default.isExecutableFile(atPath: tool.string) else {
        throw Failure("\(tool) is missing: run ./test, which builds the kernel and the tool before the tests")
      }
      return tool
    }
  }

  static func text(_ path: String) throws -> String {
    try String(contentsOfFile: programs.appending(path).string, encoding: .utf8)
  }
}

/// Whether the tests that take long run, too.
let runsLongTests = ProcessInfo.processInfo.environment["VORTEIL_LONG"] == "1"
