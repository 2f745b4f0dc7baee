// SPDX-License-Identifier: Apache-2.0
import Elf
import HostSystem
import SystemPackage

/// What matters of an ELF file for packing it: its interpreter and its libraries.
struct ElfFile {
  let interpreter: FilePath?
  let dynamic: ElfDynamicSection?
  let hasExecutableEntry: Bool

  /// Enough for the headers of every ordinary file.
  private static let prefixSize = 4096

  /// Reads the headers and the dynamic section of `file`, and nothing else of it.
  init(_ file: OpenFile) throws(ElfError) {
    do throws(Errno) {
      let size = UInt64(try file.status().size)
      var prefix = try file.bytes(at: 0, count: Self.prefixSize)
      let program: ElfProgram
      do throws(ElfError) {
        program = try ElfProgram(parsing: prefix.span, fileSize: size)
      } catch .programHeadersBeyond(let needed) where needed <= size {
        prefix = try file.bytes(at: 0, count: Int(needed))
        program = try ElfProgram(parsing: prefix.span, fileSize: size)
      }
      try self.init(program, file)
    } catch let error as ElfError {
      throw error
    } catch {
      throw .truncated
    }
  }
}
