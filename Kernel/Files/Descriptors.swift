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

// The table's content stands in globals that the linker initialises: all others are guarded by the compiler
// at each use. An empty array would be one of those, so the arrays begin with something.

/// The traits of each descriptor, as bytes.
private var bytesOfTraits: [UInt8] = [0]
/// The files, in chunks, so that no array needs more than one block of the kernel's heap.
private var chunks: [[OpenFile?]]? = nil
/// No lower number is free.
private var lowestFree = 0
private var openCount = 0

/// Descriptors of one chunk.
private let chunkSize = 512

/// The program's descriptors.
let descriptors = DescriptorTable()

/// Numbers to open files. The traits stand in an array of bytes of their own: the shortest paths of
/// `read` and `write` end there and never touch an object's reference count.
struct DescriptorTable {
  /// Open descriptors.
  var count: Int { openCount }

  /// `/proc/sys/fs/nr_open`.
  static var greatestLimit: Int { 1_048_576 }

  /// No number reaches this: RLIMIT_NOFILE, at most `greatestLimit`.
  @inline(__always) var limit: Int { Int(min(limits.files, UInt64(Self.greatestLimit))) }

  /// One more than the highest number ever used.
  var end: Int { bytesOfTraits.count }

  @inline(__always)
  private func traits(_ number: Int) -> DescriptorTraits {
    number < bytesOfTraits.count ? DescriptorTraits(rawValue: bytesOfTraits[number]) : []
  }

  /// The traits of a descriptor as the program gave it; none if it is not open.
  @inline(__always)
  func traits(of argument: UInt64) -> DescriptorTraits { traits(Int(argument & 0xffff_ffff)) }

  // MARK: looking up

  /// The open file, also one opened with O_PATH; nil if there is none.
  @inline(__always)
  func any(_ argument: UInt64) -> OpenFile? {
    let number = Int(argument & 0xffff_ffff)
    guard traits(number).contains(.open), let chunks else { return nil }
    return chunks[number / chunkSize][number % chunkSize]
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
    guard !traits(of: argument).contains(.pathOnly), let file = any(argument) else { throw .EBADF }
    return file
  }

  /// The same for a C `int`.
  func file(_ number: Int32) throws(Errno) -> OpenFile { try file(UInt64(UInt32(bitPattern: number))) }

  /// The next open number at or after `start`.
  func next(from start: Int) -> Int? {
    var number = start
    while number < bytesOfTraits.count {
      if bytesOfTraits[number] != 0 { return number }
      number &+= 1
    }
    return nil
  }

  // MARK: opening

  /// Throws EMFILE if no number is left. Asked before a file is opened, so that nothing is created in vain.
  @inline(__always)
  func checkRoom() throws(Errno) {
    if openCount >= limit { throw .EMFILE }
  }

  /// Gives the file the lowest free number that is at least `minimum`.
  func install(_ file: OpenFile, closeOnExec: Bool, from minimum: Int = 0) throws(Errno) -> UInt64 {
    var number = max(minimum, lowestFree)
    while number < bytesOfTraits.count && bytesOfTraits[number] != 0 { number &+= 1 }
    guard number < limit else { throw .EMFILE }
    try put(file, number, closeOnExec)
    openCount &+= 1
    if minimum <= lowestFree { lowestFree = number &+ 1 }
    return UInt64(number)
  }

  /// Gives the file this very number; what had it is closed. For `dup2`.
  func replace(_ number: Int, with file: OpenFile, closeOnExec: Bool) throws(Errno) {
    guard number >= 0, number < limit else { throw .EBADF }
    let old = any(UInt64(number))
    try put(file, number, closeOnExec)
    if let old { released(old) } else { openCount &+= 1 }
  }

  @inline(__always)
  private func put(_ file: OpenFile, _ number: Int, _ closeOnExec: Bool) throws(Errno) {
    if number >= bytesOfTraits.count || chunks == nil { try grow(to: number) }
    bytesOfTraits[number] = file.traits.union(closeOnExec ? .closeOnExec : []).rawValue
    chunks![number / chunkSize][number % chunkSize] = file
  }

  @inline(never)
  private func grow(to number: Int) throws(Errno) {
    let needed = number / chunkSize &+ 1
    // The array of bytes doubles.
    try reserveKernelMemory(bytes: max(needed &* chunkSize, bytesOfTraits.count) &* 2)
    var files = chunks ?? []
    while files.count < needed {
      try reserveKernelMemory(bytes: chunkSize &* 8)
      files.append([OpenFile?](repeating: nil, count: chunkSize))
    }
    chunks = files
    let missing = needed &* chunkSize &- bytesOfTraits.count
    bytesOfTraits.append(contentsOf: [UInt8](repeating: 0, count: max(0, missing)))
  }

  // MARK: closing

  /// Frees a number. The file is closed if no other number and nobody else has it.
  func close(_ argument: UInt64) throws(Errno) {
    let number = Int(argument & 0xffff_ffff)
    guard traits(number).contains(.open) else { throw .EBADF }
    var file: OpenFile? = nil
    swap(&file, &chunks![number / chunkSize][number % chunkSize])
    bytesOfTraits[number] = 0
    openCount &-= 1
    if number < lowestFree { lowestFree = number }
    if FileLocks.areUsed, let file { released(file) }
  }

  /// Closing any descriptor of a file gives up the process's record locks on it (fcntl(2)).
  @inline(__always)
  private func released(_ file: OpenFile) {
    if let locks = file.node.locks { locks.releaseAll(ofFile: FileLocks.process) }
  }

  func isCloseOnExec(_ argument: UInt64) -> Bool { traits(of: argument).contains(.closeOnExec) }

  /// For a number that is open.
  func setCloseOnExec(_ argument: UInt64, _ value: Bool) {
    var new = traits(of: argument)
    guard new.contains(.open) else { return }
    if value { new.insert(.closeOnExec) } else { new.remove(.closeOnExec) }
    bytesOfTraits[Int(argument & 0xffff_ffff)] = new.rawValue
  }

  /// What `execve` does with descriptors.
  func closeOnExec() {
    var number = next(from: 0)
    while let open = number {
      if traits(open).contains(.closeOnExec) { try? close(UInt64(open)) }
      number = next(from: open &+ 1)
    }
  }
}
