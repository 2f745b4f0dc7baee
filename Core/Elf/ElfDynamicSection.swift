// SPDX-License-Identifier: Apache-2.0

/// The dynamic section of a program or shared library (System V ABI, "Dynamic Section"): what a packer follows
/// to find the libraries that it needs. Strings are bytes, as in the file.
public struct ElfDynamicSection: Equatable, Sendable {
  /// DT_NEEDED: the libraries, in order.
  public private(set) var needed: [[UInt8]] = []
  /// DT_RPATH: directories to search, separated by colons; ignored by the loader if there is a `runPath`.
  public private(set) var searchPath: [UInt8]?
  /// DT_RUNPATH: directories to search, separated by colons.
  public private(set) var runPath: [UInt8]?
  /// DT_SONAME: the name of this library.
  public private(set) var soname: [UInt8]?

  private enum Tag {
    static let null: UInt64 = 0
    static let needed: UInt64 = 1
    static let stringTable: UInt64 = 5
    static let stringTableSize: UInt64 = 10
    static let soname: UInt64 = 14
    static let searchPath: UInt64 = 15
    static let runPath: UInt64 = 29
  }

  /// Reads the dynamic section out of the whole file; nil if it has none (a static program).
  public init?(parsing file: Span<UInt8>, of program: ElfProgram) throws(ElfError) {
    try self.init(of: program) { offset, count in
      guard offset <= UInt64(file.count), count <= file.count - Int(offset) else { return nil }
      var bytes: [UInt8] = []
      bytes.reserveCapacity(count)
      for index in Int(offset)..<Int(offset) + count { bytes.append(file[index]) }
      return bytes
    }
  }

  /// Reads the dynamic section through `read`, which returns exactly the asked number of bytes of the file, or nil:
  /// a few reads of a file that may be large. Nil if it has no dynamic section (a static program).
  public init?(
    of program: ElfProgram, read: (_ offset: UInt64, _ count: Int) -> [UInt8]?
  ) throws(ElfError) {
    guard let segment = program.dynamic else { return nil }
    guard let section = read(segment.offset, Int(fileOffset: segment.fileSize)) else { throw .truncated }
    let bytes = ElfBytes(section.span)

    // The string table's place may come after the first use of it.
    var tableAddress: UInt64?
    var tableSize: UInt64?
    var uses: [(tag: UInt64, offset: UInt64)] = []
    entries: for index in 0..<section.count / 16 {
      let tag = try bytes.number64(index &* 16)
      let value = try bytes.number64(index &* 16 &+ 8)
      switch tag {
      case Tag.null: break entries
      case Tag.stringTable: tableAddress = value
      case Tag.stringTableSize: tableSize = value
      case Tag.needed, Tag.soname, Tag.searchPath, Tag.runPath: uses.append((tag, value))
      default: break
      }
    }
    guard !uses.isEmpty else { return }
    guard let tableAddress, let tableSize, let tableStart = program.fileOffset(of: tableAddress, count: tableSize)
    else { throw .malformedDynamicSection }
    let table = ElfRange(offset: tableStart, count: tableSize)
    for use in uses {
      let string = try Self.string(table, use.offset, read)
      switch use.tag {
      case Tag.needed: needed.append(string)
      case Tag.soname: soname = string
      case Tag.searchPath: searchPath = string
      default: runPath = string
      }
    }
  }

  /// Longer than any path that Linux opens.
  private static let maximumStringLength: UInt64 = 64 * 1024

  private static func string(
    _ table: ElfRange, _ offset: UInt64, _ read: (UInt64, Int) -> [UInt8]?
  ) throws(ElfError) -> [UInt8] {
    guard offset < table.count else { throw .malformedDynamicSection }
    // Nearly every string is short: look at a little first.
    for limit in [256, maximumStringLength] {
      let count = min(limit, table.count - offset)
      guard let bytes = read(table.offset + offset, Int(count)) else { throw .malformedDynamicSection }
      if let end = bytes.firstIndex(of: 0) { return Array(bytes[..<end]) }
    }
    throw .malformedDynamicSection
  }
}

extension ElfProgram {
  /// Where in the file the `count` bytes at `address` are; nil if no segment has them all in the file.
  public func fileOffset(of address: UInt64, count: UInt64) -> UInt64? {
    for segment in programHeaders where segment.type == ProgramHeader.load {
      guard address >= segment.virtualAddress else { continue }
      let distance = address - segment.virtualAddress
      if distance <= segment.fileSize, count <= segment.fileSize - distance { return segment.offset + distance }
    }
    return nil
  }
}
