// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// One 4 KiB page of physical memory, by number (address / 4096).
///
/// A frame has a count of references: each page table entry that maps it holds one, and so does each
/// cache that keeps it. Whoever gets a frame from `PhysicalMemory` holds the first.
public struct Frame: Equatable, BitwiseCopyable {
  public let number: UInt32

  @inlinable public init(number: UInt32) { self.number = number }

  @inlinable public static var size: Int { 4096 }
  /// The physical address, for page tables and for devices.
  @inlinable public var physicalAddress: UInt64 { UInt64(number) &<< 12 }
  /// Where the frame stands in the direct map.
  @inline(__always) var address: UInt64 { DirectMap.address(of: physicalAddress) }
}

/// All of physical memory, writable, never executable, at a random base; without the kernel's image.
enum DirectMap {
  nonisolated(unsafe) static var base: UInt64 = 0
  @inline(__always) static func address(of physical: UInt64) -> UInt64 { base &+ physical }
  @inline(__always) static func physical(of address: UInt64) -> UInt64 { address &- base }
  @inline(__always) static func pointer(to physical: UInt64) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(bitPattern: UInt(base &+ physical)).unsafelyUnwrapped
  }
}

/// The allocator of frames: binary buddies (Knowlton 1965) up to 4 MiB, in front of which stands a list
/// of single frames, since nearly all requests are for one.
///
/// Memory is put under the buddies' rule one block of 4 MiB at a time, when it is first needed: booting
/// costs nothing for memory that nobody uses.
public enum PhysicalMemory {
  /// Blocks have 2^order frames; the largest is 4 MiB.
  static let maximumOrder = 10

  /// What is known about a frame; kept in one array indexed by frame number.
  struct Record {
    var references: UInt32
    var order: UInt8
    var state: State
    /// For the kernel heap: the size class of a slab.
    var sizeClass: UInt16
  }
  enum State: UInt8 {
    case unused = 0
    case freeBlock, allocated, slab, largeHeapBlock
  }
  /// The links of a free block, in its own first bytes.
  private struct Links {
    var next: UInt32
    var previous: UInt32
  }

  private static var records: UnsafeMutablePointer<Record>! = nil
  private static var freeLists = InlineArray<11, UInt32>(repeating: 0)
  private static var singles: UInt32 = 0
  private static var singleCount = 0
  /// So many single frames (8 MiB) are kept at hand: what a program gives back it soon wants again.
  private static let maximumSingles = 2048
  /// Ranges of frames that no allocation has reached yet.
  private static var untouched = InlineArray<16, Range<UInt32>>(repeating: 0..<0)
  private static var untouchedCount = 0
  /// What `add` was told, for `isMemory`.
  private static var memory = InlineArray<16, Range<UInt32>>(repeating: 0..<0)
  /// Frames of memory that the machine has for the kernel's and the program's use.
  public private(set) static var total = 0
  /// The number after the last frame.
  private(set) static var end: UInt32 = 0

  /// Frames that nobody uses.
  public private(set) static var available = 0

  // MARK: setting up

  /// Notes a range of usable memory, page aligned. Called before `start`.
  static func add(_ range: Range<UInt32>) {
    guard !range.isEmpty else { return }
    guard untouchedCount < 16 else { return }
    untouched[untouchedCount] = range
    memory[untouchedCount] = range
    untouchedCount += 1
    total += range.count
    available += range.count
    end = max(end, range.upperBound)
  }

  /// Whether any of the bytes is usable memory or the kernel's image: no device's registers stand there.
  static func isMemory(_ range: Range<UInt64>) -> Bool {
    if range.lowerBound < 0x10_0000 + (tables_end() - image_start()) { return true }
    for index in 0..<untouchedCount
    where range.lowerBound >> 12 < UInt64(memory[index].upperBound)
      && (range.upperBound - 1) >> 12 >= UInt64(memory[index].lowerBound)
    {
      return true
    }
    return false
  }

  /// Places the array of records into usable memory. The direct map must reach it.
  static func start() {
    let bytes = UInt64(end) * UInt64(MemoryLayout<Record>.stride)
    let needed = UInt32((bytes + 4095) / 4096)
    for index in 0..<untouchedCount where untouched[index].count >= Int(needed) {
      let first = untouched[index].lowerBound
      untouched[index] = (first + needed)..<untouched[index].upperBound
      available -= Int(needed)
      records = DirectMap.pointer(to: UInt64(first) << 12).assumingMemoryBound(to: Record.self)
      clearEdges()
      return
    }
    Serial.write("vorteil: too little memory to start\n")
    Processor.reset()
  }

  /// Clears the records of the blocks in which a range begins or ends, since a block's buddies may lie in
  /// the part of it that is no memory, or in another range's. All other blocks are cleared by `extend`.
  private static func clearEdges() {
    let mask = ~(UInt32(1) << UInt32(maximumOrder) - 1)
    for index in 0..<untouchedCount where !untouched[index].isEmpty {
      clearRecords(of: untouched[index].lowerBound & mask)
      clearRecords(of: (untouched[index].upperBound - 1) & mask)
    }
  }

