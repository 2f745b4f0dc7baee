// SPDX-License-Identifier: Apache-2.0

/// The program's registers while the kernel works for it, as entry.S pushes them.
public struct TrapFrame: BitwiseCopyable {
  public var r15: UInt64 = 0
  public var r14: UInt64 = 0
  public var r13: UInt64 = 0
  public var r12: UInt64 = 0
  public var rbp: UInt64 = 0
  public var rbx: UInt64 = 0
  public var r11: UInt64 = 0
  public var r10: UInt64 = 0
  public var r9: UInt64 = 0
  public var r8: UInt64 = 0
  public var rax: UInt64 = 0
  public var rcx: UInt64 = 0
  public var rdx: UInt64 = 0
  public var rsi: UInt64 = 0
  public var rdi: UInt64 = 0
  /// The exception or interrupt, or `systemCallVector`.
  public var vector: UInt64 = 0
  /// The processor's error code; for a system call its number.
  public var errorCode: UInt64 = 0
  public var rip: UInt64 = 0
  public var cs: UInt64 = 8
  public var rflags: UInt64 = 0x202
  public var rsp: UInt64 = 0
  public var ss: UInt64 = 0x10

  public init() {}

  /// `vector` of a system call. The registers that functions preserve (RBX, RBP, R12 to R15) are not in the
  /// frame then; they are when it reaches `kernel_return_to_program`.
  public static var systemCallVector: UInt64 { 0x100 }

  /// A system call sets every register itself: from now on the frame is complete, and the program goes on
  /// with exactly what stands in it. Only for a frame that a system call was made with.
  public mutating func replace(with state: TrapFrame) {
    let number = errorCode
    self = state
    errorCode = number
    setComplete()
  }

  /// The same for a system call that has set every register in the frame one by one.
  @inline(__always)
  public mutating func setComplete() {
    vector = Self.systemCallVector + 1
    PendingWork.add(.resume)
  }
}

/// The vectors of the processor's exceptions (Intel SDM volume 3, table 6-1) and our own.
public enum Vector {
  public static let divideError: UInt64 = 0
  public static let debug: UInt64 = 1
  public static let nonMaskable: UInt64 = 2
  public static let breakpoint: UInt64 = 3
  public static let overflow: UInt64 = 4
  public static let boundRange: UInt64 = 5
  public static let invalidOpcode: UInt64 = 6
  public static let deviceNotAvailable: UInt64 = 7
  public static let doubleFault: UInt64 = 8
  public static let stackFault: UInt64 = 12
  public static let generalProtection: UInt64 = 13
  public static let pageFault: UInt64 = 14
  public static let floatingPoint: UInt64 = 16
  public static let alignmentCheck: UInt64 = 17
  public static let machineCheck: UInt64 = 18
  public static let simdFloatingPoint: UInt64 = 19
  public static let firstInterrupt: UInt64 = 32
  public static let timer: UInt64 = 32
  public static let firstDevice: UInt64 = 33
  /// Another processor wants this one to look for work.
  public static let attention: UInt64 = 62
  public static let spurious: UInt64 = 63
  /// Made by entry.S: the kernel's stack ran into its guard.
  public static let kernelStackOverflow: UInt64 = 0x102
}

/// Whether an address lies in the kernel's window, 0x4000_0000_0000 ..< 0x5000_0000_0000.
@inlinable @inline(__always)
public func isKernelAddress(_ address: UInt64) -> Bool { address >> 44 == 4 }
