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

/// The path of the tool's own executable.
public func executablePath() throws(Errno) -> FilePath { try targetOfSymbolicLink("/proc/self/exe") }

/// A pipe; neither end is inherited by other programs. The caller closes both.
public func makePipe() throws(Errno) -> (readEnd: FileDescriptor, writeEnd: FileDescriptor) {
  try catchingErrno { try FileDescriptor.pipe(options: .closeOnExec) }
}
