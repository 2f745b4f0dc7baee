// SPDX-License-Identifier: Apache-2.0
import Machine

/// The vDSO in the program's address space: its data page and, directly behind it, its code.
extension VDSO {
  /// Maps both at `address` and returns where the code is (AT_SYSINFO_EHDR).
  static func map(at address: UInt64) throws(Errno) -> UInt64 {
    try mapPage(address, dataFrame, .vvar, [.read])
    try mapPage(address + pageSize, codeFrame, .vdso, [.read, .execute])
    return address + pageSize
  }

  private static func mapPage(
    _ address: UInt64, _ frame: Frame, _ name: MappingName, _ protection: Protection
  ) throws(Errno) {
    var mapping = Mapping(protection: protection)
    mapping.name = name
    mapping.isSpecial = true
    try addressSpace.install(address, pageSize, mapping)
    let done = PageTables.update(address) {
      $0 = PageEntry(frame, writable: false, executable: protection.isExecutable)
    }
    guard done else { throw .ENOMEM }
    // The kernel keeps its own reference, so the program never owns the frame: a store would copy it.
    PhysicalMemory.retain(frame)
  }
}
