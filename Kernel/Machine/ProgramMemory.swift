// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// The program's memory as the kernel may touch it: every access can fail, none can harm the kernel.
///
/// An address range is refused if it leaves the 47 bits or reaches into the kernel's window; a page that
/// is not mapped is faulted in as if the program itself had touched it; what then still fails is `false`
/// or nil, which callers turn into EFAULT. Writes respect the page's permission (CR0.WP).
public enum ProgramMemory {
  /// Whether `count` bytes from `address` are all the program's to name.
  @inlinable @inline(__always)
  public static func isRange(_ address: UInt64, _ count: UInt64) -> Bool {
    let (end, overflow) = address.addingReportingOverflow(count)
    guard !overflow, end <= 0x8000_0000_0000 else { return false }
    return end <= 0x4000_0000_0000 || address >= 0x5000_0000_0000
  }

  /// `isRange`, quickly for a few bytes (at most a page): one comparison for addresses above the kernel's window, where
  /// stacks and mappings are, and a second for those below.
  @inlinable @inline(__always)
  public static func isPlace(_ address: UInt64, _ count: UInt64) -> Bool {
    if count <= 4096 && (address &- 0x5000_0000_0000 < 0x2fff_ffff_f000 || address < 0x3fff_ffff_f000) { return true }
    return isRangeSlowly(address, count)
  }

  @usableFromInline @inline(never)
  static func isRangeSlowly(_ address: UInt64, _ count: UInt64) -> Bool { isRange(address, count) }

  /// Fills `destination` from the program's memory.
  public static func read(from address: UInt64, into destination: inout MutableSpan<UInt8>) -> Bool {
    let count = destination.count
    guard isRange(address, UInt64(count)) else { return false }
    return destination.withUnsafeMutableBufferPointer { buffer in
      count == 0 || program_copy(UInt64(UInt(bitPattern: buffer.baseAddress)), address, UInt64(count)) == 0
    }
  }

  /// Copies all of `source` to the program's memory.
  public static func write(_ source: Span<UInt8>, to address: UInt64) -> Bool {
    let count = source.count
    guard isRange(address, UInt64(count)) else { return false }
    return source.withUnsafeBufferPointer { buffer in
      count == 0 || program_copy(address, UInt64(UInt(bitPattern: buffer.baseAddress)), UInt64(count)) == 0
    }
  }

