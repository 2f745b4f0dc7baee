// SPDX-License-Identifier: Apache-2.0

/// The flags of `open`, and of `fcntl(F_GETFL)` (include/uapi/asm-generic/fcntl.h, x86-64).
struct OpenFlags: OptionSet {
  let rawValue: UInt32

  static let writeOnly = OpenFlags(rawValue: 0o1)
  static let readWrite = OpenFlags(rawValue: 0o2)
  static let create = OpenFlags(rawValue: 0o100)
  static let exclusive = OpenFlags(rawValue: 0o200)
  static let noControllingTerminal = OpenFlags(rawValue: 0o400)
  static let truncate = OpenFlags(rawValue: 0o1000)
  static let append = OpenFlags(rawValue: 0o2000)
  static let nonBlocking = OpenFlags(rawValue: 0o4000)
  static let dataSynchronous = OpenFlags(rawValue: 0o10000)
  static let signalDriven = OpenFlags(rawValue: 0o20000)
  static let direct = OpenFlags(rawValue: 0o40000)
  static let largeFile = OpenFlags(rawValue: 0o100000)
  static let directory = OpenFlags(rawValue: 0o200000)
  static let noFollow = OpenFlags(rawValue: 0o400000)
  static let noAccessTime = OpenFlags(rawValue: 0o1000000)
  static let closeOnExec = OpenFlags(rawValue: 0o2000000)
  /// The bit that makes O_SYNC of O_DSYNC.
  static let synchronous = OpenFlags(rawValue: 0o4000000)
  static let pathOnly = OpenFlags(rawValue: 0o10000000)
  /// The bit that makes O_TMPFILE of O_DIRECTORY.
  static let temporary = OpenFlags(rawValue: 0o20000000)

  /// All that `open` knows.
  static let known = OpenFlags(rawValue: 0o37777703)
  /// What `fcntl(F_SETFL)` may change.
  static let changeable: OpenFlags = [.append, .nonBlocking, .direct, .noAccessTime, .signalDriven]

  @inline(__always) var isReadable: Bool { rawValue & 0o3 != 1 && rawValue & 0o3 != 3 && !contains(.pathOnly) }
  @inline(__always) var isWritable: Bool { (rawValue & 0o3 == 1 || rawValue & 0o3 == 2) && !contains(.pathOnly) }
}

/// What an `open` made: a file, a position in it, and flags. Descriptors that `dup` made share it; it is
/// closed when the last of them is.
final class OpenFile {
  /// The name under which it was opened.
  let location: Location
  /// The file: what `fstat` tells about.
  let node: Node
  /// What reads and writes go to; the file itself, except for FIFOs, generated files and the like.
  let content: Node
  /// In bytes; for a directory the cookie of the listing.
  var position: UInt64 = 0
  private(set) var flags: OpenFlags
  /// Its name as the owner of locks.
  let identity: UInt64
  /// The epoll instances that watch it, if there ever was one.
  var watches: FileWatches?

  private static var lastIdentity: UInt64 = 1

  /// Opens `location`, whose node exists. `flags` without those that only concern the opening itself.
  init(_ location: Location, _ node: Node, _ flags: OpenFlags) throws(Errno) {
    Self.lastIdentity &+= 1
    identity = Self.lastIdentity
    self.location = location
    self.node = node
    self.flags = flags.subtracting([.create, .exclusive, .noControllingTerminal, .truncate, .closeOnExec])
    content = flags.contains(.pathOnly) || node.opensItself ? node : try node.opened(flags)
  }

  deinit {
    if FileNotifications.areUsed && !flags.contains(.pathOnly) {
      FileNotifications.note(flags.isWritable ? .closeWritable : .closeOther, self)
    }
    if let watches { watches.fileIsClosed() }
    if FileLocks.areUsed, let locks = node.locks { locks.releaseAll(ofFile: identity) }
    if content.isToldOfClosing && !flags.contains(.pathOnly) { content.closed(flags) }
  }

  /// What its descriptors are known to be like.
  var traits: DescriptorTraits {
    if flags.contains(.pathOnly) { return [.open, .pathOnly] }
    let shortcuts = content.shortcuts
    if shortcuts.isEmpty { return .open }
    var result: DescriptorTraits = .open
    if isReadable { result.formUnion(shortcuts.intersection([.readsNothing, .readsZeros])) }
    if isWritable { result.formUnion(shortcuts.intersection(.discardsWrites)) }
    return result
  }

  var isReadable: Bool { flags.isReadable }
  var isWritable: Bool { flags.isWritable }

  @inline(__always) var mayWait: Bool { !flags.contains(.nonBlocking) }

  /// `fcntl(F_SETFL)`.
  func setChangeable(_ new: OpenFlags) {
    flags = flags.subtracting(.changeable).union(new.intersection(.changeable))
  }

  /// The node, if it may be read.
  @inline(__always)
  func readable() throws(Errno) -> Node {
    guard flags.isReadable else { throw .EBADF }
    return content
  }

  /// The node, if it may be written.
  @inline(__always)
  func writable() throws(Errno) -> Node {
    guard flags.isWritable else { throw .EBADF }
    return content
  }

  /// Reads from the position, and moves it.
  @inline(__always)
  func read(to address: UInt64, count: Int) throws(Errno) -> Int {
    let node = try readable()
    let done = try lookingAgain { () throws(Errno) in
      try node.read(at: position, to: address, count: count, mayWait: mayWait)
    }
    if node.isSeekable { position &+= UInt64(done) }
    if done > 0 { FileNotifications.note(.access, self) }
    return done
  }

  /// Writes at the position, or at the end with O_APPEND, and moves the position.
  @inline(__always)
  func write(from address: UInt64, count: Int) throws(Errno) -> Int {
    let node = try writable()
    if flags.contains(.append) && node.isSeekable { position = node.attributes.size }
    let done = try node.write(at: position, from: address, count: count, mayWait: mayWait)
    if node.isSeekable { position &+= UInt64(done) }
    if done > 0 { FileNotifications.note(.modify, self) }
    try finishWriting(node)
    return done
  }

  /// Writes at an offset; the position stays. With O_APPEND at the end all the same, as Linux has it.
  func write(at offset: UInt64, from address: UInt64, count: Int, append: Bool = false) throws(Errno) -> Int {
    let node = try writable()
    let target = append || flags.contains(.append) ? node.attributes.size : offset
    let done = try node.write(at: target, from: address, count: count, mayWait: mayWait)
    if done > 0 { FileNotifications.note(.modify, self) }
    try finishWriting(node)
    return done
  }

  /// O_SYNC and O_DSYNC.
  @inline(__always)
  func finishWriting(_ node: Node) throws(Errno) {
    if flags.contains(.dataSynchronous) && node.attributes.isRegular {
      try node.synchronize(dataOnly: !flags.contains(.synchronous))
    }
  }
}
