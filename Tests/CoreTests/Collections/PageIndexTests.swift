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
        #expect(index.set(entry, at: page))
        expected[page] = entry == 0 ? nil : entry
        #expect(index.count == expected.count)
      }
      for (page, entry) in expected { #expect(index[page] == entry) }
      var listed: [UInt64] = []
      var from: UInt64 = 0
      while let found = index.next(from: from) {
        #expect(expected[found.index] == found.entry)
        listed.append(found.index)
        from = found.index + 1
      }
      #expect(listed == expected.keys.sorted())
      for page in expected.keys { #expect(index.set(0, at: page)) }
      #expect(index.count == 0)
      #expect(TableStore.tables.isEmpty)
    }
  }

  @Test func smallFilesNeedNoTable() {
    TableStore.limit = 0
    var index = PageIndex<TestTable>()
    for page in UInt64(0)..<32 { #expect(index.set(page + 1, at: page)) }
    #expect(!index.set(1, at: 32))
    #expect(index.count == 32)
    #expect(index[31] == 32 && index[32] == 0)
    TableStore.limit = .max
  }

  @Test func outOfMemoryLeavesItWhole() {
    for limit in 0..<8 {
      TableStore.limit = limit
      var index = PageIndex<TestTable>()
      #expect(index.set(7, at: 3))
      _ = index.set(9, at: 1 << 40)
      #expect(index[3] == 7)
      #expect(index[1 << 40] == (limit >= 6 ? 9 : 0))
      #expect(index.next(from: 0)?.index == 3)
    }
    TableStore.limit = .max
    #expect(TableStore.tables.isEmpty)
  }

  @Test func refusesNumbersBeyondItsLimit() {
    TableStore.limit = .max
    var index = PageIndex<TestTable>()
    #expect(!index.set(1, at: PageIndex<TestTable>.limit))
    #expect(!index.set(1, at: .max))
    #expect(index.set(1, at: PageIndex<TestTable>.limit - 1))
    #expect(index[.max] == 0)
    #expect(index.next(from: .max) == nil)
    #expect(index.next(from: 5)?.index == PageIndex<TestTable>.limit - 1)
  }
}
