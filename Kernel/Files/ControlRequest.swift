// SPDX-License-Identifier: Apache-2.0

/// The numbers of `ioctl` that files know (include/uapi/asm-generic/ioctls.h).
enum ControlRequest {
  static let bytesReadable: UInt32 = 0x541b
  /// TIOCOUTQ, SIOCOUTQ.
  static let bytesUnsent: UInt32 = 0x5411
  static let nonBlocking: UInt32 = 0x5421
  static let asynchronous: UInt32 = 0x5452
  static let doNotCloseOnExec: UInt32 = 0x5450
  static let closeOnExec: UInt32 = 0x5451

  // Terminals. The three that set attributes follow each other: at once, after the output, and with the input flushed.
  static let getAttributes: UInt32 = 0x5401
  static let setAttributes: ClosedRange<UInt32> = 0x5402...0x5404
  static let getExtendedAttributes: UInt32 = 0x802c_542a
  static let setExtendedAttributes: ClosedRange<UInt32> = 0x402c_542b...0x402c_542d
  static let sendBreak: UInt32 = 0x5409
  static let sendPosixBreak: UInt32 = 0x5425
  static let flowControl: UInt32 = 0x540a
  static let flush: UInt32 = 0x540b
  static let exclusive: UInt32 = 0x540c
  static let notExclusive: UInt32 = 0x540d
  static let setControllingTerminal: UInt32 = 0x540e
  static let getForegroundGroup: UInt32 = 0x540f
  static let setForegroundGroup: UInt32 = 0x5410
  static let bytesToSend: UInt32 = 0x5411
  static let getWindowSize: UInt32 = 0x5413
  static let setWindowSize: UInt32 = 0x5414
  static let setLineDiscipline: UInt32 = 0x5423
  static let getLineDiscipline: UInt32 = 0x5424
  static let getSession: UInt32 = 0x5429
}
