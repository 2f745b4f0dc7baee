// SPDX-License-Identifier: Apache-2.0
import Elf
import HostSystem
public import SystemPackage

/// Names for the places in the kernel that its reports mention as `kernel+0x1a2b`: offsets from the kernel's base, which
/// is another one at each start.
public struct KernelSymbols: Sendable {
  private static let marker = "kernel+0x"

  private let debugFile: FilePath

  /// `debugFile` is the kernel before its symbols were stripped; it is opened only when a report asks for it.
  public init(debugFile: FilePath) {
    self.debugFile = debugFile
  }

  /// `text`, with ` (symbol+0x…)` after each place that has a name.
  func annotate(_ text: String) -> String {
    guard text.contains(Self.marker), let symbols = SymbolTable(debugFile) else { return text }
    var result = ""
    var rest = Substring(text)
    while let start = rest.firstRange(of: Self.marker) {
      let digits = rest[start.upperBound...].prefix { $0.isHexDigit }
      result += rest[..<digits.endIndex]
      rest = rest[digits.endIndex...]
      if let offset = UInt64(digits, radix: 16), let name = symbols.name(at: offset) { result += " (\(name))" }
    }
    return result + rest
  }
}

/// The symbols of one ELF file.
private struct SymbolTable {
  private let program: ElfProgram
  private let finder: ElfSymbolFinder

  init?(_ path: FilePath) {
    guard let file = try? OpenFile.open(path), let size = try? file.status().size,
      let prefix = try? file.bytes(at: 0, count: 4096),
      let program = try? ElfProgram(parsing: prefix.span, fileSize: UInt64(size))
    else { return nil }
    self.program = program
    finder = ElfSymbolFinder(header: program.header) { offset, count in
      guard let bytes = try? file.bytes(at: Int64(clamping: offset), count: count), bytes.count == count
      else { return nil }
      return bytes
    }
  }

  /// `function+0x12` for the place so many bytes after the file's lowest address.
  func name(at offset: UInt64) -> String? {
    let (address, overflow) = program.lowestAddress.addingReportingOverflow(offset)
    guard !overflow, let symbol = finder.symbol(at: address) else { return nil }
    let name = demangled(String(decoding: symbol.name, as: UTF8.self))
    return address == symbol.address ? name : "\(name)+0x\(String(address - symbol.address, radix: 16))"
  }
}
