// SPDX-License-Identifier: Apache-2.0
import Elf
import Foundation
import Storage
import Testing

@Suite struct ElfTests {
  /// A program of this machine: dynamic and position independent, stripped.
  let shell = URL(fileURLWithPath: "/bin/sh")

  func parse(_ file: [UInt8]) throws(ElfError) -> ElfProgram {
    try ElfProgram(parsing: file.span.extracting(first: 4096), fileSize: UInt64(file.count))
  }

  // The compiler (6.3.1) fails on a span inside of #expect and #require.
  func dynamicSection(_ file: [UInt8], _ program: ElfProgram) throws(ElfError) -> ElfDynamicSection? {
    try ElfDynamicSection(parsing: file.span, of: program)
  }

  @Test func readsADynamicProgram() throws {
    let file = try [UInt8](Data(contentsOf: shell))
    let program = try parse(file)
    #expect(program.header.isPositionIndependent)
    #expect(program.loadableSegments.count >= 2)
    #expect(!program.wantsExecutableStack)
    #expect(program.relro != nil)
    let interpreter = try #require(program.interpreter)
    let path = file[Int(interpreter.offset)..<Int(interpreter.offset + interpreter.count)]
    #expect(String(decoding: path, as: UTF8.self) == "/lib64/ld-linux-x86-64.so.2")
    let dynamic = try #require(try dynamicSection(file, program))
    #expect(dynamic.needed.map { String(decoding: $0, as: UTF8.self) }.contains("libc.so.6"))
  }

  @Test func agreesWithReadelf() throws {
    let library = "/lib/x86_64-linux-gnu/libc.so.6"
    let file = try [UInt8](Data(contentsOf: URL(fileURLWithPath: library)))
    let program = try parse(file)
    let text = try run("readelf", ["-lW", library], package: "binutils").output
    let loads = text.split(separator: "\n").filter { $0.contains(" LOAD ") }
    #expect(loads.count == program.loadableSegments.count)
    for (line, segment) in zip(loads, program.loadableSegments) {
      let fields = line.split(separator: " ")
      func number(_ index: Int) -> UInt64? { UInt64(fields[index].dropFirst(2), radix: 16) }
      #expect(number(1) == segment.offset)
      #expect(number(2) == segment.virtualAddress)
      #expect(number(4) == segment.fileSize)
      #expect(number(5) == segment.memorySize)
    }
    #expect(program.threadLocal != nil)
    let dynamic = try #require(try dynamicSection(file, program))
    #expect(dynamic.soname.map { String(decoding: $0, as: UTF8.self) } == "libc.so.6")
  }

  @Test func findsSymbols() throws {
    let library = "/lib/x86_64-linux-gnu/libc.so.6"
    let file = try [UInt8](Data(contentsOf: URL(fileURLWithPath: library)))
    let finder = ElfSymbolFinder(header: try parse(file).header) { offset, count in
      guard offset <= UInt64(file.count), count <= file.count - Int(offset) else { return nil }
      return Array(file[Int(offset)..<(Int(offset) + count)])
    }
    let listing = try run("readelf", ["--dyn-syms", "-W", library], package: "binutils").output
    var checked = 0
    for line in listing.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count >= 8, fields[3] == "FUNC",
        ["getppid", "qsort_r", "malloc"].contains(where: {
          fields[7].hasPrefix($0 + "@@")
        })
      else { continue }
      let address = try #require(UInt64(fields[1], radix: 16))
      let symbol = try #require(finder.symbol(at: address + 5))
      #expect(symbol.address == address)
      #expect(symbol.size == UInt64(fields[2]))
      checked += 1
    }
    #expect(checked >= 2)
    #expect(finder.symbol(at: 0) == nil)
  }

  @Test func refusesWithTheReason() throws {
    let file = try [UInt8](Data(contentsOf: shell))
    func error(_ change: (inout [UInt8]) -> Void) -> ElfError? {
      var changed = file
      change(&changed)
      do throws(ElfError) {
        let prefix = changed.span.extracting(first: min(changed.count, 4096))
        _ = try ElfProgram(parsing: prefix, fileSize: UInt64(changed.count))
        return nil
      } catch { return error }
    }
    /// Sets a field of the program header with that type.
    func change(_ type: UInt32, _ offset: Int, _ value: UInt64) -> (inout [UInt8]) -> Void {
      { bytes in
        var span = bytes.mutableSpan
        for index in 0..<Int(span.littleEndian16(at: 56)) where span.littleEndian32(at: 64 + index * 56) == type {
          span.store64(value, at: 64 + index * 56 + offset)
          return
        }
      }
    }
    #expect(error { $0 = Array("#!/bin/sh\n".utf8) } == .notElf)
    #expect(error { $0 = [] } == .notElf)
    #expect(error { $0 = Array($0[..<40]) } == .truncated)
    #expect(error { $0[4] = 1 } == .not64Bit)
    #expect(error { $0[5] = 2 } == .notLittleEndian)
    #expect(error { $0[18] = 183 } == .wrongMachine(machine: 183))
    #expect(error { $0[16] = 1 } == .notExecutable(type: 1))
    #expect(error { $0[54] = 57 } == .malformedHeader)
    #expect(error { $0[57] = 0xff } == .tooManyProgramHeaders)
    #expect(error { $0[56] = 0 } == .noLoadableSegments)
    #expect(error { $0[33] = 0x20 } == .programHeadersBeyond(needed: 0x2040 + 56 * UInt64(file[56])))
    #expect(error { $0[38] = 0x20 } == .truncated)
    #expect(error { $0 = Array($0[..<5000]) } == .truncated)
    #expect(error(change(ProgramHeader.load, 8, ~0)) == .segmentOverflows)
    #expect(error(change(ProgramHeader.load, 16, ~0 << 12)) == .segmentOverflows)
    #expect(error(change(ProgramHeader.load, 16, 1 << 47)) == .segmentOverflows)
    #expect(error(change(ProgramHeader.load, 40, 1)) == .segmentSmallerThanFile)
    #expect(error(change(ProgramHeader.load, 40, 1 << 40)) == .segmentsOverlap)
    #expect(error(change(ProgramHeader.load, 16, 7)) == .segmentMisaligned)
    #expect(error(change(ProgramHeader.load, 48, 3)) == .segmentMisaligned)
    #expect(error(change(ProgramHeader.interpreter, 32, 1)) == .malformedInterpreter)
  }

  @Test func endsWithValueOrErrorOnDamage() throws {
    let pristine = try [UInt8](Data(contentsOf: shell))
    let original = try parse(pristine)
    let dynamicStart = Int(try #require(original.dynamic).offset)
    let sections = Int(original.header.sectionHeaderOffset)
    var random = SeededGenerator(seed: 4)
    var file = pristine
    for _ in 0..<mutationCount {
      let range = [
        0..<1024, dynamicStart..<(dynamicStart + 512), sections..<pristine.count,
      ].randomElement(using: &random)!
      random.mutate(&file, in: range)
      if let program = try? parse(file) {
        _ = try? dynamicSection(file, program)
        if random.next() % 64 == 0 {
          let finder = ElfSymbolFinder(header: program.header) { offset, count in
            guard offset <= UInt64(file.count), count <= file.count - Int(offset) else { return nil }
            return Array(file[Int(offset)..<(Int(offset) + count)])
          }
          _ = finder.symbol(at: random.next() % 0x20000)
        }
      }
      file.replaceSubrange(range, with: pristine[range])
    }
  }
}