  @inline(__always) static func record(_ number: UInt32) -> UnsafeMutablePointer<Record> { records + Int(number) }
  @inline(__always) private static func links(_ number: UInt32) -> UnsafeMutablePointer<Links> {
    DirectMap.pointer(to: UInt64(number) << 12).assumingMemoryBound(to: Links.self)
  }

  // MARK: buddies

  private static func push(_ number: UInt32, _ order: Int) {
    record(number).pointee = Record(references: 0, order: UInt8(order), state: .freeBlock, sizeClass: 0)
    let head = freeLists[order]
    links(number).pointee = Links(next: head, previous: 0)
    if head != 0 { links(head).pointee.previous = number }
    freeLists[order] = number
  }

  private static func remove(_ number: UInt32, _ order: Int) {
    let own = links(number).pointee
    if own.previous != 0 { links(own.previous).pointee.next = own.next } else { freeLists[order] = own.next }
    if own.next != 0 { links(own.next).pointee.previous = own.previous }
    record(number).pointee.state = .unused
  }

  /// Puts the next block of untouched memory under the buddies' rule. False: there is none left.
  private static func extend() -> Bool {
    for index in 0..<untouchedCount where !untouched[index].isEmpty {
      let range = untouched[index]
      let first = range.lowerBound
      let block = UInt32(1) << UInt32(maximumOrder)
      let stop = min(range.upperBound, (first & ~(block - 1)) + block)
      untouched[index] = stop..<range.upperBound
      if first & (block - 1) == 0 && stop - first == block { clearRecords(of: first) }
      var number = first
      while number < stop {
        var order = min(maximumOrder, number.trailingZeroBitCount)
        while number + 1 << UInt32(order) > stop { order -= 1 }
        push(number, order)
        number += 1 << UInt32(order)
      }
      return true
    }
    return false
  }

  /// Marks the frames of the 4 MiB block that starts at `first` as unused.
  private static func clearRecords(of first: UInt32) {
    let count = min(end - first, 1 << UInt32(maximumOrder))
    fill_zero(UInt64(UInt(bitPattern: record(first))), UInt64(count))
  }

  private static func takeBlock(_ order: Int) -> UInt32 {
    while true {
      var found = order
      while found <= maximumOrder && freeLists[found] == 0 { found += 1 }
      if found <= maximumOrder {
        let number = freeLists[found]
        remove(number, found)
        while found > order {
          found -= 1
          push(number + 1 << UInt32(found), found)
        }
        return number
      }
      if extend() { continue }
      // The last resort: single frames that lie together.
      guard singleCount > 0 else { return 0 }
      while singles != 0 { giveSingle() }
      guard (order...maximumOrder).contains(where: { freeLists[$0] != 0 }) else { return 0 }
    }
  }

  /// Whether the kernel heap could give so many bytes in one piece.
  public static func hasBlock(bytes: Int) -> Bool {
    var order = 0
    while order <= maximumOrder && 4096 << order < bytes { order += 1 }
    guard order <= maximumOrder else { return false }
    func isThere() -> Bool { (order...maximumOrder).contains { freeLists[$0] != 0 } }
    if isThere() || order == 0 && singles != 0 { return true }
    while extend() { if isThere() { return true } }
    while singles != 0 { giveSingle() }
    return isThere()
  }

  private static func giveBlock(_ first: UInt32, _ firstOrder: Int) {
    var number = first
    var order = firstOrder
    while order < maximumOrder {
      let buddy = number ^ (1 << UInt32(order))
      guard buddy < end, record(buddy).pointee.state == .freeBlock, record(buddy).pointee.order == UInt8(order)
      else { break }
      remove(buddy, order)
      number = min(number, buddy)
      order += 1
    }
    push(number, order)
  }

  // MARK: single frames

  /// A frame with one reference, with whatever it last held; nil when memory is used up.
  @inline(__always)
  static func takeSingle() -> UInt32 {
    if singles == 0 {
      guard refill() else { return 0 }
    }
    let number = singles
    singles = links(number).pointee.next
    singleCount &-= 1
    available &-= 1
    record(number).pointee = Record(references: 1, order: 0, state: .allocated, sizeClass: 0)
    return number
  }

  @inline(never)
  private static func refill() -> Bool {
    var order = 5
    var number = takeBlock(order)
    while number == 0 && order > 0 {
      order = order > 2 ? 2 : 0
      number = takeBlock(order)
    }
    guard number != 0 else { return false }
    for index in (0..<UInt32(1) << UInt32(order)).reversed() { pushSingle(number + index) }
    return true
  }

  @inline(__always)
  private static func pushSingle(_ number: UInt32) {
    links(number).pointee.next = singles
    singles = number
    singleCount &+= 1
  }

