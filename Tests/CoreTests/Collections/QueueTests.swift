// SPDX-License-Identifier: Apache-2.0
import Collections
import Testing

@Suite struct QueueTests {
  @Test func isEmptyAtFirst() {
    var queue = Queue<Int>()
    #expect(queue.isEmpty)
    #expect(queue.first == nil)
    #expect(queue.popFirst() == nil)
  }

  /// The same as an array, over many additions and removals that go around the ring.
  @Test func keepsTheOrder() {
    var queue = Queue<Int>()
    var expected: [Int] = []
    var state: UInt32 = 1
    for step in 0..<20_000 {
      state = state &* 1_664_525 &+ 1_013_904_223
      if state >> 28 < (step / 5000 % 2 == 0 ? 9 : 7) {
        queue.append(step)
        expected.append(step)
      } else {
        #expect(queue.popFirst() == (expected.isEmpty ? nil : expected.removeFirst()))
      }
      #expect(queue.count == expected.count)
      #expect(queue.first == expected.first)
      if let last = expected.last { #expect(queue[expected.count - 1] == last) }
    }
  }

  @Test func letsGoOfWhatWasTaken() {
    final class Thing {}
    var queue = Queue<Thing>()
    weak var seen: Thing?
    do {
      let thing = Thing()
      seen = thing
      queue.append(thing)
    }
    #expect(seen != nil)
    queue.popFirst()
    #expect(seen == nil)
  }
}
