// SPDX-License-Identifier: Apache-2.0
import Glibc
public import SystemPackage

/// Nanoseconds since 1970-01-01 UTC.
public func wallClockNanoseconds() -> UInt64 {
  var now = timespec()
  // SAFETY: `clock_gettime` fills `now` during the call; CLOCK_REALTIME always exists.
  unsafe clock_gettime(CLOCK_REALTIME, &now)
  return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// Whether `descriptor` is a terminal.
public func isTerminal(_ descriptor: FileDescriptor) -> Bool { isatty(descriptor.rawValue) == 1 }

/// From now on `signal` does nothing by itself (a dispatch source may still see it).
public func ignoreSignal(_ number: CInt) {
  _ = signal(number, SIG_IGN)
}

/// The signals that do nothing now.
public func ignoredSignals() -> Set<CInt> {
  // proc(5): a mask in hexadecimal, the lowest bit for signal 1.
  guard let status = try? OpenFile.open("/proc/self/status").bytes(at: 0, count: 8192),
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first(where: { $0.hasPrefix("SigIgn:") }),
    let mask = line.split(separator: "\t").last.flatMap({ UInt64($0, radix: 16) })
  else { return [] }
  return Set((1...64).filter { mask >> UInt64($0 - 1) & 1 == 1 })
}

/// Makes sure that the descriptors 0, 1 and 2 are open. Where one was closed by whoever started the tool, the next file
/// to be opened would take its place, and a program's output would end up in it. Returns those that were closed.
public func reserveStandardStreams() -> [CInt] {
  var closed: [CInt] = []
  while let file = try? FileDescriptor.open(FilePath("/dev/null"), .readWrite) {
    guard file.rawValue > 2 else {
      closed.append(file.rawValue)
      continue
    }
    try? file.close()
    break
  }
  return closed
}

/// The path of the tool's own executable.
public func executablePath() throws(Errno) -> FilePath {
  FilePath(decodingBytes: try targetOfSymbolicLink("/proc/self/exe"))
}

/// A pipe; neither end is inherited by other programs. The caller closes both.
public func makePipe() throws(Errno) -> (readEnd: FileDescriptor, writeEnd: FileDescriptor) {
  try catchingErrno { try FileDescriptor.pipe(options: .closeOnExec) }
}
