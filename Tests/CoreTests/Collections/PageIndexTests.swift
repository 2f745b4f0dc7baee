// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Collections

/// Tables in an array, with a limit, so that running out of memory can be tested.
private enum TableStore {
  nonisolated(unsafe) static var tables: [Int: [UInt64]] = [:]
  nonisolated(unsafe) static var nextNumber = 1
  nonisolated(unsafe) static var limit = Int.max
}

private struct TestTable: TablePage {
  let number: Int

  static func allocateTable() -> TestTable? {
    guard TableStore.tables.count < TableStore.limit else { return nil }
    let number = TableStore.nextNumber
    TableStore.nextNumber += 1
    TableStore.tables[number] = [UInt64](repeating: 0, count: 512)
    return TestTable(number: number)
  }
  func releaseTable() { TableStore.tables[number] = nil }
  subscript(word index: Int) -> UInt64 {
    get { TableStore.tables[number]![index] }
    nonmutating set { TableStore.tables[number]![index] = newValue }
  }
  var tableNumber: UInt64 { UInt64(number) }
  init(tableNumber: UInt64) { number = Int(tableNumber) }
  init(number: Int) { self.number = number }
}

@Suite(.serialized) struct PageIndexTests {
  @Test func agreesWithADictionary() {
    TableStore.limit = .max
    var generator = SystemRandomNumberGenerator()
    for round in 0..<20 {
      var index = PageIndex<TestTable>()
      var expected: [UInt64: UInt64] = [:]
      let bits = UInt64(1) << UInt64(round * 54 / 20 + 1)
      for _ in 0..<2000 {
        let page = UInt64.random(in: 0..<bits, using: &generator) >> UInt64.random(in: 0..<20, using: &generator)
        let entry = Bool.random() ? 0 : UInt64.random(in: 1 ... .max, using: &generator)
        let wasSet = index.set(entry, at: page)
        #expect(wasSet)
        expected[page] = entry == 0 ? nil : entry
        let count = index.count
        #expect(count == expected.count)
      }
      for (page, entry) in expected {
        let found = index[page]
        #expect(found == entry)
      }
      var listed: [UInt64] = []
      var from: UInt64 = 0
      while let found = index.next(from: from) {
        #expect(expected[found.index] == found.entry)
        listed.append(found.index)
        from = found.index + 1
      }
      #expect(listed == expected.keys.sorted())
      for page in expected.keys { _ = index.set(0, at: page) }
      let left = index.count
      #expect(left == 0)
      #expect(TableStore.tables.isEmpty)
    }
  }

  @Test func smallFilesNeedNoTable() {
    TableStore.limit = 0
    var index = PageIndex<TestTable>()
    for page in UInt64(0)..<32 { _ = index.set(page + 1, at: page) }
    let result1 = index.set(1, at: 32)
    #expect(!result1)
    let result2 = index.count == 32
    #expect(result2)
    let result3 = index[31] == 32 && index[32] == 0
    #expect(result3)
    TableStore.limit = .max
  }

  @Test func outOfMemoryLeavesItWhole() {
    for limit in 0..<12 {
      TableStore.limit = limit
      var index = PageIndex<TestTable>()
      let result4 = index.set(7, at: 3)
      #expect(result4)
      _ = index.set(9, at: 1 << 40)
      let result5 = index[3] == 7
      #expect(result5)
      let result6 = index[1 << 40] == (limit >= 9 ? 9 : 0)
      #expect(result6)
      let result7 = index.next(from: 0)?.index == 3
      #expect(result7)
    }
    TableStore.limit = .max
    #expect(TableStore.tables.isEmpty)
  }

  @Test func refusesNumbersBeyondItsLimit() {
    TableStore.limit = .max
    var index = PageIndex<TestTable>()
    let result8 = index.set(1, at: PageIndex<TestTable>.limit)
    #expect(!result8)
    let result9 = index.set(1, at: .max)
    #expect(!result9)
    let result10 = index.set(1, at: PageIndex<TestTable>.limit - 1)
    #expect(result10)
    let result11 = index[.max] == 0
    #expect(result11)
    let result12 = index.next(from: .max) == nil
    #expect(result12)
    let result13 = index.next(from: 5)?.index == PageIndex<TestTable>.limit - 1
    #expect(result13)
  }
}
