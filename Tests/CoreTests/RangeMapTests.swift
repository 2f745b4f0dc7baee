// SPDX-License-Identifier: Apache-2.0
import Collections
import Testing

/// A value that knows where in a "file" it begins, as a file mapping does.
private struct Part: RangeValue, Equatable {
  var file: Int
  var offset: UInt64
  func advanced(by distance: UInt64) -> Part { Part(file: file, offset: offset + distance) }
  func continues(into next: Part, after length: UInt64) -> Bool {
    file == next.file && offset + length == next.offset
  }
}

/// What a RangeMap must be equal to: one optional value per address.
private struct Model {
  var cells = [Part?](repeating: nil, count: 64)

  mutating func set(_ start: Int, _ end: Int, _ part: Part?) {
    for index in start..<end { cells[index] = part?.advanced(by: UInt64(index - start)) }
  }
}

@Suite struct RangeMapTests {
  /// Enough ranges for the gap to be used, changed at places that wander and jump.
  @Test(arguments: 0..<20) func manyRangesEqualAnArray(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var map = RangeMap<Part>()
    var expected: [UInt64] = []
    var place: UInt64 = 5000
    for step in 0..<4000 {
      if step % 50 == 0 { place = UInt64.random(in: 0..<10_000, using: &generator) }
      place = (place + UInt64.random(in: 0..<5, using: &generator)) % 10_000
      let start = place * 10
      map.remove(start, start + 5)
      expected.removeAll { $0 == start }
      if step % 7 != 0 {
        // Nothing continues anything: every range stays its own.
        map.insert(start, start + 5, Part(file: 2, offset: UInt64(step) * 1000))
        expected.insert(start, at: expected.firstIndex { $0 > start } ?? expected.count)
      }
    }
    #expect(map.entries.map(\.start) == expected)
    #expect(expected.count > 600)
    for start in expected { #expect(map.index(containing: start + 4).map { map.entries[$0].start } == start) }
    map.remove(0, 60_000)
    #expect(map.entries.map(\.start) == expected.filter { $0 >= 60_000 })
  }

  @Test func changingPagesOneByOneDoesNotFragment() {
    var map = RangeMap<Part>()
    map.insert(0, 1000, Part(file: 0, offset: 0))
    for page in 0..<UInt64(999) {
      map.modify(page, page + 1) { $0.file = 1 }
      map.modify(page, page + 1) { $0.file = 0 }
    }
    #expect(map.count < 8)
  }

  private func check(_ map: RangeMap<Part>, _ model: Model) {
    var cells = [Part?](repeating: nil, count: 64)
    var previous: RangeMap<Part>.Entry?
    for entry in map.entries {
      #expect(entry.start < entry.end)
      if let previous {
        #expect(previous.end <= entry.start)
      }
      for address in entry.start..<entry.end {
        cells[Int(address)] = entry.value.advanced(by: address - entry.start)
      }
      previous = entry
    }
    #expect(cells == model.cells)
  }

  @Test(arguments: 0..<200) func equalsTheModel(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var map = RangeMap<Part>()
    var model = Model()
    for _ in 0..<100 {
      let start = Int.random(in: 0..<63, using: &generator)
      let end = Int.random(in: start + 1...64, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0, 1:
        // Files 0 and 1 continue everywhere; file 2 only rarely.
        let file = Int.random(in: 0..<3, using: &generator)
        let offset = file == 2 ? UInt64.random(in: 0..<100, using: &generator) : UInt64(start) + 1000
        map.remove(UInt64(start), UInt64(end))
        map.insert(UInt64(start), UInt64(end), Part(file: file, offset: offset))
        model.set(start, end, Part(file: file, offset: offset))
      case 2:
        map.remove(UInt64(start), UInt64(end))
        model.set(start, end, nil)
      default:
        let file = Int.random(in: 0..<2, using: &generator)
        map.modify(UInt64(start), UInt64(end)) { $0.file = file }
        for index in start..<end { model.cells[index]?.file = file }
      }
      check(map, model)
      let address = Int.random(in: 0..<64, using: &generator)
      let found = map.index(containing: UInt64(address))
      #expect((found != nil) == (model.cells[address] != nil))
      #expect(
        map.isFree(UInt64(start), UInt64(end)) == model.cells[start..<end].allSatisfy { $0 == nil })
      #expect(
        map.isCovered(UInt64(start), UInt64(end)) == model.cells[start..<end].allSatisfy { $0 != nil })
      let length = Int.random(in: 1..<16, using: &generator)
      let expected = end < length ? nil : stride(from: end - length, through: start, by: -1).first { candidate in
        model.cells[candidate..<candidate + length].allSatisfy { $0 == nil }
      }
      #expect(
        map.highestGap(length: UInt64(length), bottom: UInt64(start), top: UInt64(end))
          == expected.map { UInt64($0) })
      let lowest = stride(from: (start + 3) & ~3, through: max(start, end - length), by: 4).first { candidate in
        candidate + length <= end && model.cells[candidate..<candidate + length].allSatisfy { $0 == nil }
      }
      #expect(
        map.lowestGap(length: UInt64(length), alignment: 4, bottom: UInt64(start), top: UInt64(end))
          == lowest.map { UInt64($0) })
      let aligned = stride(from: (end - length) & ~3, through: start, by: -4).first { candidate in
        candidate >= start && end >= length && model.cells[candidate..<candidate + length].allSatisfy { $0 == nil }
      }
      #expect(
        map.highestGap(length: UInt64(length), alignment: 4, bottom: UInt64(start), top: UInt64(end))
          == aligned.map { UInt64($0) })
    }
  }
}
