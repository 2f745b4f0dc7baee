// SPDX-License-Identifier: Apache-2.0
import Machine

/// Something that a disk is to do, and how it ended.
class DiskRequest {
  /// The values are those of virtio (1.2 §5.2.6).
  enum Kind: UInt64 {
    case read = 0
    case write = 1
    case flush = 4
    case discard = 11
  }
  enum State {
    /// Not given to a disk.
    case idle
    /// The disk has it, or will have it when there is room.
    case underWay
    case done
    case failed
  }

  final private(set) var kind: Kind
  /// In bytes; a multiple of 512.
  final private(set) var offset: UInt64
  /// Where the data is. It stays there until the request has ended.
  final private(set) var pieces: [MemoryPiece] = []
  /// Bytes of data, or bytes to discard.
  final private(set) var count = 0
  final private(set) var state = State.idle

  init(_ kind: Kind, at offset: UInt64) {
    self.kind = kind
    self.offset = offset
  }

  /// `count` bytes that nobody needs any more.
  init(discarding offset: UInt64, count: Int) {
    kind = .discard
    self.offset = offset
    self.count = count
  }

  /// Adds a piece of memory behind those that are there.
  final func add(_ piece: MemoryPiece) {
    pieces.append(piece)
    count &+= piece.count
  }

  /// Makes a request that has ended another one, with no memory yet.
  final func reuse(_ kind: Kind, at offset: UInt64) {
    self.kind = kind
    self.offset = offset
    count = 0
    pieces.removeAll(keepingCapacity: true)
    state = .idle
  }

  /// The disk takes it.
  final func begin() { state = .underWay }

  /// Called by the disk, once, with the kernel's lock.
  final func end(_ succeeded: Bool) {
    state = succeeded ? .done : .failed
    ended()
  }

  /// What is to happen as soon as it has ended, on whatever thread.
  func ended() {}
}
