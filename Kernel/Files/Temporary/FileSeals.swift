// SPDX-License-Identifier: Apache-2.0
import Collections

/// What may never again be done with a file in memory (F_ADD_SEALS of fcntl(2)).
struct FileSeals: OptionSet, BitwiseCopyable {
  let rawValue: UInt32
  /// No more seals.
  static let seal = FileSeals(rawValue: 1)
  static let shrink = FileSeals(rawValue: 2)
  static let grow = FileSeals(rawValue: 4)
  static let write = FileSeals(rawValue: 8)
  /// Written by no new means, though mappings that exist may.
  static let futureWrite = FileSeals(rawValue: 16)
  /// The permissions to execute stay as they are.
  static let execute = FileSeals(rawValue: 32)
  static let all: FileSeals = [.seal, .shrink, .grow, .write, .futureWrite, .execute]

  var forbidWriting: Bool { !isDisjoint(with: [.write, .futureWrite]) }
}

extension TemporaryNode {
  /// F_ADD_SEALS.
  func addSeals(_ new: FileSeals) throws(Errno) {
    if seals.contains(.seal) { throw .EPERM }
    var added = new
    // Who may be executed and stays so is not to change.
    if added.contains(.execute) && attributes.mode & 0o111 != 0 {
      added.formUnion([.shrink, .grow, .write, .futureWrite])
    }
    if added.contains(.write) && !seals.contains(.write) && addressSpace.mayBeWritten(self) { throw .EBUSY }
    seals.formUnion(added)
  }

  /// How many of `count` bytes may be written at `offset`; throws EPERM for none. As on Linux, what fits before the
  /// last page that would grow is written.
  func sealedCount(at offset: UInt64, _ count: Int) throws(Errno) -> Int {
    if count == 0 { return 0 }
    if seals.forbidWriting { throw .EPERM }
    guard seals.contains(.grow), offset.addingSaturating(UInt64(count)) > attributes.size else { return count }
    let end = attributes.size & ~4095
    guard offset < end else { throw .EPERM }
    return Int(end &- offset)
  }

  func checkSeals(resizingTo size: UInt64) throws(Errno) {
    if size < attributes.size && seals.contains(.shrink) { throw .EPERM }
    if size > attributes.size && seals.contains(.grow) { throw .EPERM }
  }

  /// For `fallocate`.
  func checkSeals(allocating mode: UInt32, to end: UInt64) throws(Errno) {
    if mode & FileAllocation.punchHole != 0 {
      if seals.forbidWriting { throw .EPERM }
    } else if end > attributes.size && seals.contains(.grow) {
      throw .EPERM
    }
  }
}

extension AddressSpace {
  /// Whether there is a mapping by which the file is, or could be, written.
  func mayBeWritten(_ node: Node) -> Bool {
    for entry in map.entries where entry.value.node === node && entry.value.isShared && entry.value.mayWrite {
      return true
    }
    return false
  }
}
