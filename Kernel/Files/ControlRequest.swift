// SPDX-License-Identifier: Apache-2.0

/// The numbers of `ioctl` that files know (include/uapi/asm-generic/ioctls.h).
enum ControlRequest {
  static let bytesReadable: UInt32 = 0x541b
  static let nonBlocking: UInt32 = 0x5421
  static let asynchronous: UInt32 = 0x5452
  static let doNotCloseOnExec: UInt32 = 0x5450
  static let closeOnExec: UInt32 = 0x5451
}
