// SPDX-License-Identifier: Apache-2.0
import Elf
import HostSystem
import SystemPackage

/// What matters of an ELF file for packing it: its interpreter and its libraries.
struct ElfFile {
  let interpreter: FilePath?
  let dynamic: ElfDynamicSection?
  private let symbols: ElfSymbolNames

  /// Enough for the headers of every ordinary file.
  private static let prefixSize = 4096

  /// Reads the headers and the dynamic section of `file`, and nothing else of it.
  init(_ file: OpenFile) throws(ElfError) {
    guard let size = try? UInt64(file.status().size), let prefix = try? file.bytes(at: 0, count: Self.prefixSize)
    else { throw .truncated }
    let program: ElfProgram
    do throws(ElfError) {
      program = try ElfProgram(parsing: prefix.span, fileSize: size)
    } catch .programHeadersBeyond(let needed) {
      guard needed <= size, let longer = try? file.bytes(at: 0, count: Int(needed)) else { throw .truncated }
      program = try ElfProgram(parsing: longer.span, fileSize: size)
    }
    func read(_ offset: UInt64, _ count: Int) -> [UInt8]? {
      guard let bytes = try? file.bytes(at: Int64(offset), count: count), bytes.count == count else { return nil }
      return bytes
    }
    dynamic = try ElfDynamicSection(of: program, read: read)
    symbols = ElfSymbolNames(header: program.header, read: read)
    interpreter = program.interpreter.flatMap { read($0.offset, Int($0.count)) }.map { FilePath(decodingBytes: $0) }
  }

  /// The first name in the file's symbol tables that begins with one of `prefixes`. Reads all of the tables.
  func symbolName(beginningWith prefixes: [String]) -> String? {
    symbols.first(beginningWith: prefixes.map { Array($0.utf8) }).map { String(decoding: $0, as: UTF8.self) }
  }
}
