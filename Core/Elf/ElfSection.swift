// SPDX-License-Identifier: Apache-2.0

/// What matters of a section header (System V ABI, "Sections").
struct ElfSection {
  static let symbols: UInt32 = 2
  static let exportedSymbols: UInt32 = 11

  let type: UInt32
  let offset: UInt64
  let size: UInt64
  /// For a symbol table, the section with its names.
  let link: UInt32

  /// Reads the header of section `index`; nil if the file has none or ends before it.
  init?(_ index: Int, _ header: ElfHeader, _ read: (_ offset: UInt64, _ count: Int) -> [UInt8]?) {
    guard index >= 0, index < header.sectionHeaderCount else { return nil }
    let (offset, overflow) = header.sectionHeaderOffset.addingReportingOverflow(UInt64(index) * 64)
    guard !overflow, let data = read(offset, 64) else { return nil }
    do throws(ElfError) {
      let bytes = ElfBytes(data.span)
      type = try bytes.number32(4)
      self.offset = try bytes.number64(24)
      size = try bytes.number64(32)
      link = try bytes.number32(40)
    } catch { return nil }
  }
}
