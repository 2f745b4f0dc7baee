// SPDX-License-Identifier: Apache-2.0
import Elf
import HostSystem
import SystemPackage

/// What matters of an ELF file for packing it: its interpreter and its libraries.
struct ElfFile {
  let interpreter: FilePath?
  let dynamic: ElfDynamicSection?

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
    interpreter = program.interpreter.flatMap { read($0.offset, Int($0.count)) }.map { FilePath(decodingBytes: $0) }
  }
}
