// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import HostSystem
import Logging

/// How much the tool and the kernel say on standard error.
struct LogOptions: ParsableArguments {
  enum Level: String, CaseIterable, ExpressibleByArgument {
    case trace, debug, info, notice, warning, error
  }

  @Flag(help: "List every file that is packed and why, and show the kernel's own messages.")
  var verbose = false

  @Option(help: "Show messages of this importance and above: trace, debug, info, notice, warning or error.")
  var logLevel: Level?

  var level: Level { logLevel ?? (verbose ? .info : .notice) }

  func makeLogger() -> Logger {
    var handler = StandardErrorLog(logLevel: .notice)
    handler.logLevel = Logger.Level(rawValue: level.rawValue) ?? .notice
    return Logger(label: "vorteil") { [handler] _ in handler }
  }
}
