// SPDX-License-Identifier: Apache-2.0

/// The files of `/dev`.
enum DeviceTable {
  static func make() -> SyntheticFileSystem {
    var entries: [SyntheticEntry] = []
    for entry in CharacterDevices.all { entries.append(SyntheticEntry(entry.name, .device(entry.device))) }
    entries.append(SyntheticEntry("fd", .link("/proc/self/fd")))
    entries.append(SyntheticEntry("stdin", .link("/proc/self/fd/0")))
    entries.append(SyntheticEntry("stdout", .link("/proc/self/fd/1")))
    entries.append(SyntheticEntry("stderr", .link("/proc/self/fd/2")))
    entries.append(SyntheticEntry("shm", .directory))
    return SyntheticFileSystem(typeName: "devtmpfs", magic: 0x0102_1994, entries, refusal: .EROFS)
  }
}
