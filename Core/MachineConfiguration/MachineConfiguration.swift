// SPDX-License-Identifier: Apache-2.0

/// What the tool tells the kernel about the machine it is to be: written into the disk's
/// configuration partition, read once at boot. It holds nothing secret and no seed.
public struct MachineConfiguration: Equatable, Sendable {
  /// Path of the program in the root file system; also `argv[0]` unless `arguments` says otherwise.
  public var program: [UInt8] = []
  /// The argument vector, `argv[0]` included. Strings are bytes, as on Linux.
  public var arguments: [[UInt8]] = []
  /// `NAME=VALUE` strings.
  public var environment: [[UInt8]] = []
  public var workingDirectory: [UInt8] = [0x2f]
  public var hostname: [UInt8] = []
  public var userID: UInt32 = 0
  public var groupID: UInt32 = 0
  /// Whether memory may be writable and executable (`[system] allow-jit`).
  public var allowsJIT = false

  public init() {}
}
