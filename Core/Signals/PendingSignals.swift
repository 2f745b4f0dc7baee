// SPDX-License-Identifier: Apache-2.0

/// Signals that were sent and not yet delivered, with what is known about each.
///
/// A standard signal (below 32) is pending at most once; real-time signals queue, in the order in which
/// they came (POSIX.1-2017, 2.4.1). The queue is bounded: RLIMIT_SIGPENDING of Linux is a limit as well.
public struct PendingSignals {
  /// Which numbers are pending.
  public private(set) var set = SignalSet()
  /// nil until something waits for the first time: an empty array is made at run time, and every access to a
  /// global that holds one would ask whether that was done.
  private var queue: [SignalInformation]?
  /// How many occurrences may wait.
  public static let capacity = 1024

  public init() {}

  /// How many occurrences wait.
  public var count: Int { queue?.count ?? 0 }

  /// Adds an occurrence. False: the queue is full and a queued signal (`sigqueue`, a timer) is refused, so
  /// that its sender can be told; a plain one is then pending without its details, as on Linux.
  public mutating func add(_ information: SignalInformation) -> Bool {
    let number = Int(information.number)
    guard Signal.isValid(number) else { return true }
    if number < Signal.firstRealTime && set.contains(number) { return true }
    if count >= Self.capacity {
      if number >= Signal.firstRealTime && information.code != SignalInformation.user { return false }
      set.insert(number)
      return true
    }
    if queue == nil { queue = [] }
    queue?.append(information)
    set.insert(number)
    return true
  }

  /// Takes the first signal that `mask` does not block; nil if there is none.
  public mutating func take(blocked mask: SignalSet) -> SignalInformation? {
    guard let number = set.subtracting(mask).first else { return nil }
    return take(number)
  }

  /// Takes the oldest occurrence of `number`, which is pending.
  private mutating func take(_ number: Int) -> SignalInformation {
    let first = index(of: number, from: 0)
    guard let first, let found = queue?.remove(at: first) else {
      // It was sent while the queue was full.
      set.remove(number)
      return SignalInformation(number, code: SignalInformation.user)
    }
    if index(of: number, from: first) == nil { set.remove(number) }
    return found
  }

  private func index(of number: Int, from start: Int) -> Int? {
    guard let queue else { return nil }
    var index = start
    while index < queue.count {
      if queue[index].number == Int32(truncatingIfNeeded: number) { return index }
      index += 1
    }
    return nil
  }

  /// Forgets all occurrences of the signals in `numbers`.
  public mutating func discard(_ numbers: SignalSet) {
    guard !set.intersection(numbers).isEmpty else { return }
    set = set.subtracting(numbers)
    queue?.removeAll { numbers.contains(Int($0.number)) }
  }
}
