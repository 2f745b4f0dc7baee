// SPDX-License-Identifier: Apache-2.0
import Collections

/// `/proc/self/fdinfo/N`.
enum DescriptorTexts {
  static func information(_ descriptor: UInt64, _ text: inout GeneratedText) {
    guard let file = descriptors.any(descriptor) else { return }
    var flags = UInt64(file.flags.rawValue)
    if descriptors.isCloseOnExec(descriptor) { flags |= UInt64(OpenFlags.closeOnExec.rawValue) }
    text.line("pos:\t", file.content.isSeekable ? file.position : 0)
    text.add("flags:\t0")
    text.add(octal: flags)
    text.add("\n")
    text.line("mnt_id:\t", file.node.fileSystem.device)
    text.line("ino:\t", file.node.number)
    guard let locks = file.node.locks else { return }
    var number: UInt64 = 1
    for lock in locks.records.locks where lock.owner == file.identity || lock.owner == FileLocks.process {
      text.add("lock:\t")
      text.add(decimal: number)
      text.add(lock.owner == FileLocks.process ? ": POSIX  ADVISORY  " : ": OFDLCK ADVISORY  ")
      text.add(lock.isExclusive ? "WRITE " : "READ ")
      text.add(decimal: lock.owner == FileLocks.process ? 1 : 0)
      text.add(" 00:00:")
      text.add(decimal: file.node.number)
      text.add(" ")
      text.add(decimal: lock.first)
      text.add(" ")
      if lock.last == .max { text.add("EOF") } else { text.add(decimal: lock.last) }
      text.add("\n")
      number += 1
    }
  }
}
