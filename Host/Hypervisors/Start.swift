// SPDX-License-Identifier: Apache-2.0
import HostSystem
public import Logging
import Subprocess
import SystemPackage

extension VirtualMachine {
  /// Starts the machine, connects the program in it to the tool's own streams, and waits until it has ended.
  ///
  /// The hypervisor cannot outlive the tool, however that ends: it asks Linux to be killed with the thread that started
  /// it (`setpriv --pdeathsig`), and Subprocess starts programs from one thread that lives as long as the process.
  /// Should the tool die before that request is made, the files that it lends to the hypervisor are gone, and the
  /// hypervisor fails to start.
  public func run(timeout: Duration?, logger: Logger) async throws -> Outcome {
    let seed = try Seed.makeFile()
    // The hypervisor opens them through the tool's descriptors.
    defer { withExtendedLifetime((seed, disk)) {} }
    let (toHypervisor, fromHypervisor, errors) = try (makePipe(), makePipe(), makePipe())
    let program = try hypervisor ?? Qemu.locate()
    let arguments = ["--pdeathsig", "KILL", "--", program.string] + Qemu.arguments(for: self, seed: seed)
    logger.debug("\(arguments.dropFirst(3).joined(separator: " "))")

    if let debuggerCommand { logger.notice("waiting for a debugger: \(debuggerCommand)") }

    let symbols = KernelSymbols(debugFile: kernel.appendingExtension("debug"))
    let conversation = Conversation(
      fromKernel: OpenFile(fromHypervisor.readEnd), toKernel: OpenFile(toHypervisor.writeEnd), streams: .init(),
      messages: KernelMessages(logger: logger, symbols: symbols), terminal: terminal)
    // However the conversation ends, the terminal is given back.
    defer { terminal?.leaveRawMode() }
    let errorStream = ErrorStream(OpenFile(errors.readEnd), logger: logger, symbols: symbols)

    // A session of its own, so that Ctrl-C on the terminal reaches the tool and not the hypervisor.
    var options = PlatformOptions()
    options.createSession = true
    let outcome: Outcome
    do {
      outcome = try await Subprocess.run(
        .name("setpriv"), arguments: Arguments(arguments), platformOptions: options,
        // Only the hypervisor may hold these ends afterwards, or its end would not be the streams' end.
        input: .fileDescriptor(toHypervisor.readEnd, closeAfterSpawningProcess: true),
        output: .fileDescriptor(fromHypervisor.writeEnd, closeAfterSpawningProcess: true),
        error: .fileDescriptor(errors.writeEnd, closeAfterSpawningProcess: true)
      ) { execution in
        let outcome = try await conversation.run(timeout: timeout) { isStopped in
          try? execution.send(signal: isStopped ? .suspend : .resume)
        }
        terminal?.leaveRawMode()
        try? execution.send(signal: .kill)
        return outcome
      }.closureResult
    } catch let error as SubprocessError {
      throw Failure("cannot start setpriv (of util-linux), which starts the hypervisor: \(error)")
    }
    guard case .failed(let failure) = outcome else { return outcome }
    let details = errorStream.lastLines().map { "\n  \($0)" }.joined()
    return .failed(Failure(failure.description + (details.isEmpty ? "" : ":" + details)))
  }
}

extension FilePath {
  fileprivate func appendingExtension(_ extension: String) -> FilePath { FilePath(string + "." + `extension`) }
}
