// SPDX-License-Identifier: Apache-2.0

/// One start of a virtual machine with a benchmark program in it.
struct GuestRun {
  enum Counting: Equatable {
    /// Nothing is counted: the machine runs as fast as it can.
    case nothing
    /// Every executed instruction advances the guest's time stamp counter by `ticksPerInstruction`.
    case byTimeStamp
    /// The plugin keeps the number of executed instructions in this file.
    case byPlugin(file: String)
  }

  /// With QEMU's `-icount shift=2`; smaller shifts make the guest's clocks too fast to calibrate.
  static let ticksPerInstruction = 4.0

  var program: String
  var arguments: [String] = []
  var machine: Machine
  var counting = Counting.nothing
  var processors = 1
  var memoryInMebibytes = 256
  var timeoutSeconds = 60

  /// Without fast string instructions, which TCG would run, and count, byte by byte.
  static let processorModel = "max,-erms,-fsrm"

  /// QEMU's arguments that count.
  func countingArguments(plugin: String) -> [String] {
    switch counting {
    case .nothing: []
    case .byTimeStamp: ["-icount", "shift=2,sleep=off"]
    case .byPlugin(let file): ["-plugin", "\(plugin),out=\(file)"]
    }
  }
}

/// A system that programs are measured on.
protocol Guest: Sendable {
  /// "Vorteil" or "Linux".
  var name: String { get }

  /// The command that starts `run`. The program's output comes on its standard output.
  func command(for run: GuestRun) throws -> [String]

  /// The size of the kernel's file in bytes.
  func kernelSize() throws -> Int
}
