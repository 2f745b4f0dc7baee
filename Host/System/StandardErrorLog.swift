// SPDX-License-Identifier: Apache-2.0
public import Logging

/// Writes log messages to standard error, each line as `vorteil: …`: they are for the person who typed the command, so
/// there is no time and no level in them.
public struct StandardErrorLog: LogHandler {
  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?

  public init(logLevel: Logger.Level) {
    self.logLevel = logLevel
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    writeToStandardError("\(event.message)")
  }
}

/// Writes each line of `text` to standard error after `vorteil: `, all in one piece.
public func writeToStandardError(_ text: String) {
  // On a raw terminal nothing but a return goes back to the left.
  let end = Terminal.isAnyRaw && isTerminal(.standardError) ? "\r\n" : "\n"
  let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { "vorteil: \($0)\(end)" }.joined()
  // Where standard error is closed there is nobody left to tell.
  try? OpenFile.standardError.write(Array(lines.utf8).span)
}
