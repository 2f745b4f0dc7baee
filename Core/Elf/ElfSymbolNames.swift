// SPDX-License-Identifier: Apache-2.0

/// The names in a file's symbol tables, for telling by them what was linked into a program.
///
/// `read` returns exactly the asked number of bytes of the file, or nil.
public struct ElfSymbolNames {
  /// How much of a table is in memory at a time, in bytes.
  private static let chunkSize = 1 << 20
  /// The most bytes of a name that are looked at and returned.
  private static let maximumNameLength = 256

  private let header: ElfHeader
  private let read: (_ offset: UInt64, _ count: Int) -> [UInt8]?

  public init(header: ElfHeader, read: @escaping (_ offset: UInt64, _ count: Int) -> [UInt8]?) {
    self.header = header
    self.read = read
  }

  /// The first name that begins with one of `prefixes`; nil if none does, or the tables are damaged. Names of symbols
  /// that the file asks for count as well as those that it has.
  public func first(beginningWith prefixes: [[UInt8]]) -> [UInt8]? {
    for index in 0..<header.sectionHeaderCount {
      guard let section = ElfSection(index, header, read) else { return nil }
      guard section.type == ElfSection.symbols || section.type == ElfSection.exportedSymbols,
        let strings = ElfSection(Int(section.link), header, read)
      else { continue }
      if let name = first(beginningWith: prefixes, in: strings) { return name }
    }
    return nil
  }

  private func first(beginningWith prefixes: [[UInt8]], in strings: ElfSection) -> [UInt8]? {
    let (_, overflow) = strings.offset.addingReportingOverflow(strings.size)
    guard !overflow else { return nil }
    var position: UInt64 = 0
    while position < strings.size {
      let count = Int(min(UInt64(Self.chunkSize), strings.size - position))
      guard let data = read(strings.offset + position, count), data.count == count else { return nil }
      let isLast = position + UInt64(count) == strings.size
      // What begins near the end of a chunk is looked at again in the next, which starts there.
      let end = isLast ? count : max(1, count - Self.maximumNameLength)
      if let name = Self.first(beginningWith: prefixes, in: data, before: end, isStart: position == 0) { return name }
      position += UInt64(end)
    }
    return nil
  }

  /// Looks at the names that begin before `end`: each after a zero byte, and at the start of the table.
  private static func first(
    beginningWith prefixes: [[UInt8]], in data: [UInt8], before end: Int, isStart: Bool
  ) -> [UInt8]? {
    for index in 0..<end where data[index] == 0 || (isStart && index == 0) {
      let start = data[index] == 0 ? index + 1 : index
      for prefix in prefixes where start + prefix.count <= data.count {
        // Most names differ in the first byte: no call and no slice for those.
        guard data[start] == prefix[0], data[start..<start + prefix.count].elementsEqual(prefix) else { continue }
        return Array(data[start...].prefix(maximumNameLength).prefix { $0 != 0 })
      }
    }
    return nil
  }
}
