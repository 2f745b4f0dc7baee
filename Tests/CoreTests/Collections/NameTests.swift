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

/// Paths in memory that tests can look at: what lies behind the end is noise.
private struct TestPath: PathBytes {
  static nonisolated(unsafe) var store: [UInt8] = []

  init(_ text: String) {
    Self.store = Array(text.utf8) + [0] + (0..<16).map { _ in UInt8.random(in: 0...255) }
  }
  func byte(at offset: Int) -> UInt8 { Self.store[offset] }
  func word(at offset: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(Self.store[offset + $1]) << UInt64(8 * $1) }
  }
}

@Suite(.serialized) struct PathScannerTests {
  private func components(_ text: String) -> [String] {
    let path = TestPath(text)
    var scanner = PathScanner(path)
    var result: [String] = []
    while !scanner.isAtEnd {
      let component = scanner.next(seed: 1)
      let name = component.name(in: path)
      let key = NameKey(name, seed: 1)
      #expect(component.key == key)
      #expect(component.equals(name, key, in: path))
      result.append(String(decoding: name, as: UTF8.self) + (component.isFollowedBySlash ? "/" : ""))
    }
    return result
  }

  @Test func splits() {
    #expect(components("") == [])
    #expect(components("/") == [])
    #expect(components("//a///b") == ["a/", "b"])
    #expect(components("a/") == ["a/"])
    #expect(components("a/./../b//") == ["a/", "./", "../", "b/"])
    #expect(components(String(repeating: "0.", count: 100)) == [String(repeating: "0.", count: 100)])
  }

  @Test func splitsLikeTheStandardLibrary() {
    for _ in 0..<5000 {
      let length = Int.random(in: 0..<40)
      // Neighbours of the slash, and bytes that differ from it or from zero in one bit.
      let bytes = (0..<length).map { _ in [0x2f, 0x2f, 0x2e, 0x30, 0x01, 0x61, 0x6f, 0x0f].randomElement()! as UInt8 }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(components(text).map { $0.filter { $0 != "/" } } == text.split(separator: "/").map(String.init))
    }
  }

  @Test func tellsNamesApart() {
    var names = ["a", "b", "aa", "\u{1}a", "abcdefgh", "bbcdefgh", "abcdefghi", "bbcdefghi", "aabcdefgh"]
    for length in [15, 16, 17, 24, 255] {
      for letter in ["x", "y"] {
        names.append(letter + String(repeating: "0", count: length - 1))
        names.append(String(repeating: "0", count: length - 1) + letter)
      }
    }
    for one in names {
      for other in names {
        let path = TestPath(one)
        var scanner = PathScanner(path)
        let component = scanner.next(seed: 7)
        let key = NameKey(Array(other.utf8), seed: 7)
        #expect(component.equals(Array(other.utf8), key, in: path) == (one == other))
        #expect((component.key.hash == key.hash) == (one == other))
      }
    }
  }

  @Test func knowsDots() {
    func first(_ text: String) -> PathComponent {
      var scanner = PathScanner(TestPath(text))
      return scanner.next(seed: 7)
    }
    #expect(first(".").isDot && first("./a").isDot && !first("..").isDot && !first(".a").isDot)
    #expect(first("..").isDotDot && first("../").isDotDot && !first(".").isDotDot && !first("...").isDotDot)
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
