// SPDX-License-Identifier: Apache-2.0
import Machine

/// Pages of a file that are being read into frames of their own. They are not in the file's index before that is over,
/// and never if the file's content has changed there meanwhile.
final class PageRead: DiskTransfer {
  private let node: PagedNode
  /// The index of the first page.
  let first: UInt64
  /// Charged to the file.
  let frames: [Frame]
  /// What is being read is not the file's content any more.
  var isStale = false

  init(_ node: PagedNode, _ first: UInt64, _ frames: [Frame]) {
    self.node = node
    self.first = first
    self.frames = frames
  }

  func covers(_ index: UInt64) -> Bool { index >= first && index &- first < UInt64(frames.count) }

  override func ended() { node.readEnded(self) }
}
