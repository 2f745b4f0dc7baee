// SPDX-License-Identifier: Apache-2.0

/// An array that is changed at one place for a while, then at another: a gap buffer, kept as two arrays of
/// which the second is reversed, so that the gap costs nothing and holds nothing.
///
/// Inserting and removing cost the distance from where that was done last. Below `threshold` elements it is
/// an ordinary array: moving a few kilobytes is cheaper than keeping the gap in the right place.
struct GapArray<Element> {
  private var front: [Element] = []
  /// The elements behind the gap, the last one first.
  private var back: [Element] = []
  private static var threshold: Int { 512 }

  init() {}

  @inline(__always) var count: Int { front.count &+ back.count }

  /// Bytes that one of the arrays may ask for in one piece within the next few insertions; 0 if there is room.
  var bytesToGrow: Int {
    let full = front.capacity &- front.count < 4 ? front.capacity : back.capacity &- back.count < 4 ? back.capacity : 0
    let isFull = front.capacity &- front.count < 4 || (!back.isEmpty && back.capacity &- back.count < 4)
    return isFull ? max(full, 4) &* 2 &* MemoryLayout<Element>.stride : 0
  }

  @inline(__always)
  subscript(index: Int) -> Element {
    _read {
      if index < front.count {
        yield front[index]
      } else {
        yield back[count &- 1 &- index]
      }
    }
    _modify {
      if index < front.count {
        yield &front[index]
      } else {
        yield &back[count &- 1 &- index]
      }
    }
  }

  /// Puts the gap before `index`.
  private mutating func moveGap(to index: Int) {
    while front.count > index { back.append(front.removeLast()) }
    while front.count < index, let element = back.popLast() { front.append(element) }
  }

  mutating func insert(_ element: Element, at index: Int) {
    if back.isEmpty && front.count < Self.threshold {
      front.insert(element, at: index)
      return
    }
    moveGap(to: index)
    front.append(element)
  }

  mutating func remove(at index: Int) {
    if back.isEmpty && front.count <= Self.threshold {
      front.remove(at: index)
      return
    }
    moveGap(to: index + 1)
    front.removeLast()
  }

  mutating func removeSubrange(_ range: Range<Int>) {
    if range.isEmpty { return }
    if back.isEmpty && front.count <= Self.threshold {
      front.removeSubrange(range)
      return
    }
    moveGap(to: range.upperBound)
    front.removeLast(range.count)
    if count <= Self.threshold / 2 { moveGap(to: count) }
  }
}
