// SPDX-License-Identifier: Apache-2.0
import Collections
import Testing

/// What a TimerWheel must be equal to: an array that is searched.
private struct Model {
  struct Entry {
    var deadline: UInt64
    var payload: UInt64
    var handle: TimerWheel.Handle
    /// Not yet reached when it was added: only then does the wheel promise an order.
    var isOrdered: Bool
  }
  var entries: [Entry] = []

  var earliest: UInt64? { entries.map(\.deadline).min() }
}

@Suite struct TimerWheelTests {
  @Test func anEmptyWheelHasNothing() {
    var wheel = TimerWheel()
    #expect(wheel.nextDeadline == nil)
    #expect(wheel.takeExpired(now: 0) == nil)
    #expect(wheel.takeExpired(now: .max) == nil)
    #expect(wheel.count == 0)
    #expect(wheel.bytesToGrow > 0)
  }

  @Test func aDeadlineIsReachedExactly() {
    for deadline in [0, 1, 1023, 1024, 1025, 65_535, 65_536, 1 << 40, (1 << 40) - 1, 1 << 63, .max] as [UInt64] {
      var wheel = TimerWheel()
      _ = wheel.add(deadline: deadline, payload: 7)
      #expect(wheel.nextDeadline == deadline)
      if deadline > 0 { #expect(wheel.takeExpired(now: deadline - 1) == nil) }
      #expect(wheel.nextDeadline == deadline)
      #expect(wheel.takeExpired(now: deadline) == 7)
      #expect(wheel.takeExpired(now: .max) == nil)
      #expect(wheel.nextDeadline == nil)
    }
  }

  @Test func whatHasPassedIsTakenAtOnce() {
    var wheel = TimerWheel()
    _ = wheel.add(deadline: 5_000_000_000, payload: 1)
    #expect(wheel.takeExpired(now: 4_000_000_000) == nil)
    _ = wheel.add(deadline: 3_000_000_000, payload: 2)
    _ = wheel.add(deadline: 0, payload: 3)
    #expect(wheel.nextDeadline == 0)
    #expect(wheel.takeExpired(now: 4_000_000_000) == 3)
    #expect(wheel.nextDeadline == 3_000_000_000)
    #expect(wheel.takeExpired(now: 4_000_000_000) == 2)
    #expect(wheel.takeExpired(now: 4_999_999_999) == nil)
    #expect(wheel.takeExpired(now: 5_000_000_000) == 1)
  }

  @Test func theLastMomentNeedsNoCarry() {
    var wheel = TimerWheel()
    #expect(wheel.takeExpired(now: .max) == nil)
    let handle = wheel.add(deadline: .max, payload: 1)
    _ = wheel.add(deadline: .max - 1, payload: 2)
    _ = wheel.add(deadline: 0, payload: 3)
    #expect(wheel.nextDeadline == 0)
    #expect(wheel.takeExpired(now: 0) == 3)
    #expect(wheel.takeExpired(now: .max - 1) == 2)
    #expect(wheel.takeExpired(now: .max - 1) == nil)
    #expect(wheel.remove(handle) == true)
    #expect(wheel.nextDeadline == nil)
  }

  @Test func aHandleMeansOneDeadlineOnly() {
    var wheel = TimerWheel()
    let first = wheel.add(deadline: 10, payload: 1)
    #expect(wheel.remove(first) == true)
    #expect(wheel.remove(first) == false)
    let second = wheel.add(deadline: 10, payload: 2)
    #expect(first != second)
    #expect(wheel.remove(first) == false)
    #expect(wheel.takeExpired(now: 10) == 2)
    #expect(wheel.remove(second) == false)
    // A handle of another wheel, where there never was as much.
    var other = TimerWheel()
    #expect(other.remove(first) == false)
    #expect(wheel.count == 0)
  }

  @Test func reservedRoomIsKept() {
    var wheel = TimerWheel()
    wheel.reserve(100)
    let capacity = wheel.capacity
    #expect(capacity >= 100)
    for round in 0..<50 as Range<UInt64> {
      for number in 0..<100 as Range<UInt64> {
        #expect(wheel.bytesToGrow == 0)
        _ = wheel.add(deadline: round * 1_000_000 + number * 100, payload: number)
      }
      var taken = 0
      while wheel.takeExpired(now: round * 1_000_000 + 50_000) != nil { taken += 1 }
      #expect(taken == 100)
    }
    #expect(wheel.capacity == capacity)
    for number in 0..<UInt64(capacity) { _ = wheel.add(deadline: number, payload: 0) }
    #expect(wheel.capacity == capacity)
    #expect(wheel.bytesToGrow >= capacity * 32)
    // By little more: still room for much.
    wheel.reserve(capacity + 1)
    #expect(wheel.capacity >= 2 * capacity)
  }

  /// Deadlines just before, at and after the places where a digit of the tick's number changes.
  @Test func bordersBetweenLevels() {
    for start in [0, 1023, 65_535, 0x1234_5678_9abc, 0xffff_ffff_ffff] as [UInt64] {
      var wheel = TimerWheel()
      #expect(wheel.takeExpired(now: start) == nil)
      var deadlines: [UInt64] = []
      for level in 0..<9 as Range<UInt64> {
        let border = (start >> (10 + 6 * level) + 1) << (10 + 6 * level)
        deadlines += [border - 1, border, border + 1, border + 1023, border + 1024]
      }
      deadlines = deadlines.filter { $0 > start }
      for deadline in deadlines.reversed() { _ = wheel.add(deadline: deadline, payload: deadline) }
      for deadline in deadlines.sorted() {
        #expect(wheel.nextDeadline == deadline)
        #expect(wheel.takeExpired(now: deadline - 1) == nil)
        #expect(wheel.takeExpired(now: deadline) == deadline)
      }
      #expect(wheel.count == 0)
    }
  }

  /// Many within one finest slot, half of them not yet reached: neither may cost the square of their number.
  @Test func aCrowdInOneSlot() {
    let many: UInt64 = 200_000
    var wheel = TimerWheel()
    for number in 0..<many {
      _ = wheel.add(deadline: 10 << 30 | (number * 7919) % 1024, payload: (number * 7919) % 1024)
    }
    #expect(wheel.nextDeadline == 10 << 30)
    var taken = 0
    var isEarly = false
    while let payload = wheel.takeExpired(now: 10 << 30 | 511) {
      taken += 1
      if payload > 511 { isEarly = true }
    }
    #expect(!isEarly)
    #expect(taken == (0..<many).count { ($0 * 7919) % 1024 < 512 })
    #expect(wheel.nextDeadline == 10 << 30 | 512)
    while wheel.takeExpired(now: 10 << 30 | 1023) != nil { taken += 1 }
    #expect(taken == Int(many))
  }

  /// Equal timeouts, the oldest woken first, and the timer set anew each time.
  @Test func equalTimeoutsInOrder() {
    var wheel = TimerWheel()
    var handles: [TimerWheel.Handle] = []
    for number in 0..<100_000 as Range<UInt64> {
      handles.append(wheel.add(deadline: 30_000_000_000 + number, payload: number))
    }
    var isExact = true
    for number in 0..<100_000 {
      if wheel.nextDeadline != 30_000_000_000 + UInt64(number) { isExact = false }
      wheel.remove(handles[number])
    }
    #expect(isExact)
    #expect(wheel.nextDeadline == nil)
  }

  /// A random step that is as often short as long.
  private func step(_ generator: inout SeededGenerator, below bits: UInt64) -> UInt64 {
    let bits = UInt64.random(in: 0..<bits, using: &generator)
    return UInt64.random(in: 0...(1 << bits), using: &generator)
  }

  @Test(arguments: 0..<120) func equalsTheModel(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var wheel = TimerWheel()
    var model = Model()
    var stale: [TimerWheel.Handle] = []
    var now: UInt64 = seed % 5 == 0 ? 0 : step(&generator, below: 63)
    // Near deadlines only, far ones, or both; and a clock that jumps or creeps.
    let reach: UInt64 = [12, 20, 32, 45, 63][seed % 5]
    let pace: UInt64 = [4, 12, 20, 30, 45, 62][seed % 6]
    var payload: UInt64 = 0
    var failures: [String] = []
    for _ in 0..<1500 where failures.isEmpty {
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<4:
        let distance = min(.max - now, step(&generator, below: reach))
        let isPast = Int.random(in: 0..<20, using: &generator) == 0
        let deadline =
          isPast
          ? now - min(now, distance) : UInt64.random(in: 0..<500, using: &generator) == 0 ? .max : now + distance
        payload += 1
        let handle = wheel.add(deadline: deadline, payload: payload)
        model.entries.append(
          .init(deadline: deadline, payload: payload, handle: handle, isOrdered: deadline > now))
      case 4..<7:
        guard let index = model.entries.indices.randomElement(using: &generator) else { continue }
        let entry = model.entries.remove(at: index)
        if !wheel.remove(entry.handle) { failures.append("lost \(entry)") }
        stale.append(entry.handle)
      case 7:
        if let handle = stale.randomElement(using: &generator), wheel.remove(handle) { failures.append("stale handle") }
      default:
        now += min(.max - now, step(&generator, below: pace))
        var limit = Int.random(in: 0..<4, using: &generator) == 0 ? 1 : Int.max
        // A processor whose clock is a little behind.
        let asked = Int.random(in: 0..<10, using: &generator) == 0 ? now - min(now, 3000) : now
        while limit > 0 {
          limit -= 1
          let taken = wheel.takeExpired(now: asked)
          guard let taken else {
            if let first = model.earliest, first <= asked { failures.append("missed \(first)") }
            break
          }
          guard let index = model.entries.firstIndex(where: { $0.payload == taken }) else {
            failures.append("taken twice \(taken)")
            break
          }
          let entry = model.entries.remove(at: index)
          stale.append(entry.handle)
          if entry.deadline > asked { failures.append("early \(entry) at \(asked)") }
          let isOvertaken = model.entries.contains { $0.isOrdered && $0.deadline >> 10 < entry.deadline >> 10 }
          if entry.isOrdered && isOvertaken { failures.append("out of order \(entry)") }
        }
      }
      if wheel.nextDeadline != model.earliest { failures.append("next deadline") }
      if wheel.count != model.entries.count { failures.append("count") }
    }
    #expect(failures.isEmpty)
  }
}
