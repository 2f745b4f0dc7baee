// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// What the program may do with memory: PROT_READ, PROT_WRITE, PROT_EXEC.
struct Protection: OptionSet {
  var rawValue: UInt8
  static let read = Protection(rawValue: 1)
  static let write = Protection(rawValue: 2)
  static let execute = Protection(rawValue: 4)

  /// From mmap's and mprotect's argument; nil if it has bits that Linux does not know either.
  init?(argument: UInt64) {
    // PROT_SEM (8) means nothing on x86. PROT_GROWSDOWN and PROT_GROWSUP are not supported.
    guard argument & ~0xf == 0 else { return nil }
    rawValue = UInt8(argument & 7)
  }
  init(rawValue: UInt8) { self.rawValue = rawValue }

  var isWritable: Bool { contains(.write) }
  var isExecutable: Bool { contains(.execute) }
}

/// What a mapping is, for `/proc/self/maps` and for crash reports.
enum MappingName: UInt8 {
  case none, heap, stack, vdso, vvar
  /// Never accessible: below a stack.
  case guardPages
}

/// One mapping of the program's address space; its range is the `RangeMap`'s.
struct Mapping: RangeValue {
  var protection: Protection
  /// MAP_SHARED: stores reach the file. Shared anonymous memory is a mapping of a file without a name.
  var isShared = false
  /// It is, or once was, writable: without a JIT's permission it never becomes executable.
  var wasWritable = false
  /// It may become writable: not a shared mapping of a file that was opened for reading only.
  var mayWrite = true
  var isLocked = false
  /// Never gets large pages: a thread's stack, of which most threads touch little.
  var usesSmallPages = false
  /// A single frame mapped by the kernel itself (vDSO and its data), never given back.
  var isSpecial = false
  var name: MappingName = .none
  /// The file, or nil for anonymous memory.
  var node: Node?
  /// The name under which the file was opened, for `/proc/self/maps` and reports.
  var location: Location?
  /// Where in the file the range begins, in bytes; a multiple of the page size.
  var offset: UInt64 = 0

  func advanced(by distance: UInt64) -> Mapping {
    var rest = self
    rest.offset = offset &+ distance
    return rest
  }

  func continues(into next: Mapping, after length: UInt64) -> Bool {
    protection == next.protection && isShared == next.isShared && wasWritable == next.wasWritable
      && mayWrite == next.mayWrite && isLocked == next.isLocked
      && usesSmallPages == next.usesSmallPages && name == next.name && !isSpecial && !next.isSpecial
      && node === next.node
      && (node == nil || offset &+ length == next.offset)
  }
}
