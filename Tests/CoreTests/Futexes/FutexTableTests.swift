// SPDX-License-Identifier: Apache-2.0
import Futexes
import Testing

@Suite struct FutexTableTests {
  private let key = FutexKey(privateAddress: 0x7fff_0000_1000)
  private let other = FutexKey(privateAddress: 0x7fff_0000_1004)

  private func waiting(_ table: FutexTable<UInt32>, _ key: FutexKey) -> [UInt32] {
    var result: [UInt32] = []
    table.forEach(key) { thread, _ in result.append(thread) }
    return result
  }

  private func woken(_ table: inout FutexTable<UInt32>, _ key: FutexKey, _ count: Int, _ bitset: UInt32 = .max)
    -> [UInt32]
  {
    var result: [UInt32] = []
    let number = table.wake(key, count: count, bitset: bitset) { thread, _ in result.append(thread) }
    #expect(number == result.count)
    return result
  }

  @Test func keysDistinguishMemory() {
    #expect(FutexKey(privateAddress: 8) != FutexKey(object: 1, offset: 8))
    #expect(FutexKey(object: 2, offset: 8) != FutexKey(object: 1, offset: 8))
    #expect(FutexKey(object: 1, offset: 8) == FutexKey(object: 1, offset: 8))
  }

  @Test func theFirstToComeIsTheFirstToWake() {
    var table = FutexTable<UInt32>()
    for thread in 1...5 as ClosedRange<UInt32> { _ = table.enqueue(key, waiter: thread) }
    _ = table.enqueue(other, waiter: 9)
    #expect(woken(&table, key, 2) == [1, 2])
    #expect(woken(&table, key, 0) == [])
    #expect(woken(&table, key, -1) == [])
    #expect(woken(&table, key, .max) == [3, 4, 5])
    #expect(woken(&table, key, 1) == [])
    #expect(table.count(other) == 1)
  }

  @Test func rankGoesBeforeTheTimeOfComing() {
    var table = FutexTable<UInt32>()
    for (index, rank) in ([0, 7, 0, 99, 7, 0] as [Int8]).enumerated() {
      _ = table.enqueue(key, waiter: UInt32(index), rank: rank)
    }
    #expect(waiting(table, key) == [3, 1, 4, 0, 2, 5])
    #expect(woken(&table, key, 2) == [3, 1])
    // What moves keeps its rank.
    _ = table.enqueue(other, waiter: 8, rank: 6)
    _ = table.requeue(from: key, to: other, wakeCount: 0, requeueCount: 3, woken: { _, _ in }, moved: { _, _, _ in })
    #expect(waiting(table, other) == [4, 8, 0, 2])
    #expect(waiting(table, key) == [5])
    _ = table.enqueue(key, waiter: 6, rank: 1)
    _ = table.enqueue(key, waiter: 7)
    #expect(woken(&table, key, .max) == [6, 5, 7])
  }

  @Test func bitsSelect() {
    var table = FutexTable<UInt32>()
    _ = table.enqueue(key, bitset: 1, waiter: 1)
    _ = table.enqueue(key, bitset: 2, waiter: 2)
    _ = table.enqueue(key, bitset: 3, waiter: 3)
    _ = table.enqueue(key, waiter: 4)
    #expect(woken(&table, key, 2, 2) == [2, 3])
    #expect(woken(&table, key, .max, 1 << 31) == [4])
    #expect(waiting(table, key) == [1])
  }

  @Test func aWakeUpAndATimeoutExcludeEachOther() {
    var table = FutexTable<UInt32>()
    let first = table.enqueue(key, waiter: 1)
    let second = table.enqueue(key, waiter: 2)
    #expect(woken(&table, key, 1) == [1])
    #expect(table.remove(first) == false)
    #expect(table.remove(second) == true)
    #expect(table.remove(second) == false)
    // The memory is used again, the handle is another.
    let third = table.enqueue(key, waiter: 3)
    #expect(third != first && third != second)
    #expect(table.remove(first) == false)
    #expect(table.remove(second) == false)
    #expect(waiting(table, key) == [3])
    #expect(table.remove(third) == true)
  }

