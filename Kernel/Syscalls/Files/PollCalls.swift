// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// When to stop waiting, from a relative time; nil waits for ever.
private func deadline(seconds: Int64, nanoseconds: Int64) throws(Errno) -> UInt64 {
  guard seconds >= 0, nanoseconds >= 0, nanoseconds < 1_000_000_000 else { throw .EINVAL }
  let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
  if overflow { return .max }
  let (sum, tooFar) = Clock.monotonicNanoseconds().addingReportingOverflow(product &+ UInt64(nanoseconds))
  return tooFar ? .max : sum
}

/// A `struct timespec` that says how long to wait; 0 is for ever.
func waitingDeadline(at address: UInt64) throws(Errno) -> UInt64? {
  if address == 0 { return nil }
  guard let seconds = ProgramMemory.loadWord(at: address), let nanoseconds = ProgramMemory.loadWord(at: address &+ 8)
  else { throw .EFAULT }
  return try deadline(seconds: Int64(bitPattern: seconds), nanoseconds: Int64(bitPattern: nanoseconds))
}

/// A C `int` that says how many milliseconds to wait; negative is for ever.
func waitingDeadline(milliseconds argument: UInt64) throws(Errno) -> UInt64? {
  let milliseconds = Int64(int(argument))
  if milliseconds < 0 { return nil }
  if milliseconds == 0 { return 0 }
  return try deadline(seconds: milliseconds / 1000, nanoseconds: milliseconds % 1000 * 1_000_000)
}

/// Writes what is left of the time back, as Linux does for `select`, `pselect6` and `ppoll`.
private func storeRemainder(_ deadline: UInt64?, at address: UInt64, unit: UInt64) {
  guard let deadline, deadline != .max else { return }
  let now = Clock.monotonicNanoseconds()
  let left = deadline > now ? deadline &- now : 0
  _ = ProgramMemory.storeWord(left / 1_000_000_000, at: address)
  _ = ProgramMemory.storeWord(left % 1_000_000_000 / unit, at: address &+ 8)
}

/// Waits for `isReady`, which depends on `files`. These calls are never restarted: a signal is EINTR even if nothing
/// handles it.
private func wait(for files: [OpenFile], _ deadline: UInt64?, _ isReady: () -> Bool) throws(Errno) {
  let thread = Thread.current!
  try reserveKernelMemory(bytes: files.count &* 64)
  for file in files { file.content.readinessQueue().add(thread) }
  defer { for file in files { file.content.readinessQueue().remove(thread) } }
  do throws(Errno) {
    _ = try Wait.untilWoken(deadline: deadline, isReady)
  } catch {
    throw error == .ERESTARTSYS ? .EINTR : error
  }
}

// MARK: poll

/// `struct pollfd`.
private struct PollEntry {
  let descriptor: Int32
  let wanted: UInt32
  let file: OpenFile?
  var found: UInt32 = 0

  init(_ word: UInt64) {
    descriptor = Int32(truncatingIfNeeded: word)
    wanted = UInt32(word >> 32 & 0xffff)
    file = descriptor < 0 ? nil : descriptors.any(word & 0xffff_ffff)
  }

  /// Asks the file; whether there is something to report.
  mutating func look() -> Bool {
    guard descriptor >= 0 else { return false }
    guard let file, !file.flags.contains(.pathOnly) else {
      found = Readiness.invalid.rawValue
      return true
    }
    let ready = file.content.readiness(through: file.flags)
    let unasked: Readiness = [.error, .hangUp, .invalid]
    found = ready.rawValue & (wanted | unasked.rawValue)
    return found != 0
  }
}

private func poll(_ address: UInt64, _ count: UInt64, _ deadline: UInt64?) throws(Errno) -> UInt64 {
  let count = count & 0xffff_ffff
  guard count <= max(limits.files, 4096), count <= 65536 else { throw .EINVAL }
  try reserveKernelMemory(bytes: Int(count) &* MemoryLayout<PollEntry>.stride)
  var entries: [PollEntry] = []
  entries.reserveCapacity(Int(count))
  for index in 0..<count {
    guard let word = ProgramMemory.loadWord(at: address &+ index &* 8) else { throw .EFAULT }
    entries.append(PollEntry(word))
  }
  var ready: UInt64 = 0
  func look() -> Bool {
    ready = 0
    for index in entries.indices where entries[index].look() { ready &+= 1 }
    return ready > 0
  }
  if !look() && deadline != 0 { try wait(for: entries.compactMap { $0.file }, deadline, look) }
  for (index, entry) in entries.enumerated() {
    let stored = ProgramMemory.store(
      UInt16(truncatingIfNeeded: entry.found), at: address &+ UInt64(index) &* 8 &+ 6)
    if !stored { throw .EFAULT }
  }
  return ready
}

func sysPoll(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try poll(call.first, call.second, waitingDeadline(milliseconds: call.third))
}

func sysPpoll(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let limit = try waitingDeadline(at: call.third)
  try replaceSignalMask(call.fourth, size: call.fifth)
  defer { if call.third != 0 { storeRemainder(limit, at: call.third, unit: 1) } }
  return try poll(call.first, call.second, limit)
}

// MARK: select

/// What `select` asks for and answers: three sets of descriptors.
private struct DescriptorSets {
  let count: Int
  var reading: [UInt64]
  var writing: [UInt64]
  var exceptional: [UInt64]

