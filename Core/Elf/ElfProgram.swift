// SPDX-License-Identifier: Apache-2.0

/// A range of bytes in a file.
public struct ElfRange: Equatable, Sendable {
  public let offset: UInt64
  public let count: UInt64
}

/// What a loader needs to know of an x86-64 ELF program, interpreter or shared library.
public struct ElfProgram: Equatable, Sendable {
  /// Addresses of a program are below this: 47 bits (x86-64 psABI §3.3).
  public static let addressLimit: UInt64 = 1 << 47
  /// Linux's PATH_MAX, the greatest length of the interpreter's path including its zero byte.
  public static let maximumInterpreterLength: UInt64 = 4096
  /// The size of a page, in bytes, to which segments must be congruent.
  public static let pageSize: UInt64 = 4096

  public let header: ElfHeader
  /// All program headers, in the file's order.
  public let programHeaders: [ProgramHeader]
  /// Where the interpreter's path is, without its final zero byte; nil for a program that needs none.
  public let interpreter: ElfRange?
  /// PT_TLS, the initial image of thread-local variables.
  public let threadLocal: ProgramHeader?
  /// PT_DYNAMIC.
  public let dynamic: ProgramHeader?
  /// PT_GNU_RELRO: what is read-only after relocation.
  public let relro: ProgramHeader?
  /// Whether the program asks for an executable stack (PT_GNU_STACK with the flag, or, as on Linux, no
  /// such header at all).
  public let wantsExecutableStack: Bool
  /// The lowest address of a loadable segment, rounded down to a page.
  public let lowestAddress: UInt64
  /// The first address after the last loadable segment, rounded up to a page.
  public let endAddress: UInt64

  /// The segments to load, in ascending order of addresses.
  public var loadableSegments: [ProgramHeader] { programHeaders.filter { $0.type == ProgramHeader.load } }

  /// Looks at the first bytes of a file, of which 4 KiB are enough for all but odd ones: if the program headers
  /// lie further in, it throws `programHeadersBeyond`, and the caller may try again with more.
  ///
  /// `fileSize` is the size in bytes of the whole file; segments must be inside of it.
  public init(parsing prefix: Span<UInt8>, fileSize: UInt64) throws(ElfError) {
    header = try ElfHeader(parsing: prefix)
    programHeaders = try Self.readProgramHeaders(header, prefix, fileSize)

    var interpreter: ElfRange?
    var threadLocal: ProgramHeader?
    var dynamic: ProgramHeader?
    var relro: ProgramHeader?
    var stack: ProgramHeader?
    var loadable: [ProgramHeader] = []
    for segment in programHeaders {
      switch segment.type {
      case ProgramHeader.load:
        try Self.checkBounds(segment, fileSize)
        // An empty segment takes no memory; linkers leave them behind.
        if segment.memorySize > 0 { loadable.append(segment) }
      case ProgramHeader.interpreter:
        try Self.checkFileRange(segment, fileSize)
        guard segment.fileSize >= 2, segment.fileSize <= Self.maximumInterpreterLength
        else { throw .malformedInterpreter }
        interpreter = ElfRange(offset: segment.offset, count: segment.fileSize - 1)
      case ProgramHeader.threadLocal:
        try Self.checkBounds(segment, fileSize)
        threadLocal = segment
      case ProgramHeader.dynamic:
        try Self.checkBounds(segment, fileSize)
        dynamic = segment
      case ProgramHeader.gnuRelro:
        try Self.checkAddresses(segment)
        relro = segment
      case ProgramHeader.gnuStack: stack = segment
      default: break
      }
    }
    guard let first = loadable.first, let last = loadable.last else { throw .noLoadableSegments }
    for (lower, upper) in zip(loadable, loadable.dropFirst()) {
      guard lower.virtualAddress + lower.memorySize <= upper.virtualAddress else { throw .segmentsOverlap }
    }
    self.interpreter = interpreter
    self.threadLocal = threadLocal
    self.dynamic = dynamic
    self.relro = relro
    wantsExecutableStack = stack?.isExecutable ?? true
    lowestAddress = first.virtualAddress & ~(Self.pageSize - 1)
    endAddress = (last.virtualAddress + last.memorySize + Self.pageSize - 1) & ~(Self.pageSize - 1)
  }

  private static func readProgramHeaders(
    _ header: ElfHeader, _ prefix: Span<UInt8>, _ fileSize: UInt64
  ) throws(ElfError) -> [ProgramHeader] {
    guard header.programHeaderCount > 0 else { throw .noLoadableSegments }
    let size = UInt64(header.programHeaderCount * ProgramHeader.size)
    let (end, overflow) = header.programHeaderOffset.addingReportingOverflow(size)
    guard !overflow, end <= fileSize else { throw .truncated }
    guard end <= UInt64(prefix.count) else { throw .programHeadersBeyond(needed: end) }
    let bytes = ElfBytes(prefix)
    let start = Int(fileOffset: header.programHeaderOffset)
    var result: [ProgramHeader] = []
    result.reserveCapacity(header.programHeaderCount)
    for index in 0..<header.programHeaderCount {
      result.append(try ProgramHeader(bytes, at: start + index * ProgramHeader.size))
    }
    return result
  }

  private static func checkFileRange(_ segment: ProgramHeader, _ fileSize: UInt64) throws(ElfError) {
    let (end, overflow) = segment.offset.addingReportingOverflow(segment.fileSize)
    guard !overflow else { throw .segmentOverflows }
    guard end <= fileSize else { throw .truncated }
  }

  private static func checkAddresses(_ segment: ProgramHeader) throws(ElfError) {
    let (end, overflow) = segment.virtualAddress.addingReportingOverflow(segment.memorySize)
    guard !overflow, end <= addressLimit - pageSize else { throw .segmentOverflows }
  }

  private static func checkBounds(_ segment: ProgramHeader, _ fileSize: UInt64) throws(ElfError) {
    try checkFileRange(segment, fileSize)
    try checkAddresses(segment)
    guard segment.fileSize <= segment.memorySize else { throw .segmentSmallerThanFile }
    guard segment.alignment & (segment.alignment &- 1) == 0 else { throw .segmentMisaligned }
    guard segment.type == ProgramHeader.load else { return }
    guard segment.alignment < addressLimit else { throw .segmentMisaligned }
    // Without this the file's pages could not be mapped (System V ABI: p_vaddr ≡ p_offset modulo the page size).
    guard segment.fileSize == 0 || (segment.virtualAddress &- segment.offset) % pageSize == 0
    else { throw .segmentMisaligned }
  }
}
