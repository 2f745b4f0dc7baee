// SPDX-License-Identifier: Apache-2.0
import Configuration
import DiskLayout
import HostSystem
import MachineConfiguration
import Storage
import SystemPackage

/// Writes a plan as a disk: a GPT with the kernel (if wanted), the configuration and the root file system, each in a
/// partition of its own (Docs/Interfaces.md).
struct DiskBuilder {
  /// The room that a machine has for what its program writes, unless the person says otherwise.
  static let defaultFreeBytes: UInt64 = 64 << 20

  private let root: RootFileSystem
  private let configuration: [UInt8]
  private let kernel: [UInt8]?
  private let table: PartitionTable
  let diskSize: UInt64

  /// Lays the disk out. `kernel` is put into the image for machines that boot from it; nil where the tool starts the
  /// kernel itself.
  init(_ plan: MachinePlan, kernel: [UInt8]?) throws(Failure) {
    self.kernel = kernel
    configuration = plan.configuration.encode()
    var requests: [PartitionRequest] = []
    if let kernel {
      requests.append(.init(type: .vorteilKernel, name: "vorteil-kernel", sizeInBytes: UInt64(kernel.count)))
    }
    requests.append(
      .init(type: .vorteilConfiguration, name: "vorteil-config", sizeInBytes: UInt64(configuration.count)))

    let free: UInt64
    switch plan.settings.diskSize {
    case .free(let bytes): free = bytes
    case .total: free = 0
    case nil: free = Self.defaultFreeBytes
    }
    root = RootFileSystem(plan.tree, freeBytes: free)
    let rootRequest = { (size: UInt64) in
      PartitionRequest(type: .linuxRoot, name: "vorteil-root", sizeInBytes: size)
    }
    var table = try Self.place(requests + [rootRequest(root.minimumSize)], configuration)
    if case .total(let size) = plan.settings.diskSize {
      // The root file system takes all that the others leave.
      guard size >= table.minimumDeviceSize else {
        throw Failure(
          "a disk of \(describe(bytes: size)) is too small: the files need \(describe(bytes: table.minimumDeviceSize))")
      }
      diskSize = size / PartitionTable.alignment * PartitionTable.alignment
      let extra = diskSize - table.minimumDeviceSize
      table = try Self.place(requests + [rootRequest(root.minimumSize + extra)], configuration)
    } else {
      diskSize = table.minimumDeviceSize
    }
    self.table = table
  }

  /// The identifiers of the disk and its partitions come from the configuration, so that the same input gives the
  /// same bytes.
  private static func place(
    _ requests: [PartitionRequest], _ configuration: [UInt8]
  ) throws(Failure) -> PartitionTable {
    do throws(PartitionTableError) {
      return try PartitionTable(placing: requests, seed: configuration.span)
    } catch {
      throw Failure("cannot lay out the disk: \(error)")
    }
  }

  /// Writes the disk into `file`, which must be empty: what stays zero is never written. `title` is what a person who
  /// waits long is told.
  func write(to file: OpenFile, title: String) throws(Failure) {
    let bar = ProgressBar(title)
    defer { bar.finish() }
    let device: FileDevice
    do throws(Errno) {
      device = try FileDevice(file)
      try device.resize(to: diskSize)
    } catch {
      throw Failure("cannot write the disk image: \(error)")
    }
    do throws(PartitionTableError) {
      try table.write(to: device)
    } catch {
      throw device.failure ?? Failure("cannot write the partition table: \(error)")
    }
    if let kernel { try store(kernel, .vorteilKernel, device) }
    try store(configuration, .vorteilConfiguration, device)
    guard let place = table.partition(ofType: .linuxRoot),
      let slice = DeviceSlice(device, start: place.startInBytes, size: place.sizeInBytes)
    else { throw Failure("the root partition does not fit the disk") }
    try root.write(to: slice, identity: configuration, progress: bar.update)
  }

  private func store(_ bytes: [UInt8], _ type: GUID, _ device: FileDevice) throws(Failure) {
    let padded = bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
    guard let place = table.partition(ofType: type) else { return }
    do throws(StorageError) {
      try device.write(at: place.startInBytes, from: padded.span)
    } catch {
      throw device.failure ?? Failure("cannot write the disk image: \(error)")
    }
  }
}

extension FileDevice {
  /// What the operating system said, as a sentence.
  var failure: Failure? {
    switch lastError {
    case .noSpace, .diskQuotaExceeded:
      Failure("there is no space left for the disk image: free some, or name another directory with TMPDIR")
    case let error?: Failure("cannot write the disk image: \(error)")
    case nil: nil
    }
  }
}
