// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import HostSystem

/// The command; each verb is a file beside this one.
struct Vorteil: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vorteil",
    abstract: "Run one unmodified Linux program as a micro virtual machine.",
    discussion: """
      The program and its kernel share the machine: there is nothing else in it, no shell, no users, no other process.

      Examples:
        vorteil run /bin/ls -- -l /
        vorteil run ./hello --memory 16M
        vorteil build ./site --program /bin/server -o server.raw
        vorteil run server.raw
      """,
    version: "0.1.0",
    subcommands: [Run.self, Build.self])
}

@main
enum Main {
  /// Everything that goes wrong before or beside the program is one sentence and this exit code.
  private static let ownFailure: Int32 = 125

  /// The standard streams that were closed when the tool was started, and so are closed for the program.
  static let closedStreams = reserveStandardStreams()

  static func main() async {
    _ = closedStreams
    do {
      var command = try Vorteil.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let failure as Failure {
      writeToStandardError(failure.description)
      exit(ownFailure)
    } catch let code as ExitCode {
      exit(code.rawValue)
    } catch {
      // Help and the version are "errors" that succeed.
      if Vorteil.exitCode(for: error).isSuccess { Vorteil.exit(withError: error) }
      writeToStandardError("\(Vorteil.message(for: error)) (see 'vorteil --help', 'vorteil run --help')")
      exit(ownFailure)
    }
  }
}
