// SPDX-License-Identifier: Apache-2.0

/// Who waits for which moment: a hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing
/// Wheels", SOSP 1987, scheme 7) that is exact nevertheless. Adding and removing take constant time, however many
/// wait; most deadlines are removed before they are reached.
///
/// Deadlines are nanoseconds of the monotonic clock. Nothing ticks: a timer set to `nextDeadline` is all that is
/// needed, and when nothing waits there is none. What a deadline is for is the caller's: a `payload` of 64 bits.
///
/// In the steady state nothing is allocated. Memory grows with the greatest number of deadlines that ever waited at
/// once and is kept; whoever must bound it looks at `count`, `capacity` and `bytesToGrow` before `add`.
public struct TimerWheel: ~Copyable {
  /// One deadline that was added. It means nothing any more once that deadline was removed or taken; only 2³² later
  /// uses of the same memory could make it mean another.
  public struct Handle: Equatable, BitwiseCopyable, Sendable {
    let index: UInt32
    let generation: UInt32
  }

  private var entries: [TimerEntry] = []
  private var slots = TimerSlots()
  /// Deadlines that wait.
  public private(set) var count = 0

  public init() {}

  /// Deadlines that may wait at once before more memory is needed.
  public var capacity: Int { entries.capacity }

  /// Bytes of memory that the next `add` asks for in one piece; 0 while there is room.
  public var bytesToGrow: Int {
    count < entries.capacity ? 0 : max(entries.capacity, 4) &* 2 &* MemoryLayout<TimerEntry>.stride
  }

  /// Makes room for at least `minimum` deadlines at once, so that the adds up to there allocate nothing.
  public mutating func reserve(_ minimum: Int) {
    guard minimum > entries.capacity else { return }
    // Never by little: reserving one more each time must not copy everything each time.
    entries.reserveCapacity(max(minimum, entries.capacity &* 2))
  }

  /// Adds a deadline, which may lie in the past or be `UInt64.max`. `payload` is what `takeExpired` returns.
  public mutating func add(deadline: UInt64, payload: UInt64) -> Handle {
    count &+= 1
    if let handle = slots.add(deadline: deadline, payload: payload, &entries) { return handle }
    return append(deadline: deadline, payload: payload)
  }

  @inline(never)
  private mutating func append(deadline: UInt64, payload: UInt64) -> Handle {
    let index = UInt32(truncatingIfNeeded: entries.count)
    entries.append(TimerEntry(deadline: deadline, payload: payload))
    slots.link(index, &entries)
    return Handle(index: index, generation: 0)
  }

  /// Takes a deadline out, in constant time. False: it is not there any more, it was taken or removed before.
  @discardableResult
  public mutating func remove(_ handle: Handle) -> Bool {
    guard slots.remove(handle, &entries) else { return false }
    count &-= 1
    return true
  }

  /// Takes one deadline that is not after `now` out and returns its payload; nil if there is none. Called until it
  /// is nil after every interrupt of the timer; the cost of moving far deadlines nearer is paid here.
  ///
  /// Earlier ones come first, but where several lie within the same 1024 ns, or had already passed when they were
  /// added, their order is not defined. A `now` that is less than an earlier one is harmless.
  public mutating func takeExpired(now: UInt64) -> UInt64? {
    guard let index = slots.takeExpired(now: now, &entries) else { return nil }
    count &-= 1
    return entries[Int(index)].payload
  }

  /// The earliest deadline, exactly; nil if nothing waits.
  ///
  /// A few instructions as long as deadlines that lie close together were added in ascending order, as equal
  /// timeouts are; otherwise those that lie closest to the earliest are looked through.
  public var nextDeadline: UInt64? { mutating get { slots.earliest(entries) } }
}
