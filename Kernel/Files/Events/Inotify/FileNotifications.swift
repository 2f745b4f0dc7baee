// SPDX-License-Identifier: Apache-2.0

/// Telling those who watch files what happened. As long as nobody watches any file, each place that would tell costs
/// the look at one flag; a file that nobody watches costs two looks more.
enum FileNotifications {
  /// Whether there ever was a watch.
  static var areUsed = false
  private static var lastCookie: UInt32 = 0

  /// Something happened through an open file.
  @inline(__always)
  static func note(_ event: FileEvents, _ file: OpenFile) {
    if areUsed { tell(event, file.node, file.location) }
  }

  /// Something happened to the file that is, or was, at `location`.
  @inline(__always)
  static func note(_ event: FileEvents, _ place: FoundFile) {
    if areUsed { tell(event, place.node, place.location) }
  }

  /// Something happened to a name in a directory: it came or went.
  @inline(__always)
  static func note(_ event: FileEvents, _ name: [UInt8], in directory: Node, isDirectory: Bool) {
    if areUsed { tellDirectory(event, name, directory, isDirectory) }
  }

  /// Something happened to a file whatever its name.
  @inline(__always)
  static func noteSelf(_ event: FileEvents, _ node: Node) {
    if areUsed { tellNode(event, node) }
  }

  /// A name was moved, and with it `node`.
  @inline(__always)
  static func noteMove(_ name: [UInt8], in old: Node, to newName: [UInt8], in new: Node, _ node: Node, over: Node?) {
    if areUsed { tellMove(name, old, newName, new, node, over) }
  }

  /// One who watches the directory is told with the name, one who watches the file without.
  @inline(never)
  private static func tell(_ event: FileEvents, _ node: Node, _ location: Location) {
    let full = node.isDirectory ? event.union(.isDirectory) : event
    if let marks = location.parent?.node?.watchMarks {
      for mark in marks { mark.tell(full, location.name, isUnlinked: location.isDetached) }
    }
    if let marks = node.watchMarks {
      for mark in marks { mark.tell(full) }
    }
  }

  @inline(never)
  private static func tellDirectory(
    _ event: FileEvents, _ name: [UInt8], _ directory: Node, _ isDirectory: Bool, cookie: UInt32 = 0
  ) {
    guard let marks = directory.watchMarks else { return }
    let full = isDirectory ? event.union(.isDirectory) : event
    for mark in marks { mark.tell(full, name, cookie: cookie) }
  }

  @inline(never)
  private static func tellNode(_ event: FileEvents, _ node: Node) {
    guard let marks = node.watchMarks else { return }
    for mark in marks { mark.tell(event) }
  }

  @inline(never)
  private static func tellMove(
    _ name: [UInt8], _ old: Node, _ newName: [UInt8], _ new: Node, _ node: Node, _ over: Node?
  ) {
    lastCookie &+= 1
    tellDirectory(.movedFrom, name, old, node.isDirectory, cookie: lastCookie)
    tellDirectory(.movedTo, newName, new, node.isDirectory, cookie: lastCookie)
    if let over { tellNode(.attributes, over) }
    tellNode(.moveSelf, node)
  }

  /// A file has lost its last name, and nobody holds it by that any more: it is watched no longer.
  @inline(never)
  static func isGone(_ node: Node) {
    guard let marks = node.watchMarks else { return }
    for mark in marks {
      mark.tell(.deleteSelf)
      mark.instance.remove(mark)
    }
  }
}

/// A file and the name by which it was found.
struct FoundFile {
  let node: Node
  let location: Location
}

extension Walk {
  /// Something that exists, with its name.
  func found() throws(Errno) -> FoundFile { FoundFile(node: try existing(), location: location) }
}

extension OpenFile {
  var found: FoundFile { FoundFile(node: node, location: location) }
}
