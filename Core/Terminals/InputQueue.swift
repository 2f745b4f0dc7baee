// SPDX-License-Identifier: Apache-2.0

/// What was typed and not yet read, in the order of typing; with the ends of lines.
struct InputQueue {
  /// N_TTY_BUF_SIZE. One place is kept for the end of a line that is too long.
  static let capacity = 4096

  /// A byte; or the end of a file, which ends a line without being in it.
  private static let lineEnd: UInt16 = 0x100
  private static let isNoByte: UInt16 = 0x200

  private var elements: [UInt16] = []
  /// The first that has not been read.
  private var first = 0
  /// How many, from the first, are complete lines.
  private(set) var completeCount = 0

  var count: Int { elements.count - first }
  /// How many belong to the line that is being typed.
  var incompleteCount: Int { count - completeCount }
  var hasLine: Bool { completeCount > 0 }

  /// The byte at `index` of the line that is being typed.
  func incomplete(at index: Int) -> UInt8 { UInt8(truncatingIfNeeded: elements[first + completeCount + index]) }

  mutating func append(_ byte: UInt8) { elements.append(UInt16(byte)) }

  /// Ends the line with `byte`, or, if that is nil, where it is.
  mutating func endLine(with byte: UInt8?) {
    elements.append(Self.lineEnd | (byte.map { UInt16($0) } ?? Self.isNoByte))
    completeCount = count
  }

  /// Takes the last `number` bytes of the line that is being typed away.
  mutating func removeLast(_ number: Int) { elements.removeLast(number) }

  mutating func removeAll() {
    elements = []
    first = 0
    completeCount = 0
  }

  /// All that is there becomes a line, as if it had been ended.
  mutating func completeAll() {
    guard count > 0 else { return }
    elements[elements.count - 1] |= Self.lineEnd
    completeCount = count
  }

  /// There are no lines any more, only bytes.
  mutating func forgetLines() {
    for index in first..<elements.count { elements[index] &= 0xff }
    completeCount = 0
  }

  /// Takes at most `limit` bytes, and with `ofLine` none behind the end of the first line.
  mutating func take(_ limit: Int, ofLine: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    while first < elements.count, bytes.count < limit {
      let element = elements[first]
      first += 1
      completeCount = max(0, completeCount - 1)
      if element & Self.isNoByte == 0 || !ofLine { bytes.append(UInt8(truncatingIfNeeded: element)) }
      if ofLine, element & Self.lineEnd != 0 { break }
    }
    if first == elements.count {
      elements.removeAll(keepingCapacity: true)
      first = 0
    } else if first >= Self.capacity {
      elements.removeFirst(first)
      first = 0
    }
    return bytes
  }

  /// Bytes that a read of complete lines, or of everything, would find.
  func byteCount(ofLines: Bool) -> Int {
    guard ofLines else { return count }
    var result = 0
    for index in first..<first + completeCount where elements[index] & Self.isNoByte == 0 { result += 1 }
    return result
  }
}
