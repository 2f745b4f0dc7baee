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
    guard let segment = program.dynamic else { return nil }
    let bytes = ElfBytes(file)
    let start = Int(fileOffset: segment.offset)
    let entryCount = Int(fileOffset: segment.fileSize / 16)

    // The string table's place may come after the first use of it.
    var tableAddress: UInt64?
    var tableSize: UInt64?
    var uses: [(tag: UInt64, offset: UInt64)] = []
    entries: for index in 0..<entryCount {
      let position = start &+ index &* 16
      let tag = try bytes.number64(position)
      let value = try bytes.number64(position &+ 8)
      switch tag {
      case Tag.null: break entries
      case Tag.stringTable: tableAddress = value
      case Tag.stringTableSize: tableSize = value
      case Tag.needed, Tag.soname, Tag.searchPath, Tag.runPath: uses.append((tag, value))
      default: break
      }
    }
    guard !uses.isEmpty else { return }
    guard let tableAddress, let tableSize,
      let tableStart = program.fileOffset(of: tableAddress, count: tableSize),
      tableStart <= UInt64(file.count), tableSize <= UInt64(file.count) - tableStart
    else { throw .malformedDynamicSection }
    let table = ElfBytes(file.extracting(Int(tableStart)..<Int(tableStart + tableSize)))
    for use in uses {
      let string = try Self.string(table, use.offset)
      switch use.tag {
      case Tag.needed: needed.append(string)
      case Tag.soname: soname = string
      case Tag.searchPath: searchPath = string
      default: runPath = string
      }
    }
  }

  private static func string(_ table: ElfBytes, _ offset: UInt64) throws(ElfError) -> [UInt8] {
    do throws(ElfError) { return try table.string(Int(fileOffset: offset)) } catch { throw .malformedDynamicSection }
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
