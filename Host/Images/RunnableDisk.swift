// SPDX-License-Identifier: Apache-2.0
import Configuration
import DiskLayout
public import HostSystem
public import Logging
import MachineConfiguration
import Programs
import Storage
import SystemPackage

/// The disk of a machine that is about to run: an image that exists, or one made for this run only.
public struct RunnableDisk: Sendable {
  public let file: OpenFile
  public let memoryInBytes: UInt64
  public let processors: Int
  /// Whether the program may make code while it runs.
  public let allowsJIT: Bool
  /// What may be the reason if the program fails: one sentence each.
  public let hints: [String]

  /// Opens or makes the disk for `request`, and tells the person what is worth telling; with `verbose`, every file.
  public init(_ request: MachineRequest, verbose: Bool, logger: Logger) throws(Failure) {
    let path = absolutePath(request.source)
    if (try? status(of: path, followsLink: true))?.type.isFile == true, case .diskImage = try InputKind(of: path) {
      let configuration: MachineConfiguration
      (file, configuration) = try Self.open(path, request)
      processors = try MachinePlan.processors(request.settings)
      allowsJIT = configuration.allowsJIT
      memoryInBytes = request.settings.memoryInBytes ?? MachinePlan.defaultMemoryInBytes
      hints = []
      return
    }
    let plan = try MachinePlan(request)
    plan.report(to: logger, verbose: verbose)
    let builder = try DiskBuilder(plan, kernel: nil)
    do throws(Errno) {
      file = try OpenFile.temporary()
    } catch {
      throw Failure("cannot make a temporary file for the disk (\(error)): name a directory with TMPDIR")
    }
    try builder.write(to: file, title: "packing \(request.source)")
    memoryInBytes = plan.memoryInBytes
    processors = try MachinePlan.processors(plan.settings)
    allowsJIT = plan.configuration.allowsJIT
    hints = plan.forgottenFiles
  }

  /// Opens an image and makes sure that a machine can start from it.
  private static func open(
    _ path: FilePath, _ request: MachineRequest
  ) throws(Failure) -> (OpenFile, MachineConfiguration) {
    guard !request.changesImage else {
      throw Failure("\(path) runs as it was built: give arguments, variables and files to 'vorteil build'")
    }
    let file: OpenFile
    let device: FileDevice
    do throws(Errno) {
      file = try OpenFile.open(path)
      device = try FileDevice(file)
    } catch {
      throw Failure("read", path, error)
    }
    let table: PartitionTable
    do throws(PartitionTableError) {
      table = try PartitionTable(reading: device)
    } catch {
      throw Failure("\(path) has a damaged partition table (\(error)): build the image again")
    }
    guard let configuration = table.partition(ofType: .vorteilConfiguration),
      let root = table.partition(ofType: .linuxRoot)
    else { throw Failure("\(path) is a disk, but not one of Vorteil's: make one with 'vorteil build'") }
    let content = try read(configuration, device, path)
    guard let slice = DeviceSlice(device, start: root.startInBytes, size: root.sizeInBytes) else {
      throw Failure("\(path) ends before its root partition does: copy it again")
    }
    try RootFileSystem.check(slice, path)
    return (file, content)
  }

  private static func read(
    _ place: Partition, _ device: FileDevice, _ path: FilePath
  ) throws(Failure) -> MachineConfiguration {
    let size = Int(min(place.sizeInBytes, UInt64(MachineConfiguration.maximumEncodedSize)))
    var bytes = [UInt8](repeating: 0, count: size)
    do throws(StorageError) {
      var span = bytes.mutableSpan
      try device.read(at: place.startInBytes, into: &span)
    } catch {
      throw Failure("\(path) ends before its configuration does: copy it again")
    }
    do throws(MachineConfigurationError) {
      return try MachineConfiguration(decoding: bytes.span)
    } catch {
      throw Failure("\(path) has a damaged configuration (\(error)): build the image again")
    }
  }
}

extension MachineRequest {
  /// Whether something was asked that only the building of an image can do.
  fileprivate var changesImage: Bool {
    var other = settings
    other.memoryInBytes = nil
    other.processors = nil
    return other != Settings() || !files.isEmpty || !directories.isEmpty || vcfg != nil
  }
}

extension FileType {
  fileprivate var isFile: Bool { self == .regular || self == .blockSpecial }
}
