// SPDX-License-Identifier: Apache-2.0

/// The symbol nearest below an address.
public struct ElfSymbol: Equatable, Sendable {
  /// The name as in the file (mangled).
  public let name: [UInt8]
  /// The address at which the symbol starts, as in the file (without a base).
  public let address: UInt64
  /// Its size in bytes; 0 if the file does not say.
  public let size: UInt64
}

/// Finds the symbol that an address of a program belongs to, for a crash report: in bounded memory, since the
/// kernel has no use for a whole symbol table, and on a file that may be corrupt.
///
/// `read` returns exactly the asked number of bytes of the file, or nil.
public struct ElfSymbolFinder {
  /// How much of a table is in memory at a time, in bytes; a multiple of the entries' sizes.
  private static let chunkSize = 24 * 64
  /// Longer names are cut.
  private static let maximumNameLength = 512

  private let header: ElfHeader
  private let read: (_ offset: UInt64, _ count: Int) -> [UInt8]?

  public init(header: ElfHeader, read: @escaping (_ offset: UInt64, _ count: Int) -> [UInt8]?) {
    self.header = header
    self.read = read
  }

  /// The function or object nearest at or below `address` (as in the file, without a base): from .symtab if the
  /// file has one, otherwise from .dynsym; nil if there is none or the tables are damaged.
  public func symbol(at address: UInt64) -> ElfSymbol? {
    var full: ElfSection?
    var exported: ElfSection?
    for index in 0..<header.sectionHeaderCount {
      guard let section = ElfSection(index, header, read) else { return nil }
      if section.type == ElfSection.symbols { full = section }
      if section.type == ElfSection.exportedSymbols { exported = section }
    }
    guard let table = full ?? exported, let strings = ElfSection(Int(table.link), header, read),
      let best = nearest(to: address, in: table)
    else { return nil }
    return ElfSymbol(name: name(at: UInt64(best.name), in: strings), address: best.value, size: best.size)
  }

  private struct Entry {
    let name: UInt32
    let value: UInt64
    let size: UInt64
  }

  private func nearest(to address: UInt64, in table: ElfSection) -> Entry? {
    var best: Entry?
    var position: UInt64 = 0
    let (_, overflow) = table.offset.addingReportingOverflow(table.size)
    guard !overflow else { return nil }
    while table.size - position >= 24 {
      let count = Int(min(UInt64(Self.chunkSize), (table.size - position) / 24 * 24))
      guard let data = read(table.offset + position, count), data.count == count else { break }
      let bytes = ElfBytes(data.span)
      for offset in stride(from: 0, to: count, by: 24) {
        do throws(ElfError) {
          let entry = try Self.entry(bytes, offset)
          guard let entry, entry.value <= address, entry.value >= best?.value ?? 0 else { continue }
          // Of several at one address the one with a size is the function, the others are labels.
          if let best, best.value == entry.value, best.size >= entry.size { continue }
          best = entry
        } catch { return best }
      }
      position += UInt64(count)
    }
    return best
  }

  /// The symbol at `offset` if it is a defined function or object or has no type (System V ABI, "Symbol Table").
  private static func entry(_ bytes: ElfBytes, _ offset: Int) throws(ElfError) -> Entry? {
    let type = UInt8(truncatingIfNeeded: try bytes.number16(offset + 4)) & 15
    let sectionIndex = try bytes.number16(offset + 6)
    let name = try bytes.number32(offset)
    // 0: no type, 1: object, 2: function, 10: indirect function. Section 0 is "undefined", 0xfff1 "absolute".
    guard type <= 2 || type == 10, sectionIndex != 0, sectionIndex != 0xfff1, name != 0 else { return nil }
    return Entry(name: name, value: try bytes.number64(offset + 8), size: try bytes.number64(offset + 16))
  }

  private func name(at offset: UInt64, in strings: ElfSection) -> [UInt8] {
    guard offset < strings.size else { return [] }
    let (start, overflow) = strings.offset.addingReportingOverflow(offset)
    let count = Int(min(UInt64(Self.maximumNameLength), strings.size - offset))
    guard !overflow, let data = read(start, count) else { return [] }
    return Array(data.prefix { $0 != 0 })
  }
}
