// SPDX-License-Identifier: Apache-2.0

/// First in, first out: a ring in an array that grows by doubling.
public struct Queue<Element> {
  private var ring: [Element?] = []
  private var head = 0
  public private(set) var count = 0

  public init() {}

  public var isEmpty: Bool { count == 0 }
  /// Memory for the next `append`, for an allocator that gives powers of two; 0 if there is room.
  public var bytesToGrow: Int {
    count == ring.count ? Swift.max(4, count &* 2) &* MemoryLayout<Element?>.stride &* 2 : 0
  }

  /// The element at a position, 0 being the oldest.
  public subscript(position: Int) -> Element {
    get {
      precondition(position >= 0 && position < count)
      return ring[(head &+ position) & (ring.count &- 1)]!
    }
    set {
      precondition(position >= 0 && position < count)
      ring[(head &+ position) & (ring.count &- 1)] = newValue
    }
  }

  public var first: Element? { count == 0 ? nil : ring[head] }

  public mutating func append(_ element: Element) {
    if count == ring.count { grow() }
    ring[(head &+ count) & (ring.count &- 1)] = element
    count &+= 1
  }

  /// Takes the oldest out.
  @discardableResult
  public mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    var element: Element?
    swap(&element, &ring[head])
    head = (head &+ 1) & (ring.count &- 1)
    count &-= 1
    return element
  }

  private mutating func grow() {
    var larger = [Element?](repeating: nil, count: Swift.max(4, ring.count &* 2))
    for position in 0..<count { swap(&larger[position], &ring[(head &+ position) & (ring.count &- 1)]) }
    ring = larger
    head = 0
  }
}
