// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import HostSystem
import Hypervisors
import Images

/// `vorteil run`
struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a program in a machine of its own.",
    discussion: """
      Standard input, output and error are the program's, and so is the exit code: 128 + signal for a crash, 124 when \
      --timeout is over, 125 when the machine could not be started. Ctrl-C is SIGINT to the program; a second one ends \
      the machine.

      Examples:
        vorteil run /usr/bin/python3 -- -c 'print(6 * 7)'
        vorteil run /usr/bin/sqlite3 < queries.sql
        vorteil run -t /usr/bin/python3
        vorteil run ./tree --program /bin/server --env PORT=8080 --timeout 2m
        vorteil run ./hello --strace
      """)

  @OptionGroup var source: SourceOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup(title: "Messages") var messages: LogOptions

  func run() async throws {
    let logger = messages.makeLogger()
    let terminal = try machine.terminalDevice()
    var request = try source.request()
    if terminal != nil { request.terminalType = environmentVariable("TERM") }
    let disk = try RunnableDisk(request, verbose: messages.verbose, logger: logger)
    var virtualMachine = try machine.virtualMachine(disk, logLevel: messages.level.rawValue)
    virtualMachine.terminal = terminal
    let outcome = try await virtualMachine.run(timeout: machine.timeLimit, logger: logger)
    if case .failed(let failure) = outcome { throw failure }
    if outcome.exitCode != 0 { disk.hints.forEach { logger.notice("\($0)") } }
    throw ExitCode(outcome.exitCode)
  }
}