  init(_ count: Int, _ reading: UInt64, _ writing: UInt64, _ exceptional: UInt64) throws(Errno) {
    self.count = count
    self.reading = try Self.load(reading, count)
    self.writing = try Self.load(writing, count)
    self.exceptional = try Self.load(exceptional, count)
  }

  private static func load(_ address: UInt64, _ count: Int) throws(Errno) -> [UInt64] {
    try reserveKernelMemory(bytes: count / 8)
    var words = [UInt64](repeating: 0, count: (count + 63) / 64)
    if address == 0 { return words }
    for index in words.indices {
      guard let word = ProgramMemory.loadWord(at: address &+ UInt64(index) &* 8) else { throw .EFAULT }
      words[index] = word
    }
    // Bits behind the count are nobody's.
    if count & 63 != 0 { words[words.count - 1] &= 1 << UInt64(count & 63) &- 1 }
    return words
  }

  func contains(_ set: [UInt64], _ descriptor: Int) -> Bool {
    set[descriptor >> 6] >> UInt64(descriptor & 63) & 1 != 0
  }

  func isWanted(_ descriptor: Int) -> Bool {
    contains(reading, descriptor) || contains(writing, descriptor) || contains(exceptional, descriptor)
  }

  /// All that it asks for.
  func files() throws(Errno) -> [OpenFile] {
    var result: [OpenFile] = []
    for descriptor in 0..<count where isWanted(descriptor) {
      result.append(try descriptors.file(UInt64(descriptor)))
    }
    return result
  }

  /// What of it is ready, and how many bits that are.
  func ready() throws(Errno) -> (sets: DescriptorSets, count: UInt64) {
    var result = self
    var bits: UInt64 = 0
    for descriptor in 0..<count where isWanted(descriptor) {
      let file = try descriptors.file(UInt64(descriptor))
      let found = file.content.readiness(through: file.flags)
      let mask = ~(UInt64(1) << UInt64(descriptor & 63))
      let word = descriptor >> 6
      func keep(_ set: inout [UInt64], _ isReady: Bool) {
        guard set[word] & ~mask != 0 else { return }
        if isReady { bits &+= 1 } else { set[word] &= mask }
      }
      keep(&result.reading, !found.isDisjoint(with: [.readable, .hangUp, .error]))
      keep(&result.writing, !found.isDisjoint(with: [.writable, .error]))
      keep(&result.exceptional, found.contains(.urgent))
    }
    return (result, bits)
  }

  func store(_ reading: UInt64, _ writing: UInt64, _ exceptional: UInt64) throws(Errno) {
    for index in self.reading.indices {
      let offset = UInt64(index) &* 8
      if reading != 0 { try check(ProgramMemory.storeWord(self.reading[index], at: reading &+ offset)) }
      if writing != 0 { try check(ProgramMemory.storeWord(self.writing[index], at: writing &+ offset)) }
      if exceptional != 0 { try check(ProgramMemory.storeWord(self.exceptional[index], at: exceptional &+ offset)) }
    }
  }
}

private func select(_ call: TrapFrame, _ deadline: UInt64?) throws(Errno) -> UInt64 {
  let given = int(call.first)
  guard given >= 0 else { throw .EINVAL }
  // Descriptors beyond the table are not looked at, as on Linux.
  let count = min(Int(given), max(descriptors.end, 64))
  let wanted = try DescriptorSets(count, call.second, call.third, call.fourth)
  var (sets, bits) = try wanted.ready()
  if bits == 0 && deadline != 0 {
    try wait(for: try wanted.files(), deadline) {
      // Another thread may close a descriptor meanwhile; Linux does not tell either.
      guard let now = try? wanted.ready() else { return true }
      (sets, bits) = now
      return bits > 0
    }
  }
  try sets.store(call.second, call.third, call.fourth)
  return bits
}

func sysSelect(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  var limit: UInt64?
  if call.fifth != 0 {
    guard let seconds = ProgramMemory.loadWord(at: call.fifth),
      let microseconds = ProgramMemory.loadWord(at: call.fifth &+ 8)
    else { throw .EFAULT }
    // Microseconds of more than a second are carried over.
    let rest = Int64(bitPattern: microseconds)
    let (total, overflow) = Int64(bitPattern: seconds).addingReportingOverflow(rest / 1_000_000)
    guard rest >= 0, Int64(bitPattern: seconds) >= 0 else { throw .EINVAL }
    limit = overflow ? .max : try deadline(seconds: total, nanoseconds: rest % 1_000_000 * 1000)
  }
  defer { if call.fifth != 0 { storeRemainder(limit, at: call.fifth, unit: 1000) } }
  return try select(call, limit)
}

/// The sixth argument points to a pair: a signal mask and its size.
func sysPselect6(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let limit = try waitingDeadline(at: call.fifth)
  if call.sixth != 0 {
    guard let mask = ProgramMemory.loadWord(at: call.sixth), let size = ProgramMemory.loadWord(at: call.sixth &+ 8)
    else { throw .EFAULT }
    try replaceSignalMask(mask, size: size)
  }
  defer { if call.fifth != 0 { storeRemainder(limit, at: call.fifth, unit: 1) } }
  return try select(call, limit)
}
