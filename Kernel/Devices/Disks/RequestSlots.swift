// SPDX-License-Identifier: Apache-2.0

/// The requests that a device has, each under a small number.
struct RequestSlots {
  private var requests: [DiskRequest?]
  private var free: [UInt8] = []

  /// Room for `count`, at most 256.
  init(count: Int) {
    requests = [DiskRequest?](repeating: nil, count: count)
    for slot in 0..<count { free.append(UInt8(slot)) }
  }

  /// The number that `add` will give; nil: there is no room.
  var next: Int? { free.last.map { Int($0) } }

  /// Keeps `request` under the number `next`.
  mutating func add(_ request: DiskRequest) {
    if let slot = free.popLast() { requests[Int(slot)] = request }
  }

  /// Takes the request under a number out; nil: there is none.
  mutating func remove(_ slot: Int) -> DiskRequest? {
    guard let request = requests[slot] else { return nil }
    requests[slot] = nil
    free.append(UInt8(slot))
    return request
  }

  /// Takes out all: the device broke the rules, is not asked again, and nothing that it says counts.
  mutating func removeAll() -> [DiskRequest] {
    let all = requests.compactMap { $0 }
    for slot in requests.indices { requests[slot] = nil }
    return all
  }
}
