// SPDX-License-Identifier: Apache-2.0

/// A hash table that leaves hashing and comparing to its user: open addressing with linear probing over
/// hashes, elements beside them. The kernel cannot use Swift's `Dictionary`, which computes with `Double`.
///
/// Several elements may have the same hash; `index(hash:where:)` tells them apart.
public struct HashTable<Element> {
  /// 0: never used, 1: removed.
  private var hashes: [UInt32] = []
  private var elements: [Element?] = []
  /// Elements in the table.
  public private(set) var count = 0
  /// Slots that are not free: elements and removed ones.
  private var used = 0

  public init() {}

  /// A hash as it is kept: neither 0 nor 1.
  @inline(__always) private static func stored(_ hash: UInt32) -> UInt32 { hash | 1 << 31 }

  /// Where the first element with this hash stands for which `isMatch` is true. The index holds until
  /// the table is changed.
  @inline(__always)
  public func index(hash: UInt32, where isMatch: (borrowing Element) -> Bool) -> Int? {
    guard count != 0 else { return nil }
    let wanted = Self.stored(hash)
    let mask = hashes.count &- 1
    var slot = Int(wanted) & mask
    while true {
      let found = hashes[slot]
      if found == 0 { return nil }
      if found == wanted, isMatch(elements[slot]!) { return slot }
      slot = (slot &+ 1) & mask
    }
  }

  /// The element at an index that `index(hash:where:)` or `nextIndex` returned.
  @inline(__always)
  public subscript(index: Int) -> Element {
    get { elements[index]! }
    set { elements[index] = newValue }
  }

  /// Puts an element into the table, beside others with the same hash.
  public mutating func insert(_ element: Element, hash: UInt32) {
    if (used &+ 1) &* 4 > hashes.count &* 3 { rebuild() }
    let mask = hashes.count &- 1
    var slot = Int(Self.stored(hash)) & mask
    while hashes[slot] > 1 { slot = (slot &+ 1) & mask }
    if hashes[slot] == 0 { used &+= 1 }
    hashes[slot] = Self.stored(hash)
    elements[slot] = element
    count &+= 1
  }

  /// Takes the element at an index out.
  @discardableResult
  public mutating func remove(at index: Int) -> Element {
    let element = elements[index]!
    elements[index] = nil
    // A slot before a free one ends every probe that reaches it: it can be free again at once.
    if hashes[(index &+ 1) & (hashes.count &- 1)] == 0 {
      hashes[index] = 0
      used &-= 1
    } else {
      hashes[index] = 1
    }
    count &-= 1
    if count == 0 {
      hashes = []
      elements = []
      used = 0
    }
    return element
  }

  /// The first index at or after `start` that has an element: `nextIndex(from: 0)`, then one more, visits
  /// all of them.
  public func nextIndex(from start: Int) -> Int? {
    var slot = start
    while slot < hashes.count {
      if hashes[slot] > 1 { return slot }
      slot &+= 1
    }
    return nil
  }

  /// Slots of the table that is made when one more element does not fit.
  private var nextCapacity: Int {
    var capacity = 8
    while capacity < (count &+ 1) &* 2 { capacity &*= 2 }
    return capacity
  }

  /// Memory for the next insertion, for an allocator that gives powers of two; 0 if there is room. To be asked for in
  /// one piece, of which both arrays can be made.
  public var bytesToGrow: Int {
    (used &+ 1) &* 4 > hashes.count &* 3 ? nextCapacity &* (MemoryLayout<Element?>.stride &+ 4) &* 2 : 0
  }

  private mutating func rebuild() {
    let capacity = nextCapacity
    let oldHashes = hashes
    var oldElements = elements
    hashes = [UInt32](repeating: 0, count: capacity)
    elements = [Element?](repeating: nil, count: capacity)
    for slot in 0..<oldHashes.count where oldHashes[slot] > 1 {
      var target = Int(oldHashes[slot]) & (capacity &- 1)
      while hashes[target] != 0 { target = (target &+ 1) & (capacity &- 1) }
      hashes[target] = oldHashes[slot]
      swap(&elements[target], &oldElements[slot])
    }
    used = count
  }
}

/// A running hash of bytes: Fowler, Noll and Vo's 1a, 32 bits, started at a value that the program does
/// not know.
public struct NameHash {
  public var value: UInt32

  @inline(__always) public init(seed: UInt32) { value = seed ^ 0x811c_9dc5 }
  @inline(__always) public mutating func add(_ byte: UInt8) { value = (value ^ UInt32(byte)) &* 0x0100_0193 }

  /// The hash of a whole name.
  public static func of(_ name: [UInt8], seed: UInt32) -> UInt32 {
    var hash = NameHash(seed: seed)
    for byte in name { hash.add(byte) }
    return hash.value
  }
}

extension HashTable where Element: AnyObject {
  /// Whether the table is the only holder of the element at an index.
  public mutating func isUnique(at index: Int) -> Bool { isKnownUniquelyReferenced(&elements[index]) }
}
