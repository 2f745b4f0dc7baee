// SPDX-License-Identifier: Apache-2.0
import Ext4
import Storage

// swift-format-ignore: AlwaysUseLowerCamelCase
/// The error numbers of Linux on x86-64 (include/uapi/asm-generic/errno*.h), under their own names.
enum Errno: UInt16, Error {
  case EPERM = 1
  case ENOENT = 2
  case ESRCH = 3
  case EINTR = 4
  case EIO = 5
  case ENXIO = 6
  case E2BIG = 7
  case ENOEXEC = 8
  case EBADF = 9
  case ECHILD = 10
  case EAGAIN = 11
  case ENOMEM = 12
  case EACCES = 13
  case EFAULT = 14
  case EBUSY = 16
  case EEXIST = 17
  case EXDEV = 18
  case ENODEV = 19
  case ENOTDIR = 20
  case EISDIR = 21
  case EINVAL = 22
  case ENFILE = 23
  case EMFILE = 24
  case ENOTTY = 25
  case ETXTBSY = 26
  case EFBIG = 27
  case ENOSPC = 28
  case ESPIPE = 29
  case EROFS = 30
  case EMLINK = 31
  case EPIPE = 32
  case EDOM = 33
  case ERANGE = 34
  case EDEADLK = 35
  case ENAMETOOLONG = 36
  case ENOLCK = 37
  case ENOSYS = 38
  case ENOTEMPTY = 39
  case ELOOP = 40
  case ENOMSG = 42
  case EIDRM = 43
  case ENODATA = 61
  case EOVERFLOW = 75
  case ENOTSOCK = 88
  case EDESTADDRREQ = 89
  case EMSGSIZE = 90
  case EPROTOTYPE = 91
  case ENOPROTOOPT = 92
  case EPROTONOSUPPORT = 93
  case ESOCKTNOSUPPORT = 94
  case EOPNOTSUPP = 95
  case EAFNOSUPPORT = 97
  case EADDRINUSE = 98
  case ECONNRESET = 104
  case ENOBUFS = 105
  case EISCONN = 106
  case ENOTCONN = 107
  case ETOOMANYREFS = 109
  case ETIMEDOUT = 110
  case ECONNREFUSED = 111
  case EUCLEAN = 117

  /// Not a number that a program sees: the call was interrupted by a signal before it did anything. It is
  /// made again if the signal has no handler or one with SA_RESTART, else it becomes EINTR.
  case ERESTARTSYS = 512
  /// The same, but a signal with any handler makes it EINTR.
  case ERESTARTNOHAND = 514
  /// The same, and it is made again as `restart_syscall`, which knows how much time is left.
  case ERESTART_RESTARTBLOCK = 516
  /// Not a number that a program sees either: nothing was done, but the disk was waited for and others ran
  /// meanwhile, so everything is to be looked at anew (`lookingAgain`).
  case ELOOKAGAIN = 600
}

/// Does `body` until it does not have to wait for the disk any more.
@inline(__always)
func lookingAgain<Result>(_ body: () throws(Errno) -> Result) throws(Errno) -> Result {
  while true {
    do throws(Errno) { return try body() } catch { if error != .ELOOKAGAIN { throw error } }
  }
}