  /// futex_waitv(2): the thread sees which of its waits was woken, and takes the others out.
  @Test func oneThreadWaitsForManyWords() {
    var table = FutexTable<UInt32>()
    let keys = (0..<128).map { FutexKey(privateAddress: 0x1000 + UInt64($0) * 4) }
    let handles = keys.map { table.enqueue($0, waiter: 1) }
    // Twice the same word is allowed.
    let again = table.enqueue(keys[5], waiter: 1)
    var found: FutexHandle?
    #expect(table.wake(keys[77], count: 1) { _, handle in found = handle } == 1)
    #expect(handles.firstIndex { $0 == found } == 77)
    for (index, handle) in handles.enumerated() { #expect(table.remove(handle) == (index != 77)) }
    #expect(table.remove(again) == true)
    for key in keys { #expect(table.count(key) == 0) }
  }

  @Test(arguments: [1, 2, 256]) func requeueingMovesTheRest(bucketCount: Int) {
    var table = FutexTable<UInt32>(bucketCount: bucketCount)
    _ = table.enqueue(other, waiter: 10)
    var handles = (0..<6).map { table.enqueue(key, bitset: 1 << UInt32($0), waiter: UInt32($0)) }
    var awake: [UInt32] = []
    let result = table.requeue(
      from: key, to: other, wakeCount: 1, requeueCount: 3, woken: { thread, _ in awake.append(thread) },
      moved: { thread, old, new in
        #expect(handles[Int(thread)] == old)
        handles[Int(thread)] = new
      })
    #expect(result == (1, 3))
    #expect(awake == [0])
    #expect(waiting(table, key) == [4, 5])
    #expect(waiting(table, other) == [10, 1, 2, 3])
    #expect(table.remove(handles[0]) == false)
    #expect(table.remove(handles[2]) == true)
    // The bits were not asked for, and not lost.
    #expect(woken(&table, other, .max, 1 << 3) == [10, 3])
    #expect(woken(&table, other, .max) == [1])
    #expect(table.remove(handles[4]) == true)
  }

  @Test func requeueingToTheSameWordKeepsThePlaces() {
    var table = FutexTable<UInt32>()
    let handles = (0..<4).map { table.enqueue(key, waiter: UInt32($0)) }
    let result = table.requeue(
      from: key, to: key, wakeCount: 1, requeueCount: 2, woken: { _, _ in }, moved: { _, _, _ in Issue.record("moved") }
    )
    #expect(result == (1, 2))
    #expect(waiting(table, key) == [1, 2, 3])
    #expect(table.remove(handles[3]) == true)
    #expect(
      table.requeue(
        from: key, to: key, wakeCount: 0, requeueCount: .max, woken: { _, _ in }, moved: { _, _, _ in }) == (0, 2))
  }

  @Test func reservedRoomIsEnough() {
    var table = FutexTable<UInt32>()
    table.reserve(adding: 1000)
    #expect(table.bytesToGrow(adding: 1000) == 0)
    for _ in 0..<100 {
      for thread in 0..<1000 as Range<UInt32> { _ = table.enqueue(key, waiter: thread) }
      #expect(woken(&table, key, .max).count == 1000)
    }
    #expect(table.bytesToGrow(adding: 1000) == 0)
    #expect(table.bytesToGrow(adding: 100_000) >= 100_000 * 40)
  }

  /// Neighbouring words, words in neighbouring pages, and the same word of neighbouring objects.
  @Test func keysSpreadOverTheBuckets() {
    let families: [(UInt64) -> FutexKey] = [
      { FutexKey(privateAddress: 0x7f12_3456_7000 + $0 * 4) },
      { FutexKey(privateAddress: 0x5555_5555_4010 + $0 * 4096) },
      { FutexKey(privateAddress: 0x7f00_0000_0910 + $0 << 23) }, { FutexKey(object: $0 + 1, offset: 64) },
    ]
    for family in families {
      var table = FutexTable<UInt32>()
      for number in 0..<1024 as Range<UInt64> { _ = table.enqueue(family(number), waiter: UInt32(number)) }
      // Four in a bucket on the average; a bucket of 64 would be a list.
      for number in 0..<1024 as Range<UInt64> {
        #expect(table.countOfBucket(family(number)) <= 32)
        #expect(table.count(family(number)) == 1)
      }
    }
  }

  private struct Wait {
    var thread: UInt32
    var bitset: UInt32
    var handle: FutexHandle
  }

  @Test(arguments: 0..<60) func equalsTheModel(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var table = FutexTable<UInt32>(bucketCount: [2, 8, 256][seed % 3])
    let keys = (0..<6).map {
      $0 % 2 == 0 ? FutexKey(privateAddress: UInt64($0) * 4) : FutexKey(object: UInt64($0), offset: 8)
    }
    var model = [[Wait]](repeating: [], count: keys.count)
    var stale: [FutexHandle] = []
    var failures: [String] = []
    for thread in 0..<3000 as Range<UInt32> where failures.isEmpty {
      let place = Int.random(in: 0..<keys.count, using: &generator)
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<5:
        let bitset = UInt32.random(in: 1..<16, using: &generator)
        let handle = table.enqueue(keys[place], bitset: bitset, waiter: thread)
        model[place].append(Wait(thread: thread, bitset: bitset, handle: handle))
      case 5, 6:
        guard let index = model[place].indices.randomElement(using: &generator) else { continue }
        let wait = model[place].remove(at: index)
        if !table.remove(wait.handle) { failures.append("lost \(wait)") }
        stale.append(wait.handle)
      case 7:
        if let handle = stale.randomElement(using: &generator), table.remove(handle) { failures.append("stale handle") }
      case 8:
        let bitset = UInt32.random(in: 1..<16, using: &generator)
        let count = Int.random(in: 0..<5, using: &generator)
        let expected = model[place].filter { $0.bitset & bitset != 0 }.prefix(count).map(\.thread)
        model[place].removeAll {
          guard expected.contains($0.thread) else { return false }
          stale.append($0.handle)
          return true
        }
        if woken(&table, keys[place], count, bitset) != expected { failures.append("woken") }
      default:
        let target = Int.random(in: 0..<keys.count, using: &generator)
        let wakeCount = Int.random(in: 0..<3, using: &generator)
        let requeueCount = Int.random(in: 0..<4, using: &generator)
        let expected = model[place].prefix(wakeCount).map(\.thread)
        stale += model[place].prefix(wakeCount).map(\.handle)
        model[place].removeFirst(expected.count)
        let moved = Array(model[place].prefix(requeueCount))
        var awake: [UInt32] = []
        var handles: [(FutexHandle, FutexHandle)] = []
        let result = table.requeue(
          from: keys[place], to: keys[target], wakeCount: wakeCount, requeueCount: requeueCount,
          woken: { thread, _ in awake.append(thread) }, moved: { _, old, new in handles.append((old, new)) })
        if awake != expected || result != (expected.count, moved.count) { failures.append("requeue") }
        guard target != place else { continue }
        if handles.map(\.0) != moved.map(\.handle) { failures.append("handles") }
        stale += handles.map(\.0)
        model[place].removeFirst(moved.count)
        for (wait, handle) in zip(moved, handles) {
          model[target].append(Wait(thread: wait.thread, bitset: wait.bitset, handle: handle.1))
        }
      }
      if waiting(table, keys[place]) != model[place].map(\.thread) { failures.append("order of \(place)") }
    }
    for (place, key) in keys.enumerated() { #expect(waiting(table, key) == model[place].map(\.thread)) }
    #expect(failures.isEmpty)
  }
}
