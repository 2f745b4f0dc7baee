// SPDX-License-Identifier: Apache-2.0

/// Bytes of a file of unknown origin: every access checks its range and throws `truncated`.
struct ElfBytes: ~Escapable {
  let span: Span<UInt8>

  @_lifetime(copy span)
  init(_ span: Span<UInt8>) { self.span = span }

  private func check(_ offset: Int, _ count: Int) throws(ElfError) {
    guard offset >= 0, offset <= span.count, count <= span.count &- offset else { throw .truncated }
  }

  func number16(_ offset: Int) throws(ElfError) -> UInt16 {
    try check(offset, 2)
    return UInt16(span[offset]) | UInt16(span[offset &+ 1]) << 8
  }

  func number32(_ offset: Int) throws(ElfError) -> UInt32 {
    try check(offset, 4)
    let bytes = span.extracting(offset..<(offset &+ 4))
    return UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16 | UInt32(bytes[3]) << 24
  }

  func number64(_ offset: Int) throws(ElfError) -> UInt64 {
    UInt64(try number32(offset)) | UInt64(try number32(offset &+ 4)) << 32
  }

  /// The bytes from `offset` up to a zero byte, without it.
  func string(_ offset: Int) throws(ElfError) -> [UInt8] {
    var result: [UInt8] = []
    var position = offset
    while true {
      try check(position, 1)
      if span[position] == 0 { return result }
      result.append(span[position])
      position &+= 1
    }
  }
}

extension Int {
  /// The number as an offset in a file in memory; one that is too large becomes one that is beyond every file.
  init(fileOffset: UInt64) { self = Int(clamping: fileOffset) }
}
