// SPDX-License-Identifier: Apache-2.0

/// What is known of a descriptor without touching its file.
struct DescriptorTraits: OptionSet {
  let rawValue: UInt8
  static let open = DescriptorTraits(rawValue: 1)
  static let closeOnExec = DescriptorTraits(rawValue: 2)
  /// Writing succeeds and does nothing: `/dev/null`, `/dev/zero`.
  static let discardsWrites = DescriptorTraits(rawValue: 4)
  /// Reading finds the end: `/dev/null`.
  static let readsNothing = DescriptorTraits(rawValue: 8)
  /// Reading gives zeros: `/dev/zero`.
  static let readsZeros = DescriptorTraits(rawValue: 16)
  /// Opened with O_PATH.
  static let pathOnly = DescriptorTraits(rawValue: 32)
}

/// The program's descriptors.
var descriptors = DescriptorTable()

/// Numbers to open files. The traits stand in an array of bytes of their own: the shortest paths of
/// `read` and `write` end there and never touch an object's reference count.
struct DescriptorTable {
  private var traits: [DescriptorTraits] = []
  /// In chunks, so that no array needs more than one block of the kernel's heap.
  private var chunks: [[OpenFile?]] = []
  /// No lower number is free.
  private var lowestFree = 0
  private(set) var count = 0

  private static var chunkSize: Int { 512 }
  /// `/proc/sys/fs/nr_open`.
  static var greatestLimit: Int { 1_048_576 }

  /// No number reaches this: RLIMIT_NOFILE, at most `greatestLimit`.
  @inline(__always) var limit: Int { Int(min(limits.files, UInt64(Self.greatestLimit))) }

  /// One more than the highest number ever used.
  var end: Int { traits.count }

  /// The traits of a descriptor as the program gave it; none if it is not open.
  @inline(__always)
  func traits(of argument: UInt64) -> DescriptorTraits {
    let number = Int(truncatingIfNeeded: argument & 0xffff_ffff)
    return number < traits.count ? traits[number] : []
  }

  /// The open file, also one opened with O_PATH; nil if there is none.
  @inline(__always)
  func any(_ argument: UInt64) -> OpenFile? {
    let number = Int(truncatingIfNeeded: argument & 0xffff_ffff)
    guard number < traits.count else { return nil }
    return chunks[number / Self.chunkSize][number % Self.chunkSize]
  }

  /// The open file, also one opened with O_PATH.
  @inline(__always)
  func anyFile(_ argument: UInt64) throws(Errno) -> OpenFile {
    guard let file = any(argument) else { throw .EBADF }
    return file
  }

  /// The open file for a call that does something with its content: not with O_PATH.
  @inline(__always)
  func file(_ argument: UInt64) throws(Errno) -> OpenFile {
    guard let file = any(argument), !traits(of: argument).contains(.pathOnly) else { throw .EBADF }
    return file
  }

  /// The same for a C `int`.
  func file(_ number: Int32) throws(Errno) -> OpenFile { try file(UInt64(UInt32(bitPattern: number))) }

  /// Throws EMFILE if no number is left. Asked before a file is opened, so that nothing is created in vain.
  @inline(__always)
  func checkRoom() throws(Errno) {
    if count >= limit { throw .EMFILE }
  }

  /// Gives the file the lowest free number that is at least `minimum`.
  mutating func install(_ file: OpenFile, closeOnExec: Bool, from minimum: Int = 0) throws(Errno) -> UInt64 {
    var number = max(minimum, lowestFree)
    while number < traits.count && traits[number].contains(.open) { number &+= 1 }
    guard number < limit else { throw .EMFILE }
    grow(to: number)
    put(file, number, closeOnExec)
    if minimum <= lowestFree { lowestFree = number &+ 1 }
    return UInt64(number)
  }

  /// Gives the file this very number; what had it is closed. For `dup2`.
  mutating func replace(_ number: Int, with file: OpenFile, closeOnExec: Bool) throws(Errno) {
    guard number >= 0, number < limit else { throw .EBADF }
    grow(to: number)
    let old = chunks[number / Self.chunkSize][number % Self.chunkSize]
    if old != nil { count &-= 1 }
    put(file, number, closeOnExec)
    if let old { released(old) }
  }

  /// Frees a number. The file is closed if no other number and nobody else has it.
  mutating func close(_ argument: UInt64) throws(Errno) {
    let number = Int(truncatingIfNeeded: argument & 0xffff_ffff)
    guard number < traits.count, let file = chunks[number / Self.chunkSize][number % Self.chunkSize] else {
      throw .EBADF
    }
    chunks[number / Self.chunkSize][number % Self.chunkSize] = nil
    traits[number] = []
    count &-= 1
    if number < lowestFree { lowestFree = number }
    released(file)
  }

  /// Closing any descriptor of a file gives up the process's record locks on it (fcntl(2)).
  @inline(__always)
  private func released(_ file: OpenFile) {
    if let locks = file.node.locks { locks.releaseAll(ofFile: FileLocks.process) }
  }

  private mutating func grow(to number: Int) {
    while traits.count <= number {
      traits.append(contentsOf: [DescriptorTraits](repeating: [], count: Self.chunkSize))
      chunks.append([OpenFile?](repeating: nil, count: Self.chunkSize))
    }
  }

  private mutating func put(_ file: OpenFile, _ number: Int, _ closeOnExec: Bool) {
    var new: DescriptorTraits = .open
    if closeOnExec { new.insert(.closeOnExec) }
    if file.flags.contains(.pathOnly) {
      new.insert(.pathOnly)
    } else {
      let shortcuts = file.content.shortcuts
      if file.flags.isReadable { new.formUnion(shortcuts.intersection([.readsNothing, .readsZeros])) }
      if file.flags.isWritable { new.formUnion(shortcuts.intersection(.discardsWrites)) }
    }
    traits[number] = new
    chunks[number / Self.chunkSize][number % Self.chunkSize] = file
    count &+= 1
  }

  func isCloseOnExec(_ argument: UInt64) -> Bool { traits(of: argument).contains(.closeOnExec) }

  /// For a number that is open.
  mutating func setCloseOnExec(_ argument: UInt64, _ value: Bool) {
    let number = Int(truncatingIfNeeded: argument & 0xffff_ffff)
    guard number < traits.count, traits[number].contains(.open) else { return }
    if value { traits[number].insert(.closeOnExec) } else { traits[number].remove(.closeOnExec) }
  }

  /// The next open number at or after `start`.
  func next(from start: Int) -> Int? {
    var number = start
    while number < traits.count {
      if traits[number].contains(.open) { return number }
      number &+= 1
    }
    return nil
  }

  /// What `execve` does with descriptors.
  mutating func closeOnExec() {
    var number = next(from: 0)
    while let open = number {
      if traits[open].contains(.closeOnExec) { try? close(UInt64(open)) }
      number = next(from: open &+ 1)
    }
  }
}
