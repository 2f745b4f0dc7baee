// SPDX-License-Identifier: Apache-2.0

/// The bytes of texts that stand in the kernel's image.
extension StaticString {
  /// The number of bytes in UTF-8.
  @inline(__always) public var byteCount: Int { utf8CodeUnitCount }

  /// The byte at `index`.
  @inline(__always)
  public func byte(at index: Int) -> UInt8 {
    precondition(index >= 0 && index < utf8CodeUnitCount)
    return utf8Start[index]
  }

  /// Whether `bytes` has exactly this text from `offset` on, for its whole length.
  public func isFound(in bytes: Span<UInt8>, at offset: Int) -> Bool {
    guard offset >= 0, offset <= bytes.count, byteCount <= bytes.count - offset else { return false }
    for index in 0..<byteCount where utf8Start[index] != bytes[offset + index] { return false }
    return true
  }
}
