// SPDX-License-Identifier: Apache-2.0
import Machine

/// Which processors the machine has, as the firmware says: the identifiers of their local interrupt controllers.
enum ProcessorList {
  /// By ACPI's table (MADT); where nobody said where that is, by what QEMU itself tells, or by the tables that can be
  /// searched for, which takes longer. Empty without all.
  static func find() -> [UInt32] {
    if Boot.acpiRoot != 0 { return fromACPI(Boot.acpiRoot) }
    var found = fromQEMU()
    if found.isEmpty, let root = search("RSD PTR ", 0xe_0000, 0x2_0000) { found = fromACPI(root) }
    if found.isEmpty { found = fromMultiprocessorTable() }
    return found
  }

  /// QEMU's microvm without ACPI has no table, but the configuration device (docs/specs/fw_cfg of QEMU). Its processors
  /// are numbered without gaps, as long as each is a socket.
  private static func fromQEMU() -> [UInt32] {
    func read(_ item: UInt16, _ count: Int) -> [UInt8] {
      Ports.write16(0x510, item)
      var bytes: [UInt8] = []
      for _ in 0..<count { bytes.append(Ports.read8(0x511)) }
      return bytes
    }
    guard starts(read(0, 4), with: "QEMU") else { return [] }
    let count = word(read(5, 2), 0, 2)
    var result: [UInt32] = []
    for identifier in 0..<min(count, UInt64(Processors.maximum)) { result.append(UInt32(identifier)) }
    return result
  }

  private static func word(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<count where offset + index < bytes.count {
      value |= UInt64(bytes[offset + index]) << UInt64(index * 8)
    }
    return value
  }

  private static func starts(_ bytes: [UInt8], with text: StaticString, at offset: Int = 0) -> Bool {
    guard offset + text.byteCount <= bytes.count else { return false }
    for index in 0..<text.byteCount where bytes[offset + index] != text.byte(at: index) { return false }
    return true
  }

  // MARK: ACPI 6.5, 5.2

  private static func fromACPI(_ root: UInt64) -> [UInt32] {
    guard let pointer = Boot.firmwareBytes(at: root, count: 36),
      starts(pointer, with: "RSD PTR ")
    else { return [] }
    let isWide = pointer[15] >= 2 && word(pointer, 24, 8) != 0
    guard let list = table(at: isWide ? word(pointer, 24, 8) : word(pointer, 16, 4)) else { return [] }
    let size = isWide ? 8 : 4
    var offset = 36
    while offset + size <= list.count {
      if let found = table(at: word(list, offset, size)), starts(found, with: "APIC") { return processors(found) }
      offset += size
    }
    return []
  }

  /// The whole table; nil if it makes no sense.
  private static func table(at address: UInt64) -> [UInt8]? {
    guard address != 0, let header = Boot.firmwareBytes(at: address, count: 36) else { return nil }
    let length = word(header, 4, 4)
    guard (36...65536).contains(length) else { return nil }
    return Boot.firmwareBytes(at: address, count: Int(length))
  }

  private static func processors(_ table: [UInt8]) -> [UInt32] {
    var result: [UInt32] = []
    var offset = 44
    while offset + 2 <= table.count {
      let length = Int(table[offset + 1])
      guard length >= 2, offset + length <= table.count else { break }
      // Bit 0: enabled.
      if table[offset] == 0 && length >= 8 && table[offset + 4] & 1 != 0 {
        result.append(UInt32(table[offset + 3]))
      }
      if table[offset] == 9 && length >= 16 && table[offset + 8] & 1 != 0 {
        result.append(UInt32(word(table, offset + 4, 4)))
      }
      offset += length
    }
    return result
  }

  // MARK: MultiProcessor Specification 1.4, chapter 4

  private static func fromMultiprocessorTable() -> [UInt32] {
    guard let place = multiprocessorPointer(), let pointer = Boot.firmwareBytes(at: place, count: 16),
      let header = Boot.firmwareBytes(at: word(pointer, 4, 4), count: 44), starts(header, with: "PCMP"),
      let table = Boot.firmwareBytes(at: word(pointer, 4, 4), count: Int(word(header, 4, 2)))
    else { return [] }
    var result: [UInt32] = []
    var offset = 44
    for _ in 0..<word(header, 34, 2) {
      guard offset < table.count else { break }
      if table[offset] == 0 {
        if offset + 20 <= table.count && table[offset + 3] & 1 != 0 { result.append(UInt32(table[offset + 1])) }
        offset += 20
      } else {
        offset += 8
      }
    }
    return result
  }

  private static func multiprocessorPointer() -> UInt64? {
    if let segment = Boot.firmwareBytes(at: 0x40e, count: 2), word(segment, 0, 2) != 0 {
      if let found = search("_MP_", word(segment, 0, 2) << 4, 1024) { return found }
    }
    return search("_MP_", 0x9_fc00, 1024) ?? search("_MP_", 0xf_0000, 0x1_0000)
  }

  /// Where `text` stands at a multiple of 16.
  private static func search(_ text: StaticString, _ start: UInt64, _ length: Int) -> UInt64? {
    guard let bytes = Boot.firmwareBytes(at: start, count: length) else { return nil }
    var offset = 0
    while offset < length {
      if starts(bytes, with: text, at: offset) { return start + UInt64(offset) }
      offset += 16
    }
    return nil
  }
}
