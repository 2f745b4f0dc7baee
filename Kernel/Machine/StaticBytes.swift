// SPDX-License-Identifier: Apache-2.0

/// The bytes of a literal.
public func bytes(of text: StaticString) -> [UInt8] {
  [UInt8](UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
}

extension Array where Element == UInt8 {
  /// Appends the bytes of a literal.
  public mutating func append(_ text: StaticString) {
    append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
