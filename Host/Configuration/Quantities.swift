// SPDX-License-Identifier: Apache-2.0

/// The number of bytes that `text` says: `256M`, `256 MiB`, `1.5G`, `65536`. Units are powers of two whatever their
/// spelling, upper or lower case; a bare number is bytes. Nil if it is not a size or does not fit 63 bits.
public func bytes(fromSize text: String) -> UInt64? {
  let trimmed = text.filter { $0 != " " && $0 != "_" }.lowercased()
  let number = trimmed.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
  let shift: Double
  switch trimmed.dropFirst(number.count) {
  case "", "b": shift = 1
  case "k", "kb", "kib": shift = 0x1p10
  case "m", "mb", "mib": shift = 0x1p20
  case "g", "gb", "gib": shift = 0x1p30
  case "t", "tb", "tib": shift = 0x1p40
  default: return nil
  }
  guard let value = Double(number), value >= 0, value * shift < 0x1p63 else { return nil }
  return UInt64(value * shift)
}

/// As `bytes(fromSize:)`, where `+64M` means that much free space besides the content.
public func diskSize(from text: String) -> DiskSize? {
  if text.hasPrefix("+") { return bytes(fromSize: String(text.dropFirst())).map(DiskSize.free) }
  return bytes(fromSize: text).map(DiskSize.total)
}

/// The duration that `text` says: `30` and `30s` are seconds; also `500ms`, `2m`, `1h`. Nil if it is none.
public func duration(from text: String) -> Duration? {
  let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
  let seconds: Double
  switch text.dropFirst(number.count) {
  case "ms": seconds = 0.001
  case "", "s": seconds = 1
  case "m", "min": seconds = 60
  case "h": seconds = 3600
  default: return nil
  }
  guard let value = Double(number), value * seconds < 1e9 else { return nil }
  return .seconds(value * seconds)
}

/// `bytes` as a person would write it: `64 MiB`, `1.5 GiB`, `512 bytes`.
public func describe(bytes: UInt64) -> String {
  for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] as [(UInt64, String)]
  where bytes >> shift > 0 {
    let tenths = (bytes * 10) >> shift
    return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
  }
  return "\(bytes) bytes"
}
