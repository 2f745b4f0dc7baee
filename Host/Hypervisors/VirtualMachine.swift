// SPDX-License-Identifier: Apache-2.0
public import HostSystem
public import SystemPackage

/// A machine to start: its parts, and what its kernel is told.
public struct VirtualMachine: Sendable {
  /// The kind of main board.
  public enum Board: String, CaseIterable, Sendable {
    case microvm
    case q35
  }

  public var board: Board = .microvm
  public var accelerator: Accelerator
  /// Overrides the processor model that belongs to the accelerator.
  public var processorModel: String?
  public var memoryInBytes: UInt64 = 256 << 20
  public var processors = 1
  /// Whether the program makes and changes code while it runs.
  public var changesCode = false
  public var kernel: FilePath
  /// The disk; an unnamed file is reached through its descriptor, which is why it is kept open here.
  public var disk: OpenFile
  /// Words for the kernel; see Docs/Interfaces.md.
  public var kernelOptions: [String] = []
  /// The terminal that becomes the program's; nil: its standard streams are pipes.
  public var terminal: Terminal?
  /// The port on which a debugger may attach; the machine then waits for it.
  public var debuggerPort: UInt16?
  /// Given to the hypervisor as they are.
  public var hypervisorArguments: [String] = []
  /// The hypervisor's program; nil looks it up.
  public var hypervisor: FilePath?

  public init(kernel: FilePath, disk: OpenFile, accelerator: Accelerator = .choose()) {
    self.kernel = kernel
    self.disk = disk
    self.accelerator = accelerator
  }
}

extension VirtualMachine {
  /// The kernel that was built together with the tool: it lies beside the tool's executable.
  public static func installedKernel() throws(Failure) -> FilePath {
    guard let kernel = try? executablePath().removingLastComponent().appending("vorteil-kernel"),
      (try? status(of: kernel, followsLink: true)) != nil
    else {
      throw Failure(
        "the kernel 'vorteil-kernel' is not beside the tool: start the tool with ./vorteil, which builds both")
    }
    return kernel
  }

  /// Makes the machine stop before its first instruction until a debugger lets it go. The kernel then stays at its
  /// link address, so that the debugger's symbols fit.
  public mutating func waitForDebugger() {
    // Ports for private use (RFC 6335 §6). QEMU says so if the one chosen is taken.
    debuggerPort = UInt16.random(in: 49152...65535)
    kernelOptions.append("nokaslr")
  }

  /// The command that attaches a debugger with the kernel's symbols.
  var debuggerCommand: String? {
    debuggerPort.map { "gdb \(kernel).debug -ex 'target remote 127.0.0.1:\($0)'" }
  }
}
