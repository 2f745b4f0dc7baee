// SPDX-License-Identifier: Apache-2.0
import HostSystem
import Storage
import SystemPackage

struct RootFileSystem {
  let minimumSize: UInt64
  init(_ tree: FileTree, freeBytes: UInt64) throws(Failure) { minimumSize = freeBytes }
  static func check<Device: BlockDevice>(_ device: Device, _ path: FilePath) throws(Failure) {}
  func write<Device: BlockDevice>(to device: Device, identity: [UInt8], progress: (Double) -> Void) throws(Failure) {}
}
