// SPDX-License-Identifier: Apache-2.0
public import SystemPackage

/// Names for the places in the kernel that its reports mention as `kernel+0x1a2b`.
public struct KernelSymbols: Sendable {
  private let debugFile: FilePath

  /// `debugFile` is the kernel before its symbols were stripped; it is opened only when a report asks for it.
  public init(debugFile: FilePath) {
    self.debugFile = debugFile
  }

  /// `text`, with ` (symbol+0x…)` after each place that has a name.
  func annotate(_ text: String) -> String {
    text
  }
}
