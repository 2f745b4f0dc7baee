// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxHeaders
public import SystemPackage

/// One extended attribute of a file; the name carries its namespace, as in `security.capability`.
public struct ExtendedAttribute: Equatable, Sendable {
  public let name: [UInt8]
  public let value: [UInt8]

  public init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

/// The extended attributes of `path` itself (a symbolic link is not followed), sorted by name; none where the file
/// system has none.
public func extendedAttributes(of path: FilePath) throws(Errno) -> [ExtendedAttribute] {
  guard
    let list = try grown({ buffer in
      // SAFETY: the C library writes at most `buffer.count` bytes, during the call only.
      unsafe path.withPlatformString { unsafe llistxattr($0, &buffer, buffer.count) }
    })
  else { return [] }
  var attributes: [ExtendedAttribute] = []
  for name in list.split(separator: 0) {
    let terminatedName = Array(name) + [0]
    let value = try grown { buffer in
      // SAFETY: as above; the name is zero-terminated.
      unsafe path.withPlatformString { unsafe lgetxattr($0, terminatedName, &buffer, buffer.count) }
    }
    attributes.append(
      ExtendedAttribute(name: name.map { UInt8(bitPattern: $0) }, value: (value ?? []).map { UInt8(bitPattern: $0) }))
  }
  return attributes.sorted { $0.name.lexicographicallyPrecedes($1.name) }
}

/// Calls `body` with a buffer that grows until the answer fits; nil where the file system knows no attributes.
private func grown(_ body: (inout [CChar]) -> Int) throws(Errno) -> [CChar]? {
  var size = 256
  while true {
    var buffer = [CChar](repeating: 0, count: size)
    let length = body(&buffer)
    if length >= 0 { return Array(buffer[..<length]) }
    switch Errno(rawValue: errno) {
    case .outOfRange where size < 1 << 20: size *= 4
    case .notSupported, .noData: return nil
    case let error: throw error
    }
  }
}
