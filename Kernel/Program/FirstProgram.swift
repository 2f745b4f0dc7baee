// SPDX-License-Identifier: Apache-2.0
import Channel
import Machine
import MachineConfiguration

/// The program that the machine was made for.
enum FirstProgram {
  /// Starts it as the configuration says; ends the machine with one sentence if that cannot be done.
  static func start(_ configuration: MachineConfiguration) -> Never {
    addressSpace.allowsJIT = configuration.allowsJIT
    identity = Identity(user: configuration.userID, group: configuration.groupID)
    hostName = configuration.hostname
    var frame = TrapFrame()
    do throws(Errno) {
      fileTree.workingDirectory = try Paths.locate(configuration.workingDirectory)
    } catch {
      fail("the working directory ", configuration.workingDirectory, error)
    }
    do throws(Errno) {
      let plan = try Loader.plan(configuration.program, configuration.arguments, configuration.environment)
      try Loader.start(plan, &frame)
    } catch {
      fail("the program ", configuration.program, error)
    }
    Processor.enterProgram(frame)
  }

  private static func fail(_ what: StaticString, _ path: [UInt8], _ error: Errno) -> Never {
    Log.error { message in
      message.append(what)
      message.append(path)
      switch error {
      case .ENOENT: message.append(" does not exist in the image, or the interpreter that it names does not")
      case .EACCES: message.append(" may not be used: it is no regular file, or has no execute permission")
      case .ENOEXEC: message.append(" is no 64-bit x86-64 program that can be loaded")
      case .ENOTDIR: message.append(" is not a directory")
      case .ENOMEM: message.append(" does not fit into the machine's memory; give it more with --memory")
      case .E2BIG: message.append(" has more arguments and environment than fit")
      default:
        message.append(" cannot be used: error ")
        message.append(decimal: UInt64(error.rawValue))
      }
    }
    Console.exit(.notStarted, UInt32(error.rawValue))
  }
}
