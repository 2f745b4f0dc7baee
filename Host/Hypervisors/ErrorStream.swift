// SPDX-License-Identifier: Apache-2.0
import Dispatch
import HostSystem
import Logging
import Synchronization

/// Reads the hypervisor's standard error, which also carries the kernel's serial port: what is said there matters when
/// a machine does not come up, and is noise otherwise.
final class ErrorStream: Sendable {
  private static let linesKept = 200
  private static let prefix = "vorteil: "

  private let logger: Logger
  private let symbols: KernelSymbols
  private let lines = Mutex<[String]>([])
  private let finished = DispatchGroup()

  /// Reads `file` to its end, in the background.
  init(_ file: OpenFile, logger: Logger, symbols: KernelSymbols) {
    self.logger = logger
    self.symbols = symbols
    DispatchQueue(label: "vorteil.errors").async(group: finished) { [self] in
      var partial: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        var span = buffer.mutableSpan
        guard let length = try? file.read(into: &span), length > 0 else { break }
        partial += buffer[..<length]
        while let end = partial.firstIndex(of: UInt8(ascii: "\n")) {
          add(partial[..<end])
          partial.removeSubrange(...end)
        }
      }
      if !partial.isEmpty { add(partial[...]) }
    }
  }

  private func add(_ bytes: ArraySlice<UInt8>) {
    var text = String(decoding: bytes.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    // The kernel says who it is, since on a serial port nobody else does.
    if text.hasPrefix(Self.prefix) { text.removeFirst(Self.prefix.count) }
    let line = symbols.annotate(text)
    logger.debug("\(line)")
    lines.withLock { lines in
      if lines.count == Self.linesKept { lines.removeFirst() }
      lines.append(line)
    }
  }

  /// The last lines that the person has not been shown yet, once the stream has ended.
  func lastLines() -> [String] {
    // The stream ends with the hypervisor; the limit is for a descendant of it that would keep the stream open.
    _ = finished.wait(timeout: .now() + .milliseconds(500))
    return logger.logLevel <= .debug ? [] : lines.withLock { $0 }
  }
}
