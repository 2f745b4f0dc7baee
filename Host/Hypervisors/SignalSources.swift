// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Glibc
import HostSystem

/// Hands the signals that a person or a service manager sends to the tool to a closure, instead of ending the tool.
struct SignalSources {
  private let sources: [any DispatchSourceSignal]

  /// Calls `handler` on `queue` for SIGHUP, SIGINT, SIGQUIT and SIGTERM. From then on SIGPIPE does nothing.
  ///
  /// A signal that was ignored when the tool started (`nohup`, a shell's background jobs) stays ignored.
  init(queue: DispatchQueue, handler: @escaping @Sendable (UInt8) -> Void) {
    let ignored = ignoredSignals()
    ignoreSignal(SIGPIPE)
    sources = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].filter { !ignored.contains($0) }.map { number in
      // A dispatch source sees a signal beside its ordinary action, which would end the tool.
      ignoreSignal(number)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { handler(UInt8(number)) }
      source.activate()
      return source
    }
  }

  func cancel() {
    for source in sources { source.cancel() }
  }
}
