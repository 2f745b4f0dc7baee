// SPDX-License-Identifier: Apache-2.0
import Channel
import HostSystem
import Logging

/// Shows the kernel's messages to the person, with names for the kernel addresses in them.
final class KernelMessages: Sendable {
  private let logger: Logger
  private let symbols: KernelSymbols

  init(logger: Logger, symbols: KernelSymbols) {
    self.logger = logger
    self.symbols = symbols
  }

  func show(level: UInt8, _ text: Span<UInt8>) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    for index in text.indices { bytes.append(text[index]) }
    let message = String(decoding: bytes, as: UTF8.self)
    logger.log(level: Self.level(level), "\(symbols.annotate(message))")
  }

  private static func level(_ number: UInt8) -> Logger.Level {
    switch MessageLevel(rawValue: number) {
    case .trace: .trace
    case .debug: .debug
    case .info: .info
    case .notice: .notice
    case .warning: .warning
    case .error, nil: .error
    }
  }
}
