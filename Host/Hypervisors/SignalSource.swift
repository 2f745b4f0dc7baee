// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Glibc
import HostSystem
import SystemPackage

/// Hands the signals that a person or a service manager sends to the tool to a closure, instead of ending the tool.
struct SignalSource {
  private let source: any DispatchSourceRead

  /// Calls `handler` on `queue` for SIGHUP, SIGINT, SIGQUIT and SIGTERM, and with a terminal for SIGWINCH and SIGCONT,
  /// except for those that were ignored when the tool started (`nohup`, a shell's background jobs). From then on SIGPIPE
  /// does nothing.
  init(queue: DispatchQueue, hasTerminal: Bool, handler: @escaping @Sendable (UInt8) -> Void) throws(Failure) {
    ignoreSignal(SIGPIPE)
    let signals: OpenFile
    do throws(Errno) {
      signals = try catchSignals([SIGHUP, SIGINT, SIGQUIT, SIGTERM] + (hasTerminal ? [SIGWINCH, SIGCONT] : []))
    } catch {
      throw Failure("cannot make a pipe for signals: \(error)")
    }
    source = DispatchSource.makeReadSource(fileDescriptor: signals.descriptor.rawValue, queue: queue)
    source.setEventHandler {
      var bytes = [UInt8](repeating: 0, count: 16)
      var span = bytes.mutableSpan
      let count = (try? signals.read(into: &span)) ?? 0
      for number in bytes[..<count] { handler(number) }
    }
    source.activate()
  }

  func cancel() { source.cancel() }
}
