// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization
public import SystemPackage

/// Where the handler writes; -1 until there is a pipe.
private let signalPipe = Atomic<CInt>(-1)

/// From now on, when the tool gets one of the signals `numbers`, a byte with its number can be read from the returned
/// file, and nothing else happens. A signal that is ignored now stays ignored. To be called once.
///
/// Dispatch's signal sources would be simpler. On Linux they pass a signal from a handler to a signalfd by raising it
/// once more, and the main thread, which Swift parks with all signals open, now and then loses it on the way.
public func catchSignals(_ numbers: [CInt]) throws(Errno) -> OpenFile {
  let ends = try makePipe()
  signalPipe.store(ends.writeEnd.rawValue, ordering: .releasing)
  let ignored = ignoredSignals()
  for number in numbers where !ignored.contains(number) {
    _ = signal(number) { number in
      // Only what signal-safety(7) allows: an atomic load and one `write`.
      let savedErrno = errno
      var byte = UInt8(truncatingIfNeeded: number)
      // SAFETY: `write` reads the one byte during the call only.
      _ = unsafe write(signalPipe.load(ordering: .acquiring), &byte, 1)
      errno = savedErrno
    }
  }
  return OpenFile(ends.readEnd)
}
