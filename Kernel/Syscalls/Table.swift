// SPDX-License-Identifier: Apache-2.0
import Machine

/// The table of system calls: the one place that says which there are. Dispatch, `--strace` and the
/// compatibility page come from it. It is a `switch`, which the compiler turns into a jump: a row costs
/// nothing until it is asked for. Numbers and names are Linux's (arch/x86/entry/syscalls/syscall_64.tbl).
@inline(__always)
func systemCall(_ number: UInt64) -> SystemCall? {
  switch number {
  case 1: SystemCall("write", .descriptor, .input, .size, do: sysWrite)
  case 9: SystemCall("mmap", .pointer, .size, .protection, .flags, .descriptor, .offset, do: sysMmap)
  case 10: SystemCall("mprotect", .pointer, .size, .protection, do: sysMprotect)
  case 11: SystemCall("munmap", .pointer, .size, do: sysMunmap)
  case 12: SystemCall("brk", .pointer, do: sysBrk)
  case 25: SystemCall("mremap", .pointer, .size, .size, .flags, .pointer, do: sysMremap)
  case 26: SystemCall("msync", .pointer, .size, .flags, do: sysMsync)
  case 27: SystemCall("mincore", .pointer, .size, .pointer, do: sysMincore)
  case 28: SystemCall("madvise", .pointer, .size, .number, do: sysMadvise)
  case 59: SystemCall("execve", .path, .pointer, .pointer, do: sysExecve)
  case 149: SystemCall("mlock", .pointer, .size, do: sysMlock)
  case 150: SystemCall("munlock", .pointer, .size, do: sysMunlock)
  case 151: SystemCall("mlockall", .flags, do: sysMlockall)
  case 152: SystemCall("munlockall", do: sysMunlockall)
  case 322: SystemCall("execveat", .directory, .path, .pointer, .pointer, .flags, do: sysExecveat)
  case 325: SystemCall("mlock2", .pointer, .size, .flags, do: sysMlock2)
  case 158: SystemCall("arch_prctl") { c throws(Errno) in if c.first == 0x1002 { Processor.fsBase = c.second; return 0 }; throw .EINVAL }
  case 218: SystemCall("set_tid_address") { _ throws(Errno) in 1 }
  case 231: SystemCall("exit_group") { c throws(Errno) in Process.exit(int(c.first)) }
  case 318: SystemCall("getrandom") { c throws(Errno) in 0 }
  case 39: SystemCall("getpid") { _ throws(Errno) in 1 }
  case 110: SystemCall("getppid") { _ throws(Errno) in 0 }
  default: nil
  }
}
