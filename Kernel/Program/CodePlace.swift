// SPDX-License-Identifier: Apache-2.0
import Collections
import Elf
import Machine

/// What an address of the program is: symbol and offset where its file has symbols, else file and offset.
struct CodePlace {
  let address: UInt64
  private var symbol: [UInt8] = []
  private var symbolOffset: UInt64 = 0
  private var file: [UInt8]?
  private var fileAddress: UInt64 = 0

  /// A return address belongs to the call before it (`isReturn`), which may be a function's last instruction.
  init(_ address: UInt64, isReturn: Bool) {
    self.address = address
    guard let index = addressSpace.map.index(containing: address) else { return }
    let entry = addressSpace.map.entries[index]
    guard let node = entry.value.node else { return }
    file = entry.value.location?.shownPath() ?? []
    let offset = entry.value.offset &+ (address &- entry.start)
    fileAddress = offset
    guard let program = Self.program(node), let linked = Self.linkedAddress(offset, program) else { return }
    fileAddress = linked
    let finder = ElfSymbolFinder(header: program.header) { Self.read(node, $0, $1) }
    guard let found = finder.symbol(at: isReturn ? linked &- 1 : linked) else { return }
    // Behind the end of a symbol stands something that has none, such as a static function of a stripped file.
    guard found.size == 0 || linked &- found.address <= found.size else { return }
    symbol = found.name
    symbolOffset = linked &- found.address
  }

  func append(to message: inout Message) {
    message.append(hexadecimal: address)
    if !symbol.isEmpty {
      message.append(" ")
      message.append(symbol)
      message.append("+")
      message.append(hexadecimal: symbolOffset)
    }
    guard let file else { return }
    message.append(" (")
    message.append(file)
    message.append("+")
    message.append(hexadecimal: fileAddress)
    message.append(")")
  }

  private static func read(_ node: Node, _ offset: UInt64, _ count: Int) -> [UInt8]? {
    guard count >= 0, count <= 1 << 16, offset <= node.size, UInt64(count) <= node.size &- offset else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    do throws(Errno) {
      guard try node.read(at: offset, into: &span) == count else { return nil }
    } catch { return nil }
    return bytes
  }

  private static func program(_ node: Node) -> ElfProgram? {
    guard let prefix = read(node, 0, Int(min(node.size, 4096))) else { return nil }
    do throws(ElfError) { return try ElfProgram(parsing: prefix.span, fileSize: node.size) } catch { return nil }
  }

  /// The address for which the byte at `offset` of the file is linked.
  private static func linkedAddress(_ offset: UInt64, _ program: ElfProgram) -> UInt64? {
    for segment in program.programHeaders where segment.type == ProgramHeader.load {
      // Mappings begin at whole pages, a little before the segment.
      let start = pageStart(segment.offset)
      if offset >= start && offset &- start < segment.fileSize &+ (segment.offset &- start) {
        return segment.virtualAddress &+ (offset &- segment.offset)
      }
    }
    return nil
  }
}
