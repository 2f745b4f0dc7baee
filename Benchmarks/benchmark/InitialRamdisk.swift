// SPDX-License-Identifier: Apache-2.0

/// A cpio archive of the "newc" form, from which Linux fills its first file system (see
/// Documentation/driver-api/early-userspace/buffer-format.rst in its source).
struct InitialRamdisk {
  private(set) var bytes: [UInt8] = []
  private var entryCount: UInt32 = 0

  private enum FileType {
    static let directory: UInt32 = 0o040000
    static let characterDevice: UInt32 = 0o020000
    static let regular: UInt32 = 0o100000
  }

  /// The archive of a program as /init, with the devices that it and the kernel's console need.
  init(program: [UInt8]) {
    append("dev", mode: FileType.directory | 0o755)
    append("dev/console", mode: FileType.characterDevice | 0o600, device: (5, 1))
    append("dev/null", mode: FileType.characterDevice | 0o666, device: (1, 3))
    append("dev/zero", mode: FileType.characterDevice | 0o666, device: (1, 5))
    append("init", mode: FileType.regular | 0o755, content: program)
    append("TRAILER!!!", mode: 0)
  }

  private mutating func append(
    _ name: String, mode: UInt32, device: (major: UInt32, minor: UInt32) = (0, 0), content: [UInt8] = []
  ) {
    entryCount += 1
    let fields: [UInt32] = [
      entryCount, mode, 0, 0, 1, 0, UInt32(content.count), 0, 0, device.major, device.minor,
      UInt32(name.utf8.count + 1), 0,
    ]
    bytes += "070701".utf8
    for field in fields {
      let digits = String(field, radix: 16)
      bytes += String(repeating: "0", count: 8 - digits.count).utf8
      bytes += digits.utf8
    }
    bytes += name.utf8
    bytes.append(0)
    padToFour()
    bytes += content
    padToFour()
  }

  private mutating func padToFour() {
    while !bytes.count.isMultiple(of: 4) { bytes.append(0) }
  }
}