  /// `count` bytes of the program's memory, or nil. The caller bounds `count`.
  public static func bytes(at address: UInt64, count: Int) -> [UInt8]? {
    guard count >= 0, isRange(address, UInt64(count)) else { return nil }
    if count == 0 { return [] }
    // Not cleared first: what was not copied is not part of the array.
    let result = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
      let failed = program_copy(UInt64(UInt(bitPattern: target.baseAddress)), address, UInt64(count))
      initialized = failed == 0 ? count : 0
    }
    return result.count == count ? result : nil
  }

  /// A value of a type without pointers.
  public static func load<Value: BitwiseCopyable>(_ type: Value.Type, at address: UInt64) -> Value? {
    guard isPlace(address, UInt64(MemoryLayout<Value>.size)) else { return nil }
    return withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { buffer in
      guard
        program_copy(UInt64(UInt(bitPattern: buffer.baseAddress)), address, UInt64(MemoryLayout<Value>.size)) == 0
      else { return nil }
      return buffer[0]
    }
  }

  /// Calls `body` with a value of a type without pointers; for large ones, which `load` would copy. False if
  /// it cannot be read.
  @inline(__always)
  public static func withLoaded<Value: BitwiseCopyable>(
    _ type: Value.Type, at address: UInt64, _ body: (inout Value) -> Bool
  ) -> Bool {
    guard isPlace(address, UInt64(MemoryLayout<Value>.size)) else { return false }
    return withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { buffer in
      let start = UInt64(UInt(bitPattern: buffer.baseAddress))
      return program_copy(start, address, UInt64(MemoryLayout<Value>.size)) == 0 && body(&buffer[0])
    }
  }

  /// Stores a value of a type without pointers. The caller has no padding in it that holds kernel data.
  public static func store<Value: BitwiseCopyable>(_ value: Value, at address: UInt64) -> Bool {
    guard isPlace(address, UInt64(MemoryLayout<Value>.size)) else { return false }
    return withUnsafePointer(to: value) {
      program_copy(address, UInt64(UInt(bitPattern: $0)), UInt64(MemoryLayout<Value>.size)) == 0
    }
  }

  /// One word; cheaper than `load`.
  @inline(__always)
  public static func loadWord(at address: UInt64) -> UInt64? {
    guard isPlace(address, 8) else { return nil }
    let loaded = program_load(address)
    return loaded.failed == 0 ? loaded.value : nil
  }

  /// Half a word; cheaper than `load`.
  @inline(__always)
  public static func loadHalfWord(at address: UInt64) -> UInt32? {
    guard isPlace(address, 4) else { return nil }
    let loaded = program_load_half(address)
    return loaded.failed == 0 ? UInt32(truncatingIfNeeded: loaded.value) : nil
  }

  /// One word; cheaper than `store`.
  @inline(__always)
  public static func storeWord(_ value: UInt64, at address: UInt64) -> Bool {
    isPlace(address, 8) && program_store(address, value) == 0
  }

  /// A `struct epoll_event`, which is packed: four bytes and eight.
  @inline(__always)
  public static func storeEvent(_ events: UInt32, _ data: UInt64, at address: UInt64) -> Bool {
    isPlace(address, 12) && program_store_event(address, events, data) == 0
  }

  /// Two words in a row; cheaper than `store`. If only the second cannot be stored, the first is.
  @inline(__always)
  public static func storePair(_ first: UInt64, _ second: UInt64, at address: UInt64) -> Bool {
    isPlace(address, 16) && program_store_pair(address, first, second) == 0
  }

  /// Stores `new` at `address` if `expected` stands there, in one step with regard to all threads. Returns what stood
  /// there; nil: it cannot be written.
  public static func compareExchange(_ expected: UInt32, with new: UInt32, at address: UInt64) -> UInt32? {
    guard isPlace(address, 4) else { return nil }
    var found: UInt32 = 0
    return program_compare_exchange(address, expected, new, &found) == 0 ? found : nil
  }

  /// Clears `count` bytes.
  public static func clear(_ address: UInt64, count: UInt64) -> Bool {
    isRange(address, count) && (count == 0 || program_zero(address, count) == 0)
  }

  /// Copies from a frame of the kernel's to the program.
  public static func copy(from frame: Frame, offset: Int, count: Int, to address: UInt64) -> Bool {
    precondition(offset >= 0 && count >= 0 && offset &+ count <= Frame.size)
    guard isPlace(address, UInt64(count)) else { return false }
    return count == 0 || program_copy(address, frame.address + UInt64(offset), UInt64(count)) == 0
  }

  /// Copies from the program to a frame of the kernel's.
  public static func copy(from address: UInt64, to frame: Frame, offset: Int, count: Int) -> Bool {
    precondition(offset >= 0 && count >= 0 && offset &+ count <= Frame.size)
    guard isPlace(address, UInt64(count)) else { return false }
    return count == 0 || program_copy(frame.address + UInt64(offset), address, UInt64(count)) == 0
  }

  /// What `string` found.
  public enum StringResult {
    case string([UInt8])
    case tooLong
    case fault
  }

  /// A string that ends with a zero byte (not returned) within `limit` bytes.
  public static func string(at address: UInt64, limit: Int) -> StringResult {
    guard isRange(address, 1) else { return .fault }
    // Not beyond what can be named: a string may end just before the edge.
    let edge: UInt64 = address < 0x4000_0000_0000 ? 0x4000_0000_0000 : 0x8000_0000_0000
    let reach = min(UInt64(limit), edge - address)
    // Nearly all strings are short: they are read straight into an array that is large enough for those.
    var result = StringResult.fault
    let short = min(reach, 88)
    let bytes = [UInt8](unsafeUninitializedCapacity: 88) { target, count in
      let length = program_string(UInt64(UInt(bitPattern: target.baseAddress)), address, short)
      count = length < short ? Int(length) : 0
      if length == short { result = .tooLong }
      if length < short { result = .string([]) }
    }
    switch result {
    case .string: return .string(bytes)
    case .tooLong where reach > short: return longString(at: address, reach: reach, limit: UInt64(limit))
    case .tooLong: return reach == UInt64(limit) ? .tooLong : .fault
    case .fault: return .fault
    }
  }

  @inline(never)
  private static func longString(at address: UInt64, reach: UInt64, limit: UInt64) -> StringResult {
    withUnsafeTemporaryAllocation(byteCount: Int(reach), alignment: 8) { buffer in
      let length = program_string(UInt64(UInt(bitPattern: buffer.baseAddress)), address, reach)
      if length == .max { return .fault }
      if length == reach { return reach == limit ? .tooLong : .fault }
      return .string(
        [UInt8](unsafeUninitializedCapacity: Int(length)) { target, count in
          UnsafeMutableRawBufferPointer(target).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: buffer[..<Int(length)]))
          count = Int(length)
        })
    }
  }

  /// What `readString` found: how long the string is.
  public enum StringOutcome {
    case length(Int)
    case tooLong, fault
  }

  /// Copies a string that ends with a zero byte, with that, to the start of `frame`. It must fit.
  public static func readString(at address: UInt64, into frame: Frame) -> StringOutcome {
    guard isRange(address, 1) else { return .fault }
    // Not beyond what can be named: a string may end just before the edge.
    let edge: UInt64 = address < 0x4000_0000_0000 ? 0x4000_0000_0000 : 0x8000_0000_0000
    let reach = min(UInt64(Frame.size), edge &- address)
    let length = program_string(frame.address, address, reach)
    if length == .max { return .fault }
    if length == reach { return reach == UInt64(Frame.size) ? .tooLong : .fault }
    return .length(Int(length))
  }

  /// Saves the program's vector registers in XSAVE's standard format at `address`, which is 64-byte
  /// aligned and has room for `Processor.vectorStateSize` bytes. False: that memory cannot be written.
  public static func saveVectorState(at address: UInt64) -> Bool {
    // XSAVE writes all of a component but only a part of the header, of which the rest must be zero.
    address & 63 == 0 && isRange(address, UInt64(Processor.vectorStateSize))
      && program_zero(address &+ 512, 64) == 0 && program_save_vectors(address, Processor.vectorStateMask) == 0
  }

  /// Loads the program's vector registers from what stands at `address`. False: it cannot be read, or the
  /// processor refuses it; the registers are then as they were.
  public static func restoreVectorState(from address: UInt64) -> Bool {
    address & 63 == 0 && isRange(address, UInt64(Processor.vectorStateSize))
      && program_restore_vectors(address, Processor.vectorStateMask) == 0
  }
}
