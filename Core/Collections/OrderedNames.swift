// SPDX-License-Identifier: Apache-2.0

/// The entries of a directory in memory: found by name, listed in the order in which they came.
///
/// Each entry has a cookie that never changes, and cookies only grow; so a listing that goes on after
/// some entries were removed or added neither repeats nor misses any of the others.
public struct OrderedNames<Value> {
  public struct Entry {
    public let cookie: UInt64
    public let name: [UInt8]
    /// Nil once it was removed; it goes away at the next tidying.
    public fileprivate(set) var value: Value?
  }

  private var entries: [Entry] = []
  /// Positions in `entries`.
  private var table = HashTable<Int>()
  private var nextCookie: UInt64 = 1

  public init() {}

  public var count: Int { table.count }

  private func slot(_ name: [UInt8]) -> Int? {
    table.index(hash: NameHash.of(name, seed: 0)) { entries[$0].name == name }
  }

  /// What has this name.
  public subscript(name: [UInt8]) -> Value? {
    guard let slot = slot(name) else { return nil }
    return entries[table[slot]].value
  }

  /// Gives a value to a name: a new entry, or the old entry with a new value.
  public mutating func set(_ value: Value, for name: [UInt8]) {
    if let slot = slot(name) {
      entries[table[slot]].value = value
      return
    }
    entries.append(Entry(cookie: nextCookie, name: name, value: value))
    nextCookie &+= 1
    table.insert(entries.count - 1, hash: NameHash.of(name, seed: 0))
  }

  /// Takes an entry away.
  @discardableResult
  public mutating func remove(_ name: [UInt8]) -> Value? {
    guard let slot = slot(name) else { return nil }
    let position = table.remove(at: slot)
    let value = entries[position].value
    entries[position].value = nil
    if entries.count > 16 && entries.count > 2 * table.count { tidy() }
    return value
  }

  private mutating func tidy() {
    var kept: [Entry] = []
    kept.reserveCapacity(table.count)
    for entry in entries where entry.value != nil { kept.append(entry) }
    entries = kept
    table = HashTable()
    for position in 0..<entries.count {
      table.insert(position, hash: NameHash.of(entries[position].name, seed: 0))
    }
  }

  /// The first entry with a cookie greater than `cookie`.
  public func next(after cookie: UInt64) -> Entry? {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low &+ high) / 2
      if entries[middle].cookie <= cookie { low = middle &+ 1 } else { high = middle }
    }
    while low < entries.count {
      if entries[low].value != nil { return entries[low] }
      low &+= 1
    }
    return nil
  }
}
