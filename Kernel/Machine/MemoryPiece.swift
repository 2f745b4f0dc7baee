// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// Contiguous memory as devices see it.
public struct MemoryPiece: BitwiseCopyable {
  public let physicalAddress: UInt64
  /// Bytes.
  public let count: Int

  /// `count` frames in a row, from `first` on.
  public init(_ first: Frame, count: Int) {
    precondition(count > 0 && count <= 1 << 16)
    physicalAddress = first.physicalAddress
    self.count = count * Frame.size
  }

  /// The first `bytes` bytes of a frame.
  public init(_ frame: Frame, bytes: Int) {
    precondition(bytes > 0 && bytes <= Frame.size)
    physicalAddress = frame.physicalAddress
    count = bytes
  }

  /// Memory of the kernel for a device to read. It must stay as it is until the device is done: the caller waits.
  public init(reading bytes: Span<UInt8>) {
    count = bytes.count
    physicalAddress = bytes.withUnsafeBufferPointer { Self.physical($0.baseAddress) }
  }

  /// Memory of the kernel for a device to write: `count` bytes from `offset`. It must stay until the device is done:
  /// the caller waits.
  public init(writing bytes: inout MutableSpan<UInt8>, from offset: Int, count: Int) {
    precondition(offset >= 0 && count >= 0 && offset <= bytes.count && count <= bytes.count - offset)
    self.count = count
    physicalAddress = bytes.withUnsafeMutableBufferPointer {
      Self.physical(UnsafePointer($0.baseAddress)) + UInt64(offset)
    }
  }

  /// The kernel's memory is contiguous for devices too: it is in the image or in the direct map.
  private static func physical(_ pointer: UnsafePointer<UInt8>?) -> UInt64 {
    let address = UInt64(UInt(bitPattern: pointer))
    if address >= image_start() && address < image_end() { return address - image_start() + 0x10_0000 }
    precondition(isKernelAddress(address) && address >= DirectMap.base)
    return DirectMap.physical(of: address)
  }
}
