// SPDX-License-Identifier: Apache-2.0
import Machine

/// What an argument of a system call is; `--strace` prints it accordingly.
enum ArgumentKind: UInt8 {
  case none
  /// A signed number.
  case number
  /// An unsigned number, in hexadecimal: flags, masks.
  case flags
  case descriptor
  /// A directory's descriptor or AT_FDCWD.
  case directory
  /// A pointer to a string that ends with zero.
  case path
  /// A pointer to bytes that the call reads; their number is the next argument.
  case input
  /// A pointer to bytes that the call fills; their number is the result.
  case output
  case size
  case offset
  case mode
  case pointer
  case signal
  case protection
}

/// One row of the table of system calls.
struct SystemCall {
  /// The thin function that does a call: arguments from the frame, the result or an error number back.
  typealias Handler = (inout TrapFrame) throws(Errno) -> UInt64

  /// Linux's name.
  let name: StaticString
  let arguments: (ArgumentKind, ArgumentKind, ArgumentKind, ArgumentKind, ArgumentKind, ArgumentKind)
  /// Does the call, and leaves what it returns or throws in the frame.
  let run: (inout TrapFrame) -> Void

  @inline(__always)
  init(
    _ name: StaticString, _ first: ArgumentKind = .none, _ second: ArgumentKind = .none,
    _ third: ArgumentKind = .none, _ fourth: ArgumentKind = .none, _ fifth: ArgumentKind = .none,
    _ sixth: ArgumentKind = .none, do handler: @escaping Handler
  ) {
    self.name = name
    arguments = (first, second, third, fourth, fifth, sixth)
    run = { frame in
      do throws(Errno) {
        frame.rax = try handler(&frame)
      } catch {
        frame.rax = 0 &- UInt64(error.rawValue)
      }
    }
  }
}

/// The arguments of the system call for which a frame was made.
extension TrapFrame {
  @inline(__always) var first: UInt64 { rdi }
  @inline(__always) var second: UInt64 { rsi }
  @inline(__always) var third: UInt64 { rdx }
  @inline(__always) var fourth: UInt64 { r10 }
  @inline(__always) var fifth: UInt64 { r8 }
  @inline(__always) var sixth: UInt64 { r9 }
  /// The number; still there when `rax` already holds the result.
  @inline(__always) var systemCallNumber: UInt64 { errorCode }
}

/// A C `int` argument: the upper half of the register means nothing.
@inline(__always) func int(_ argument: UInt64) -> Int32 { Int32(truncatingIfNeeded: argument) }

/// Fails with EFAULT unless the copy worked.
@inline(__always) func check(_ copied: Bool) throws(Errno) {
  if !copied { throw .EFAULT }
}
