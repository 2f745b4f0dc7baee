// SPDX-License-Identifier: Apache-2.0

/// Signals that were sent and not yet delivered, with what is known about each.
///
/// A standard signal (below 32) is pending at most once; real-time signals queue, in the order in which
/// they came (POSIX.1-2017, 2.4.1). The queue is bounded: RLIMIT_SIGPENDING of Linux is a limit as well.
public struct PendingSignals {
  /// Which numbers are pending.
  public private(set) var set = SignalSet()
  private var queue: [SignalInformation] = []
  /// How many occurrences may wait.
  public static let capacity = 1024

  public init() {}

  /// How many occurrences wait.
  public var count: Int { queue.count }

  /// Adds an occurrence. False: the queue is full and a queued signal (`sigqueue`, a timer) is refused, so
  /// that its sender can be told; a plain one is then pending without its details, as on Linux.
  public mutating func add(_ information: SignalInformation) -> Bool {
    let number = Int(information.number)
    guard Signal.isValid(number) else { return true }
    if number < Signal.firstRealTime && set.contains(number) { return true }
    if queue.count >= Self.capacity {
      if number >= Signal.firstRealTime && information.code != SignalInformation.user { return false }
      set.insert(number)
      return true
    }
    queue.append(information)
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
    var found: SignalInformation? = nil
    var remains = false
    var index = 0
    while index < queue.count {
      if queue[index].number == Int32(truncatingIfNeeded: number) {
        if found != nil {
          remains = true
          break
        }
        found = queue[index]
        queue.remove(at: index)
      } else {
        index += 1
      }
    }
    if !remains { set.remove(number) }
    return found ?? SignalInformation(number, code: SignalInformation.user)
  }

  /// Forgets all occurrences of the signals in `numbers`.
  public mutating func discard(_ numbers: SignalSet) {
    guard !set.intersection(numbers).isEmpty else { return }
    set = set.subtracting(numbers)
    queue.removeAll { numbers.contains(Int($0.number)) }
  }
}
