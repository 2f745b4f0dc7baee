// SPDX-License-Identifier: Apache-2.0
import SystemPackage

/// Shows how far something is, on a terminal and only if it takes longer than half a second.
public final class ProgressBar {
  private static let width = 40
  private static let patience = Duration.milliseconds(500)

  private let title: String
  private let isShown: Bool
  private let start = ContinuousClock.now
  private var drawnSteps = -1

  public init(_ title: String) {
    self.title = title
    isShown = isTerminal(.standardError)
  }

  /// Draws anew where that makes a difference; `fraction` goes from 0 to 1.
  public func update(_ fraction: Double) {
    guard isShown, ContinuousClock.now - start > Self.patience else { return }
    let steps = min(Self.width, max(0, Int(fraction * Double(Self.width))))
    guard steps != drawnSteps else { return }
    drawnSteps = steps
    let bar = String(repeating: "#", count: steps) + String(repeating: ".", count: Self.width - steps)
    write("\r\(title) [\(bar)]")
  }

  /// Removes the bar.
  public func finish() {
    if drawnSteps >= 0 { write("\r\u{1b}[K") }
  }

  private func write(_ text: String) {
    try? OpenFile.standardError.write(Array(text.utf8).span)
  }
}
