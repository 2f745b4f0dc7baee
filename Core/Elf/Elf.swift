// SPDX-License-Identifier: Apache-2.0

/// Why a file is not a program that Vorteil can run (or not a library that it can use). Each case is one
/// sentence to its user.
public enum ElfError: Error, Equatable {
  /// It does not start with the ELF magic number.
  case notElf
  /// It ends inside of its headers, or inside of a segment or table that they describe.
  case truncated
  /// It is a 32-bit file.
  case not64Bit
  /// It is a big-endian file.
  case notLittleEndian
  /// It is for another processor; `machine` is e_machine.
  case wrongMachine(machine: UInt16)
  /// It is an object file, a core dump or so; `type` is e_type.
  case notExecutable(type: UInt16)
  /// Its header contradicts itself: sizes of headers, version.
  case malformedHeader
  /// It has more program headers than Linux accepts (64 KiB).
  case tooManyProgramHeaders
  /// Its program headers end `needed` bytes from its start, which is more than was given to look at.
  case programHeadersBeyond(needed: UInt64)
  /// It has no segment to load.
  case noLoadableSegments
  /// A segment's addresses or sizes overflow, or leave the 47 bits of a program's address space.
  case segmentOverflows
  /// A segment's size in memory is smaller than in the file.
  case segmentSmallerThanFile
  /// Segments to load overlap, or are not in ascending order.
  case segmentsOverlap
  /// A segment's address and file offset differ modulo the page size, or its alignment is no power of two.
  case segmentMisaligned
  /// The interpreter's path is empty, too long or has no final zero byte.
  case malformedInterpreter
  /// The dynamic section or a string that it names lies outside of the file.
  case malformedDynamicSection
}

/// The file header (System V ABI, "ELF Header"), checked to be a 64-bit x86-64 program or shared object.
public struct ElfHeader: Equatable, Sendable {
  /// The size of the header in the file, in bytes.
  public static let size = 64
  /// e_machine of x86-64.
  public static let machineX86 = UInt16(62)

  /// Whether the addresses are relative to a base that the loader chooses (ET_DYN) or final (ET_EXEC).
  public let isPositionIndependent: Bool
  /// Where execution starts.
  public let entry: UInt64
  public let programHeaderOffset: UInt64
  public let programHeaderCount: Int
  public let sectionHeaderOffset: UInt64
  public let sectionHeaderCount: Int

  /// Reads the header from the first bytes of a file.
  public init(parsing prefix: Span<UInt8>) throws(ElfError) {
    guard prefix.count >= 4, prefix[0] == 0x7f, prefix[1] == 0x45, prefix[2] == 0x4c, prefix[3] == 0x46
    else { throw .notElf }
    guard prefix.count >= 6 else { throw .truncated }
    guard prefix[4] == 2 else { throw prefix[4] == 1 ? .not64Bit : .malformedHeader }
    guard prefix[5] == 1 else { throw prefix[5] == 2 ? .notLittleEndian : .malformedHeader }
    guard prefix.count >= Self.size else { throw .truncated }
    let bytes = ElfBytes(prefix)
    let machine = try bytes.number16(18)
    guard machine == Self.machineX86 else { throw .wrongMachine(machine: machine) }
    let type = try bytes.number16(16)
    guard type == 2 || type == 3 else { throw .notExecutable(type: type) }
    isPositionIndependent = type == 3
    guard prefix[6] == 1, try bytes.number32(20) == 1, try bytes.number16(52) >= 64 else { throw .malformedHeader }

    entry = try bytes.number64(24)
    programHeaderOffset = try bytes.number64(32)
    programHeaderCount = Int(try bytes.number16(56))
    guard programHeaderCount * ProgramHeader.size <= 65536 else { throw .tooManyProgramHeaders }
    let programHeaderSize = Int(try bytes.number16(54))
    guard programHeaderCount == 0 || programHeaderSize == ProgramHeader.size else { throw .malformedHeader }

    // Without usable section headers a program still runs; it only has no symbols.
    let hasSections = try bytes.number16(58) == 64
    sectionHeaderOffset = hasSections ? try bytes.number64(40) : 0
    sectionHeaderCount = hasSections ? Int(try bytes.number16(60)) : 0
  }
}

/// A program header (System V ABI, "Program Header").
public struct ProgramHeader: Equatable, Sendable {
  /// The size of a program header in the file, in bytes.
  public static let size = 56

  /// p_type: one of the constants below, or something to be ignored.
  public let type: UInt32
  /// p_flags: bit 0 executable, bit 1 writable, bit 2 readable.
  public let flags: UInt32
  /// Where its bytes are in the file.
  public let offset: UInt64
  /// Where they belong in memory (relative to the base if the file is position independent).
  public let virtualAddress: UInt64
  /// How many bytes come from the file.
  public let fileSize: UInt64
  /// How many bytes it has in memory; those beyond `fileSize` are zero.
  public let memorySize: UInt64
  public let alignment: UInt64

  public static let load: UInt32 = 1
  public static let dynamic: UInt32 = 2
  public static let interpreter: UInt32 = 3
  public static let programHeaders: UInt32 = 6
  public static let threadLocal: UInt32 = 7
  public static let gnuStack: UInt32 = 0x6474_e551
  public static let gnuRelro: UInt32 = 0x6474_e552

  public var isExecutable: Bool { flags & 1 != 0 }
  public var isWritable: Bool { flags & 2 != 0 }
  public var isReadable: Bool { flags & 4 != 0 }

  init(_ bytes: ElfBytes, at offset: Int) throws(ElfError) {
    type = try bytes.number32(offset)
    flags = try bytes.number32(offset &+ 4)
    self.offset = try bytes.number64(offset &+ 8)
    virtualAddress = try bytes.number64(offset &+ 16)
    fileSize = try bytes.number64(offset &+ 32)
    memorySize = try bytes.number64(offset &+ 40)
    alignment = try bytes.number64(offset &+ 48)
  }
}
