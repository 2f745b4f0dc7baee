// SPDX-License-Identifier: Apache-2.0
import Channel
import Machine

/// The one process: what program it runs and what that was given. Its files, signals, memory and identity
/// are the subsystems' own.
struct Process {
  /// `argv` and `envp` as the program got them.
  var arguments: [[UInt8]] = []
  var environment: [[UInt8]] = []
  /// The path under which it was started (AT_EXECFN), and its file.
  var executablePath: [UInt8] = []
  var executable: Location?
  /// The auxiliary vector, as bytes.
  var auxiliaryVector: [UInt8] = []
  /// `comm`: at most fifteen bytes of the program's name, which the program may change.
  var name: [UInt8] = []
  /// Where code, data and stack begin, for `/proc/self/stat`.
  var codeStart: UInt64 = 0
  var codeEnd: UInt64 = 0
  var stackStart: UInt64 = 0
  /// The interpreter's bias (AT_BASE) and the program's own, for crash reports and debuggers.
  var interpreterBase: UInt64 = 0
  var programBase: UInt64 = 0

  /// Whether `node` is the program's own file, which nobody may change meanwhile.
  func isRunning(_ node: Node) -> Bool {
    guard let running = executable?.node else { return false }
    return running === node
  }

  /// Ends the program and with it the machine. What it did not close is closed, what it looked for and did
  /// not find is reported if that was asked for.
  static func exit(_ code: Int32) -> Never {
    end(.exited, UInt32(bitPattern: code & 0xff))
  }

  /// Ends the machine because a signal ended the program.
  static func kill(bySignal number: Int) -> Never {
    end(.signaled, UInt32(truncatingIfNeeded: number))
  }

  private static func end(_ kind: ExitKind, _ value: UInt32) -> Never {
    MissingFiles.report()
    UnimplementedCalls.report()
    fileTree.unmount()
    Console.exit(kind, value)
  }
}

/// The one process.
var process: Process! = nil
