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
  public var kernel: FilePath
  /// The disk; an unnamed file is reached through its descriptor, which is why it is kept open here.
  public var disk: OpenFile
  /// Words for the kernel; see Docs/Interfaces.md.
  public var kernelOptions: [String] = []
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
