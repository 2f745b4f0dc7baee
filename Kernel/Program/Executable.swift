// SPDX-License-Identifier: Apache-2.0
import Elf
import Machine

/// A file that was found fit to be run: looked at entirely before anything of the running program is given up.
struct Executable {
  /// Its file, and the name under which that was found.
  let node: Node
  let location: Location
  let program: ElfProgram

  /// Reads the headers. ENOEXEC if it is no program for this machine, EACCES if it may not be run.
  init(_ location: Location) throws(Errno) {
    guard let node = location.node else { throw .ENOENT }
    try Executable.checkPermission(node)
    let prefix = try Executable.prefix(of: node)
    do throws(ElfError) {
      program = try ElfProgram(parsing: prefix.span, fileSize: node.size)
    } catch {
      throw .ENOEXEC
    }
    self.node = node
    self.location = location
  }

  /// A regular file with an execute bit for somebody: as on Linux, even the superuser needs one.
  static func checkPermission(_ node: Node) throws(Errno) {
    guard node.isRegularFile else { throw .EACCES }
    guard node.permissionBits & 0o111 != 0 else { throw .EACCES }
  }

  /// The first page: ELF header and program headers, or `#!`.
  static func prefix(of node: Node) throws(Errno) -> [UInt8] {
    let count = Int(min(node.size, 4096))
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    let read = try node.read(at: 0, into: &span)
    if read < count { bytes.removeLast(count - read) }
    return bytes
  }

  /// The path of the interpreter (PT_INTERP), if the program has one.
  func interpreterPath() throws(Errno) -> [UInt8]? {
    guard let range = program.interpreter else { return nil }
    var path = [UInt8](repeating: 0, count: Int(range.count))
    var span = path.mutableSpan
    guard try node.read(at: range.offset, into: &span) == path.count else { throw .ENOEXEC }
    if let end = path.firstIndex(of: 0) { path.removeLast(path.count - end) }
    guard !path.isEmpty else { throw .ENOEXEC }
    return path
  }

  /// What is added to the file's addresses: nothing if it is linked to them, else so that it begins at
  /// `wish`, moved down to the alignment that its segments ask for.
  func bias(at wish: UInt64) -> UInt64 {
    guard program.header.isPositionIndependent else { return 0 }
    return wish & ~(alignment - 1) &- pageStart(program.lowestAddress)
  }

  /// The largest alignment of its segments, at most 2 MiB.
  var alignment: UInt64 {
    var largest = pageSize
    for segment in program.programHeaders where segment.type == ProgramHeader.load {
      if segment.alignment & (segment.alignment &- 1) == 0 { largest = max(largest, segment.alignment) }
    }
    return min(largest, PageTables.largePageSize)
  }

  /// The bytes between its lowest and its highest address, in whole pages.
  var span: UInt64 { pageStart(program.endAddress &+ pageSize &- 1) &- pageStart(program.lowestAddress) }

  /// Maps all segments with `bias` added. Text comes from the page cache, shared and never writable; data is
  /// private; what the file does not fill is zero.
  func map(bias: UInt64) throws(Errno) {
    for segment in program.programHeaders where segment.type == ProgramHeader.load && segment.memorySize > 0 {
      var rights: Protection = []
      if segment.isReadable { rights.insert(.read) }
      if segment.isWritable { rights.insert(.write) }
      if segment.isExecutable { rights.insert(.execute) }
      guard addressSpace.permits(rights, wasWritable: false) else { throw .ENOEXEC }
      let start = segment.virtualAddress &+ bias
      let pageOffset = start & (pageSize - 1)
      guard segment.offset & (pageSize - 1) == pageOffset else { throw .ENOEXEC }
      let fileEnd = start &+ segment.fileSize
      let memoryEnd = start &+ segment.memorySize
      let first = pageStart(start)
      let filePages = segment.fileSize == 0 ? first : pageStart(fileEnd &+ pageSize &- 1)
      let allPages = pageStart(memoryEnd &+ pageSize &- 1)
      guard AddressSpace.isUsable(first, allPages &- first) else { throw .ENOEXEC }
      if filePages > first {
        var mapping = Mapping(protection: rights)
        mapping.node = node
        mapping.location = location
        mapping.offset = segment.offset &- pageOffset
        try addressSpace.install(first, filePages - first, mapping)
      }
      if allPages > filePages { try addressSpace.install(filePages, allPages - filePages, Mapping(protection: rights)) }
      // The rest of the last page of the file belongs to the program's zeros.
      if segment.memorySize > segment.fileSize, segment.isWritable, segment.fileSize > 0, filePages > fileEnd {
        guard ProgramMemory.clear(fileEnd, count: filePages - fileEnd) else { throw .ENOEXEC }
      }
    }
  }

  /// Where the program headers stand in memory, for AT_PHDR; 0 if no segment holds them.
  func programHeaderAddress(bias: UInt64) -> UInt64 {
    let offset = program.header.programHeaderOffset
    for segment in program.programHeaders where segment.type == ProgramHeader.load {
      if segment.offset <= offset, offset &- segment.offset < segment.fileSize {
        return segment.virtualAddress &+ (offset &- segment.offset) &+ bias
      }
    }
    return 0
  }
}
