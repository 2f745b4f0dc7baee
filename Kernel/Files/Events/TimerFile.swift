// SPDX-License-Identifier: Apache-2.0
import Machine

/// The timer of timerfd_create(2). How often it has expired is computed when somebody asks; the machine's timer only
/// wakes those who wait, once until the next read, as on Linux.
final class TimerFile: UnnamedNode {
  private let isRealtime: Bool
  /// On the timer's own clock; 0 while it is not set.
  private var deadline: UInt64 = 0
  private var interval: UInt64 = 0
  /// Where `TimerFiles` keeps it while it is set.
  private var place: Int?

  init(isRealtime: Bool) {
    self.isRealtime = isRealtime
    super.init()
    isToldOfClosing = true
  }

  private func now() -> UInt64 { isRealtime ? Clock.realtimeNanoseconds() : Clock.monotonicNanoseconds() }

  /// Expirations that nobody has read.
  private func expirations(_ now: UInt64) -> UInt64 {
    guard deadline != 0, now >= deadline else { return 0 }
    return interval == 0 ? 1 : (now &- deadline) / interval &+ 1
  }

  override func readiness() -> Readiness { expirations(now()) > 0 ? .readable : [] }

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    guard count >= 8 else { throw .EINVAL }
    var found = expirations(now())
    if found == 0 {
      guard mayWait else { throw .EAGAIN }
      try Wait.until(waiters.queue) {
        found = self.expirations(self.now())
        return found > 0
      }
    }
    deadline = interval == 0 ? 0 : deadline.addingSaturating(interval.multiplyingSaturating(found))
    arm()
    try check(ProgramMemory.storeWord(found, at: address))
    return 8
  }

  /// Nanoseconds until the next expiration (0: none will come), and the interval.
  func remaining() -> (value: UInt64, interval: UInt64) {
    let now = now()
    guard deadline != 0 else { return (0, interval) }
    if deadline > now { return (deadline &- now, interval) }
    return (interval == 0 ? 0 : interval &- (now &- deadline) % interval, interval)
  }

  /// Lets it expire after or at `value` (0: never) and then every `interval` (0: only once).
  func set(value: UInt64, isAbsolute: Bool, interval new: UInt64) throws(Errno) {
    if value != 0 && place == nil { try TimerFiles.reserve() }
    interval = new
    deadline = value == 0 ? 0 : isAbsolute ? value : now().addingSaturating(value)
    arm()
  }

  /// Lets the machine's timer go off at the deadline.
  private func arm() {
    if let place { TimerFiles.remove(place) }
    place = nil
    guard deadline != 0 else { return }
    let now = now()
    let left = deadline > now ? deadline &- now : 0
    place = TimerFiles.add(self, deadline: Clock.monotonicNanoseconds().addingSaturating(left))
  }

  fileprivate func expired() {
    place = nil
    // The wall clock may have been found to be late meanwhile.
    if expirations(now()) > 0 { waiters.wake(.input) } else { arm() }
  }

  override func closed(_ flags: OpenFlags) {
    deadline = 0
    arm()
  }
}

/// The timers of descriptors that are set, by the numbers under which `Timers` knows them.
enum TimerFiles {
  private enum Place {
    case taken(TimerFile, Timers.Handle)
    /// With the next place that is free. Giving one back must need no memory.
    case free(Int)
  }
  private static var places: [Place] = []
  private static var firstFree = -1

  /// Makes sure of the memory for one more.
  static func reserve() throws(Errno) {
    try reserveKernelMemory(bytes: (firstFree < 0 ? places.bytesToGrow : 0) &+ Timers.bytesToGrow)
  }

  fileprivate static func add(_ file: TimerFile, deadline: UInt64) -> Int {
    let place: Int
    if firstFree >= 0, case .free(let next) = places[firstFree] {
      place = firstFree
      firstFree = next
    } else {
      place = places.count
      places.append(.free(-1))
    }
    places[place] = .taken(file, Timers.add(deadline: deadline, .file(Int32(truncatingIfNeeded: place))))
    return place
  }

  private static func free(_ place: Int) {
    places[place] = .free(firstFree)
    firstFree = place
  }

  fileprivate static func remove(_ place: Int) {
    if case .taken(_, let timer) = places[place] { Timers.remove(timer) }
    free(place)
  }

  static func expired(_ place: Int) {
    guard case .taken(let file, _) = places[place] else { return }
    free(place)
    file.expired()
  }
}
