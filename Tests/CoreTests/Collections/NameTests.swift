// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Collections

struct HashTableTests {
  @Test func agreesWithADictionary() {
    var table = HashTable<Int>()
    var expected: Set<Int> = []
    for _ in 0..<20_000 {
      let value = Int.random(in: 0..<500)
      // Few hashes, so that many elements share one.
      let hash = UInt32(value % 37)
      let index = table.index(hash: hash) { $0 == value }
      #expect((index != nil) == expected.contains(value))
      if let index, Bool.random() {
        #expect(table.remove(at: index) == value)
        expected.remove(value)
      } else if index == nil {
        table.insert(value, hash: hash)
        expected.insert(value)
      }
      #expect(table.count == expected.count)
    }
    var listed: Set<Int> = []
    var from = 0
    while let index = table.nextIndex(from: from) {
      listed.insert(table[index])
      from = index + 1
    }
    #expect(listed == expected)
  }
}

struct OrderedNamesTests {
  private func name(_ number: Int) -> [UInt8] { Array("file\(number)".utf8) }

  @Test func listingSurvivesRemovalOfWhatWasListed() {
    var names = OrderedNames<Int>()
    for number in 0..<1000 { names.set(number, for: name(number)) }
    var seen: [Int] = []
    var cookie: UInt64 = 0
    while let entry = names.next(after: cookie) {
      cookie = entry.cookie
      seen.append(entry.value!)
      #expect(names.remove(entry.name) == entry.value)
    }
    #expect(seen == Array(0..<1000))
    #expect(names.count == 0)
  }

  @Test func listingNeitherRepeatsNorMisses() {
    var names = OrderedNames<Int>()
    for number in 0..<300 { names.set(number, for: name(number)) }
    var seen: [Int] = []
    var cookie: UInt64 = 0
    while let entry = names.next(after: cookie) {
      cookie = entry.cookie
      seen.append(entry.value!)
      if seen.count == 100 { for number in stride(from: 0, to: 300, by: 2) { names.remove(name(number)) } }
    }
    #expect(seen == Array(0..<100) + stride(from: 101, to: 300, by: 2))
  }

  @Test func aNameKeepsItsPlaceWhenItsValueChanges() {
    var names = OrderedNames<Int>()
    names.set(1, for: name(1))
    names.set(2, for: name(2))
    names.set(3, for: name(1))
    #expect(names[name(1)] == 3)
    #expect(names.next(after: 0)?.value == 3)
    #expect(names.count == 2)
  }
}

struct PathScannerTests {
  private func components(_ text: String) -> [String] {
    // With something behind the end, as in an array that is used again.
    let path = PathText(Array(text.utf8) + [0x78, 0x2f], count: text.utf8.count)
    var scanner = PathScanner(path)
    var result: [String] = []
    while !scanner.isAtEnd(path) {
      let component = scanner.next(path, seed: 1)
      let name = component.name(in: path)
      let key = NameKey(name, seed: 1)
      #expect(component.key == key)
      #expect(component.equals(name, word: key.word, in: path))
      result.append(String(decoding: name, as: UTF8.self) + (component.isFollowedBySlash ? "/" : ""))
    }
    return result
  }

  private func first(_ text: String) -> (PathComponent, PathText) {
    let path = PathText(Array(text.utf8))
    var scanner = PathScanner(path)
    return (scanner.next(path, seed: 7), path)
  }

  @Test func tellsNamesApart() {
    let names = [
      "a", "b", "aa", "\0a", "abcdefgh", "bbcdefgh", "abcdefghi", "bbcdefghi", "aabcdefgh", "x".padding(100), "y".padding(100),
    ]
    for one in names {
      for other in names {
        let (component, path) = first(one)
        let key = NameKey(Array(other.utf8), seed: 7)
        #expect(component.equals(Array(other.utf8), word: key.word, in: path) == (one == other))
        if one != other { #expect(component.hash != key.hash) }
      }
    }
    #expect(first(".").0.isDot && !first("..").0.isDot && !first("\0.").0.isDot)
    #expect(first("..").0.isDotDot && !first(".").0.isDotDot && !first("...").0.isDotDot)
  }

  @Test func splits() {
    #expect(components("") == [])
    #expect(components("/") == [])
    #expect(components("//a///b") == ["a/", "b"])
    #expect(components("a/") == ["a/"])
    #expect(components("a/./../b//") == ["a/", "./", "../", "b/"])
  }
}

struct RangeLocksTests {
  private func lock(_ owner: UInt64, _ exclusive: Bool, _ first: UInt64, _ last: UInt64) -> RangeLocks.Lock {
    RangeLocks.Lock(owner: owner, isExclusive: exclusive, first: first, last: last)
  }

  @Test func splitsJoinsAndReplaces() {
    var locks = RangeLocks()
    locks.set(lock(1, true, 0, 99))
    locks.release(owner: 1, first: 40, last: 59)
    #expect(locks.locks == [lock(1, true, 0, 39), lock(1, true, 60, 99)])
    locks.set(lock(1, false, 50, 69))
    #expect(locks.locks == [lock(1, true, 0, 39), lock(1, false, 50, 69), lock(1, true, 70, 99)])
    locks.set(lock(1, true, 40, 69))
    #expect(locks.locks == [lock(1, true, 0, 99)])
    locks.release(owner: 1, first: 0, last: .max)
    #expect(locks.isEmpty)
  }

  @Test func conflictsOnlyBetweenOwners() {
    var locks = RangeLocks()
    locks.set(lock(1, false, 10, 19))
    #expect(locks.conflict(with: lock(1, true, 0, .max)) == nil)
    #expect(locks.conflict(with: lock(2, false, 0, .max)) == nil)
    #expect(locks.conflict(with: lock(2, true, 19, 30)) == lock(1, false, 10, 19))
    #expect(locks.conflict(with: lock(2, true, 20, 30)) == nil)
  }

  @Test func edgesOfTheNumberRange() {
    var locks = RangeLocks()
    locks.set(lock(1, true, .max, .max))
    locks.set(lock(1, true, 0, 0))
    locks.release(owner: 1, first: 1, last: .max)
    #expect(locks.locks == [lock(1, true, 0, 0)])
    locks.set(lock(1, true, 5, .max))
    locks.set(lock(1, true, 1, 4))
    #expect(locks.locks == [lock(1, true, 0, .max)])
  }
}

extension String {
  /// This text with zeros behind it, in all `length` bytes long.
  fileprivate func padding(_ length: Int) -> String { self + String(repeating: "0", count: length - utf8.count) }
}
