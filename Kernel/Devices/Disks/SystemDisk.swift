// SPDX-License-Identifier: Apache-2.0
import Channel
import DiskLayout
import MachineConfiguration
import Storage

/// The disk from which the machine lives (Docs/Interfaces.md): its configuration and its root partition.
struct SystemDisk {
  let configuration: MachineConfiguration
  /// Where the root file system is on the disk.
  let root: Partition

  /// Reads the first disk's partition table and configuration. Ends the machine with one sentence if there
  /// is none or it cannot be understood.
  init<Disk: BlockDevice>(reading disk: Disk) {
    let table: PartitionTable
    do throws(PartitionTableError) {
      table = try PartitionTable(reading: disk)
    } catch {
      Self.fail("the disk's partition table cannot be read")
    }
    guard let root = table.partition(ofType: .linuxRoot) else { Self.fail("the disk has no root partition") }
    guard let partition = table.partition(ofType: .vorteilConfiguration) else {
      Self.fail("the disk has no configuration partition")
    }
    self.root = root
    configuration = Self.configuration(on: disk, partition)
  }

  private static func configuration<Disk: BlockDevice>(on disk: Disk, _ partition: Partition) -> MachineConfiguration {
    // Nearly always all of it is in the first 4 KiB.
    var bytes = [UInt8](repeating: 0, count: Int(min(partition.sizeInBytes, 4096)))
    read(disk, partition.startInBytes, &bytes)
    do throws(MachineConfigurationError) {
      let size = try MachineConfiguration.encodedSize(bytes.span)
      guard UInt64(size) <= partition.sizeInBytes else { throw .truncated }
      if size > bytes.count {
        bytes = [UInt8](repeating: 0, count: (size + 511) & ~511)
        read(disk, partition.startInBytes, &bytes)
      }
      return try MachineConfiguration(decoding: bytes.span)
    } catch {
      fail("the machine's configuration on the disk is damaged or of another version")
    }
  }

  private static func read<Disk: BlockDevice>(_ disk: Disk, _ offset: UInt64, _ bytes: inout [UInt8]) {
    var span = bytes.mutableSpan
    do throws(StorageError) {
      try disk.read(at: offset, into: &span)
    } catch {
      fail("the disk cannot be read")
    }
  }

  /// The machine cannot start; says why.
  static func fail(_ reason: StaticString) -> Never {
    Log.error(reason)
    Console.exit(.notStarted, UInt32(Errno.EIO.rawValue))
  }
}
