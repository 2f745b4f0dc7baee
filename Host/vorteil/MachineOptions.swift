// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import HostSystem
import Hypervisors
import Images
import SystemPackage

extension VirtualMachine.Board: ExpressibleByArgument {}
extension Accelerator: ExpressibleByArgument {}

/// How the machine runs.
struct MachineOptions: ParsableArguments {
  @Flag(name: [.customShort("t"), .long], help: "Give the program this terminal, to be used interactively.")
  var terminal = false

  @Option(help: "End the program after this time: 30 (seconds), 500ms, 2m.")
  var timeout: String?

  @Flag(help: "Show every system call of the program.")
  var strace = false

  @Flag(help: "Show what the program looked for and did not find.")
  var missing = false

  @Option(help: "The machine's board: microvm (the default) or q35.")
  var machine: VirtualMachine.Board = .microvm

  @Flag(help: "Start even without a source of randomness; addresses can then be guessed.")
  var allowWeakEntropy = false

  @Flag(help: "Wait for a debugger, and print the command that attaches one.")
  var gdb = false

  @Option(name: .customLong("cpu"), help: ArgumentHelp("The processor model, as QEMU names it.", valueName: "model"))
  var processorModel: String?

  @Option(
    name: .customLong("hypervisor-argument"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Give QEMU one more argument.", valueName: "argument"))
  var hypervisorArguments: [String] = []

  @Option(help: .hidden) var accelerator: Accelerator?
  @Option(help: .hidden) var hypervisor: String?
  @Option(help: .hidden) var kernel: String?

  /// The terminal that was asked for.
  func terminalDevice() throws(Failure) -> Terminal? {
    guard terminal else { return nil }
    guard let device = Terminal(.standardInput) else {
      throw Failure(
        "--terminal needs a terminal, which standard input is not: leave out -t, or do not redirect the input")
    }
    return device
  }

  var timeLimit: Duration? {
    get throws { try timeout.map(Parse.timeout) }
  }

  func virtualMachine(_ disk: RunnableDisk, logLevel: String) throws -> VirtualMachine {
    let kernel = try kernel.map { FilePath($0) } ?? VirtualMachine.installedKernel()
    var machine = VirtualMachine(kernel: kernel, disk: disk.file)
    machine.board = self.machine
    if let accelerator { machine.accelerator = accelerator }
    machine.processorModel = processorModel
    machine.memoryInBytes = disk.memoryInBytes
    machine.processors = disk.processors
    machine.changesCode = disk.allowsJIT
    machine.hypervisorArguments = hypervisorArguments
    machine.hypervisor = hypervisor.map { FilePath($0) }
    machine.kernelOptions = ["log=\(logLevel)"]
    if strace { machine.kernelOptions.append("strace") }
    if missing { machine.kernelOptions.append("missing") }
    if allowWeakEntropy { machine.kernelOptions.append("allow-weak-entropy") }
    machine.kernelOptions += Main.closedStreams.map { "closed=\($0)" }
    if gdb { machine.waitForDebugger() }
    return machine
  }
}