  @inline(never)
  /// Gives half of the single frames back to the buddies.
  private static func drain() {
    for _ in 0..<maximumSingles / 2 { giveSingle() }
  }

  private static func giveSingle() {
    let number = singles
    singles = links(number).pointee.next
    singleCount &-= 1
    giveBlock(number, 0)
  }

  /// A frame filled with zeros; nil when memory is used up.
  @inline(__always)
  public static func allocateZeroed() -> Frame? {
    let number = takeSingle()
    guard number != 0 else { return nil }
    fill_zero(DirectMap.address(of: UInt64(number) << 12), 512)
    return Frame(number: number)
  }

  /// A frame for somebody who overwrites all of it; nil when memory is used up.
  public static func allocateUninitialized() -> Frame? {
    let number = takeSingle()
    return number == 0 ? nil : Frame(number: number)
  }

  @inline(__always)
  public static func retain(_ frame: Frame) { record(frame.number).pointee.references &+= 1 }

  /// Gives up one reference; with the last one the frame is free.
  @inline(__always)
  public static func release(_ frame: Frame) {
    let entry = record(frame.number)
    entry.pointee.references &-= 1
    if entry.pointee.references == 0 {
      entry.pointee.state = .unused
      available &+= 1
      pushSingle(frame.number)
      if singleCount > maximumSingles { drain() }
    }
  }

  /// Whether more than one holds the frame.
  @inline(__always)
  public static func isShared(_ frame: Frame) -> Bool { record(frame.number).pointee.references > 1 }

  /// Whether somebody holds the frame besides its cache and the caller.
  public static func isHeldByMoreThanTwo(_ frame: Frame) -> Bool { record(frame.number).pointee.references > 2 }

  // MARK: large pages

  /// 512 frames in a row, aligned to 2 MiB and zeroed, as one thing; nil if there is no such row.
  public static func allocateLarge() -> Frame? {
    let number = takeBlock(9)
    guard number != 0 else { return nil }
    available &-= 512
    record(number).pointee = Record(references: 1, order: 9, state: .allocated, sizeClass: 0)
    fill_zero(DirectMap.address(of: UInt64(number) << 12), 512 * 512)
    return Frame(number: number)
  }

  /// Gives back what `allocateLarge` gave.
  public static func releaseLarge(_ frame: Frame) {
    record(frame.number).pointee.state = .unused
    available &+= 512
    giveBlock(frame.number, 9)
  }

  /// From now on the 512 frames are single ones with one reference each.
  static func splitLarge(_ first: UInt32) {
    for number in first..<first + 512 {
      record(number).pointee = Record(references: 1, order: 0, state: .allocated, sizeClass: 0)
    }
  }

  // MARK: blocks for the kernel heap

  static func takeHeapBlock(_ order: Int, _ state: State, _ sizeClass: UInt16) -> UInt32 {
    let number = order == 0 ? takeSingle() : takeBlock(order)
    guard number != 0 else { return 0 }
    if order > 0 { available &-= 1 << order }
    record(number).pointee = Record(references: 1, order: UInt8(order), state: state, sizeClass: sizeClass)
    return number
  }

  static func giveHeapBlock(_ number: UInt32) {
    let order = Int(record(number).pointee.order)
    record(number).pointee.state = .unused
    available &+= 1 << order
    giveBlock(number, order)
  }
}

/// Reading and writing a frame's bytes. Offsets and counts stay inside the frame (checked).
extension Frame {
  /// Calls `body` with all 4096 bytes.
  public func withBytes<Result, Failure: Error>(
    _ body: (inout MutableSpan<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let pointer = DirectMap.pointer(to: physicalAddress).assumingMemoryBound(to: UInt8.self)
    var span = MutableSpan(_unsafeStart: pointer, count: Frame.size)
    return try body(&span)
  }

  /// Copies all of `source` here.
  public func copy(from source: Frame) { copy_words(address, source.address, 512) }

  /// Clears `count` bytes from `offset`.
  public func clear(from offset: Int, count: Int) {
    precondition(offset >= 0 && count >= 0 && offset &+ count <= Frame.size)
    UnsafeMutableRawPointer(bitPattern: UInt(address) + UInt(offset))!
      .initializeMemory(as: UInt8.self, repeating: 0, count: count)
  }

  /// The 64-bit little-endian word at `offset`.
  public func loadWord(at offset: Int) -> UInt64 {
    precondition(offset >= 0 && offset <= Frame.size - 8)
    return UnsafeRawPointer(bitPattern: UInt(address) + UInt(offset))!.loadUnaligned(as: UInt64.self)
  }

  /// Stores a word at `offset`.
  public func storeWord(_ value: UInt64, at offset: Int) {
    precondition(offset >= 0 && offset <= Frame.size - 8)
    UnsafeMutableRawPointer(bitPattern: UInt(address) + UInt(offset))!.storeBytes(of: value, as: UInt64.self)
  }
}
