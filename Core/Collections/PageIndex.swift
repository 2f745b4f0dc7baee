// SPDX-License-Identifier: Apache-2.0

/// A page of 512 words in which a `PageIndex` keeps its tables. In the kernel it is a frame of memory.
public protocol TablePage: BitwiseCopyable {
  /// A page of zeros; nil when memory is used up.
  static func allocateTable() -> Self?
  func releaseTable()
  subscript(word index: Int) -> UInt64 { get nonmutating set }
  /// The page as a number other than 0, and back.
  var tableNumber: UInt64 { get }
  init(tableNumber: UInt64)
}

/// What a file keeps in memory: page number to a 64-bit entry of the user's choice, 0 meaning nothing.
///
/// A radix tree with 512 children a level, like the processor's page tables; the first pages of a file
/// stand in a plain array, so a small file needs no table. Tables are freed when the last entry goes.
public struct PageIndex<Table: TablePage>: ~Copyable {
  /// Entries of pages below `fewLimit`, as long as there is no tree.
  private var few: [UInt64] = []
  private var root: UInt64 = 0
  /// Levels of tables below and including the root: `height` 1 reaches 512 pages.
  private var height = 0
  /// Entries other than 0.
  public private(set) var count = 0

  private static var fewLimit: Int { 32 }
  /// The greatest page number: six levels.
  public static var limit: UInt64 { 1 << 54 }

  public init() {}

  deinit {
    if root != 0 { Self.release(Table(tableNumber: root), height) }
  }

  /// The entry of a page; 0 if there is none.
  @inline(__always)
  public subscript(index: UInt64) -> UInt64 {
    if root == 0 { return index < UInt64(few.count) ? few[Int(index)] : 0 }
    return treeEntry(index)
  }

  private func treeEntry(_ index: UInt64) -> UInt64 {
    guard index >> (UInt64(height) &* 9) == 0 else { return 0 }
    var table = root
    var shift = UInt64(height &- 1) &* 9
    while shift != 0 {
      table = Table(tableNumber: table)[word: Int(index >> shift & 511)]
      if table == 0 { return 0 }
      shift &-= 9
    }
    return Table(tableNumber: table)[word: Int(index & 511)]
  }

  /// Sets the entry of a page. False: there is no memory for a table, or the number is too great.
  public mutating func set(_ entry: UInt64, at index: UInt64) -> Bool {
    guard index < Self.limit else { return entry == 0 }
    if root == 0 {
      if index < UInt64(Self.fewLimit) {
        setFew(entry, Int(index))
        return true
      }
      if entry == 0 { return true }
    }
    return setInTree(entry, index)
  }

  private mutating func setFew(_ entry: UInt64, _ index: Int) {
    if index >= few.count {
      if entry == 0 { return }
      var size = max(few.count, 1)
      while size <= index { size &*= 2 }
      few.append(contentsOf: [UInt64](repeating: 0, count: size &- few.count))
    }
    note(few[index], entry)
    few[index] = entry
    if count == 0 { few = [] }
  }

  private mutating func note(_ old: UInt64, _ new: UInt64) {
    if old == 0 && new != 0 { count &+= 1 }
    if old != 0 && new == 0 { count &-= 1 }
  }

  private mutating func setInTree(_ entry: UInt64, _ index: UInt64) -> Bool {
    if root == 0 {
      guard let table = Table.allocateTable() else { return false }
      for (position, value) in few.enumerated() { table[word: position] = value }
      few = []
      root = table.tableNumber
      height = 1
    }
    while index >> (UInt64(height) &* 9) != 0 {
      if entry == 0 { return true }
      guard let table = Table.allocateTable() else { return false }
      table[word: 0] = root
      root = table.tableNumber
      height &+= 1
    }
    var table = Table(tableNumber: root)
    var shift = UInt64(height &- 1) &* 9
    while shift != 0 {
      let slot = Int(index >> shift & 511)
      var next = table[word: slot]
      if next == 0 {
        if entry == 0 { return true }
        guard let created = Table.allocateTable() else { return false }
        next = created.tableNumber
        table[word: slot] = next
      }
      table = Table(tableNumber: next)
      shift &-= 9
    }
    let slot = Int(index & 511)
    note(table[word: slot], entry)
    table[word: slot] = entry
    if count == 0 { releaseTables() }
    return true
  }

  /// The first page at or after `start` that has an entry, and the entry.
  public func next(from start: UInt64) -> (index: UInt64, entry: UInt64)? {
    if root == 0 {
      var index = start
      while index < UInt64(few.count) {
        if few[Int(index)] != 0 { return (index, few[Int(index)]) }
        index &+= 1
      }
      return nil
    }
    let end = UInt64(1) << (UInt64(height) &* 9)
    var index = start
    while index < end {
      var table = Table(tableNumber: root)
      var shift = UInt64(height &- 1) &* 9
      while true {
        var slot = Int(index >> shift & 511)
        if shift == 0 {
          while slot < 512 {
            let entry = table[word: slot]
            if entry != 0 { return (index & ~511 | UInt64(slot), entry) }
            slot &+= 1
          }
          index = (index | 511) &+ 1
          break
        }
        let next = table[word: slot]
        if next == 0 {
          index = (index >> shift &+ 1) << shift
          break
        }
        table = Table(tableNumber: next)
        shift &-= 9
      }
    }
    return nil
  }

  private mutating func releaseTables() {
    if root != 0 { Self.release(Table(tableNumber: root), height) }
    root = 0
    height = 0
    few = []
  }

  /// Six levels at most: this recursion is bounded.
  private static func release(_ table: Table, _ height: Int) {
    if height > 1 {
      for slot in 0..<512 where table[word: slot] != 0 {
        release(Table(tableNumber: table[word: slot]), height - 1)
      }
    }
    table.releaseTable()
  }
}
