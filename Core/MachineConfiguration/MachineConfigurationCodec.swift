// SPDX-License-Identifier: Apache-2.0
import Checksums

/// Why bytes are not a machine configuration.
public enum MachineConfigurationError: Error, Equatable {
  /// They do not start with the magic number.
  case notAConfiguration
  /// They end before the configuration does.
  case truncated
  /// The format's version is not known here.
  case unsupportedVersion(UInt32)
  /// They are longer than `MachineConfiguration.maximumEncodedSize`.
  case tooLong
  /// The checksum does not match.
  case checksumMismatch
  /// A field that must be understood is not known here.
  case unknownField(tag: UInt16)
  /// A field's value has the wrong length, or a string contains a zero byte.
  case malformedField(tag: UInt16)
}

// The format, all numbers little endian:
//
//     offset 0   magic     8 bytes  "VORTEILC"
//     offset 8   version   UInt32   1
//     offset 12  length    UInt32   of the fields, in bytes
//     offset 16  checksum  UInt32   CRC32C of the fields, seed ~0, inverted
//     offset 20  fields    each: tag UInt16, flags UInt16, length UInt32, value
//
// Flag 1 of a field says that a reader that does not know its tag may skip it. A field that is given twice
// replaces the first, except for arguments and environment, which are given once a string.

extension MachineConfiguration {
  /// The size of what precedes the fields, in bytes.
  public static let headerSize = 20
  /// The greatest size of an encoded configuration, in bytes: far more than Linux accepts as arguments.
  public static let maximumEncodedSize = 8 << 20

  static let magic: InlineArray<8, UInt8> = [0x56, 0x4f, 0x52, 0x54, 0x45, 0x49, 0x4c, 0x43]
  static let version: UInt32 = 1
  static let optionalFlag: UInt16 = 1

  /// Numbers of fields. They never change their meaning.
  enum Tag: UInt16 {
    case program = 1
    case argument = 2
    case environment = 3
    case workingDirectory = 4
    case hostname = 5
    case user = 6
    case allowsJIT = 7
  }

  /// The bytes of the configuration: a whole one, with header and checksum.
  ///
  /// Strings must not contain zero bytes and the result must not be longer than `maximumEncodedSize`:
  /// no reader would accept it.
  public func encode() -> [UInt8] {
    var fields: [UInt8] = []
    Self.append(.program, program, to: &fields)
    for argument in arguments { Self.append(.argument, argument, to: &fields) }
    for variable in environment { Self.append(.environment, variable, to: &fields) }
    Self.append(.workingDirectory, workingDirectory, to: &fields)
    Self.append(.hostname, hostname, to: &fields)
    Self.append(.user, Self.bytes(userID) + Self.bytes(groupID), to: &fields)
    Self.append(.allowsJIT, [allowsJIT ? 1 : 0], to: &fields)

    var result: [UInt8] = []
    result.reserveCapacity(Self.headerSize + fields.count)
    for index in 0..<8 { result.append(Self.magic[index]) }
    result += Self.bytes(Self.version)
    result += Self.bytes(UInt32(truncatingIfNeeded: fields.count))
    result += Self.bytes(~crc32c(~0, fields.span))
    return result + fields
  }

  private static func append(_ tag: Tag, _ value: [UInt8], to fields: inout [UInt8]) {
    fields += bytes(UInt32(tag.rawValue))  // The tag, and flags of zero.
    fields += bytes(UInt32(truncatingIfNeeded: value.count))
    fields += value
  }

  private static func bytes(_ number: UInt32) -> [UInt8] {
    [
      UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8),
      UInt8(truncatingIfNeeded: number >> 16), UInt8(truncatingIfNeeded: number >> 24),
    ]
  }

  /// The size in bytes of the configuration that starts with `header`, of which only the first `headerSize`
  /// bytes are looked at. A reader of a disk needs it to know how much to read.
  public static func encodedSize(_ header: Span<UInt8>) throws(MachineConfigurationError) -> Int {
    guard header.count >= headerSize else { throw .truncated }
    for index in 0..<8 where header[index] != magic[index] { throw .notAConfiguration }
    let version = number(header, at: 8)
    guard version == Self.version else { throw .unsupportedVersion(version) }
    let length = Int(number(header, at: 12))
    guard length <= maximumEncodedSize - headerSize else { throw .tooLong }
    return headerSize + length
  }

  /// Reads the configuration that `bytes` start with; what follows it (a partition's padding) is ignored.
  public init(decoding bytes: Span<UInt8>) throws(MachineConfigurationError) {
    let size = try Self.encodedSize(bytes)
    guard size <= bytes.count else { throw .truncated }
    let fields = bytes.extracting(Self.headerSize..<size)
    guard ~crc32c(~0, fields) == Self.number(bytes, at: 16) else { throw .checksumMismatch }

    self.init()
    var offset = 0
    while offset < fields.count {
      guard fields.count - offset >= 8 else { throw .truncated }
      let tag = UInt16(fields[offset]) | UInt16(fields[offset + 1]) << 8
      let flags = UInt16(fields[offset + 2]) | UInt16(fields[offset + 3]) << 8
      let length = Int(Self.number(fields, at: offset + 4))
      offset += 8
      guard length <= fields.count - offset else { throw .truncated }
      try decode(tag, flags, fields.extracting(offset..<(offset + length)))
      offset += length
    }
  }

  private mutating func decode(
    _ tag: UInt16, _ flags: UInt16, _ value: Span<UInt8>
  ) throws(MachineConfigurationError) {
    switch Tag(rawValue: tag) {
    case .program: program = try Self.string(value, tag)
    case .argument: arguments.append(try Self.string(value, tag))
    case .environment: environment.append(try Self.string(value, tag))
    case .workingDirectory: workingDirectory = try Self.string(value, tag)
    case .hostname: hostname = try Self.string(value, tag)
    case .user:
      guard value.count == 8 else { throw .malformedField(tag: tag) }
      userID = Self.number(value, at: 0)
      groupID = Self.number(value, at: 4)
    case .allowsJIT:
      guard value.count == 1, value[0] <= 1 else { throw .malformedField(tag: tag) }
      allowsJIT = value[0] == 1
    case nil:
      guard flags & Self.optionalFlag != 0 else { throw .unknownField(tag: tag) }
    }
  }

  private static func string(_ value: Span<UInt8>, _ tag: UInt16) throws(MachineConfigurationError) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(value.count)
    for index in 0..<value.count {
      guard value[index] != 0 else { throw .malformedField(tag: tag) }
      result.append(value[index])
    }
    return result
  }

  private static func number(_ bytes: Span<UInt8>, at offset: Int) -> UInt32 {
    UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
      | UInt32(bytes[offset + 3]) << 24
  }
}
