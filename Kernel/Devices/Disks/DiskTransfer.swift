// SPDX-License-Identifier: Apache-2.0
import Machine

/// Several requests to a disk, of which somebody wants to know the end of all.
class DiskTransfer {
  /// One request of it.
  final class Part: DiskRequest {
    private let transfer: DiskTransfer

    init(_ kind: Kind, at offset: UInt64, of transfer: DiskTransfer) {
      self.transfer = transfer
      transfer.underWay &+= 1
      super.init(kind, at: offset)
    }

    override func ended() { transfer.partEnded(state == .done) }
  }

  /// Parts that have not ended, and 1 until all are there.
  private final var underWay = 1
  private final var hasFailed = false
  private final let waiters = WaitQueue()

  final var isOver: Bool { underWay == 0 }
  /// Whether all of it was done.
  final var hasSucceeded: Bool { isOver && !hasFailed }

  /// Something failed that was not a part.
  final func fail() { hasFailed = true }

  /// No more parts will come.
  final func isComplete() { partEnded(true) }

  private final func partEnded(_ succeeded: Bool) {
    if !succeeded { hasFailed = true }
    underWay &-= 1
    guard underWay == 0 else { return }
    ended()
    waiters.wake()
  }

  /// What is to be done at the end, on whatever thread, with the kernel's lock.
  func ended() {}

  /// Waits for the end while others run.
  final func wait() { Wait.patiently(waiters) { isOver } }
}
