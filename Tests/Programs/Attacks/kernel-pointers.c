// SPDX-License-Identifier: Apache-2.0
// Real addresses of the kernel, given to calls that read or write memory: each must be EFAULT. Otherwise a system call
// would read the kernel out, or write where the program's own stores cannot reach.
#include "../kernel-addresses.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/uio.h>

static int pipe_ends[2], zero, directory, failures;
static uint64_t address;

static void expect_fault(const char *what, long result) {
  if (result == -1 && errno == EFAULT) return;
  printf("%s with a kernel address: %ld %s\n", what, result, result == -1 ? error_name(errno) : "");
  failures++;
}
#define FAULT(call) expect_fault(#call, call)

static void try_all(void) {
  void *memory = (void *)address;
  struct iovec part = {memory, 8};
  FAULT(write(pipe_ends[1], memory, 8));
  FAULT(writev(pipe_ends[1], &part, 1));
  FAULT(writev(pipe_ends[1], memory, 1));
  FAULT(read(zero, memory, 8));
  FAULT(readv(zero, &part, 1));
  FAULT(pread(zero, memory, 8, 0));
  FAULT(syscall(SYS_getrandom, memory, 8, 0));
  FAULT(syscall(SYS_open, memory, O_RDONLY));
  FAULT(syscall(SYS_stat, memory, memory));
  FAULT(syscall(SYS_stat, "/", memory));
  FAULT(syscall(SYS_fstat, zero, memory));
  FAULT(syscall(SYS_statfs, "/", memory));
  FAULT(syscall(SYS_getcwd, memory, 100));
  FAULT(syscall(SYS_readlink, "/proc/self/exe", memory, 100));
  FAULT(syscall(SYS_getdents64, directory, memory, 1024));
  FAULT(syscall(SYS_uname, memory));
  FAULT(syscall(SYS_sysinfo, memory));
  FAULT(syscall(SYS_clock_gettime, 1, memory));
  FAULT(syscall(SYS_gettimeofday, memory, 0));
  FAULT(syscall(SYS_time, memory));
  FAULT(syscall(SYS_nanosleep, memory, 0));
  FAULT(syscall(SYS_times, memory));
  FAULT(syscall(SYS_getrusage, RUSAGE_SELF, memory));
  FAULT(syscall(SYS_prlimit64, 0, RLIMIT_CORE, 0, memory));
  FAULT(syscall(SYS_pipe, memory));
  FAULT(syscall(SYS_rt_sigaction, SIGUSR1, memory, 0, 8));
  FAULT(syscall(SYS_rt_sigaction, SIGUSR1, 0, memory, 8));
  FAULT(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, memory, 8));
  FAULT(syscall(SYS_rt_sigpending, memory, 8));
  FAULT(syscall(SYS_sigaltstack, 0, memory));
  FAULT(syscall(SYS_sigaltstack, memory, 0));
  FAULT(syscall(SYS_poll, memory, 1, 0));
  FAULT(syscall(SYS_execve, memory, 0, 0));
  FAULT(syscall(SYS_execve, "/proc/self/exe", memory, 0));
  FAULT(syscall(SYS_arch_prctl, 0x1003, memory));
  FAULT(syscall(SYS_sched_getaffinity, 0, 128, memory));
  FAULT(syscall(SYS_mincore, (uint64_t)&failures & ~4095UL, 4096, memory));
}

int main(void) {
  refuse_to_run_on_linux();
  pipe(pipe_ends);
  zero = open("/dev/zero", O_RDWR);
  directory = open("/", O_RDONLY | O_DIRECTORY);
  uint64_t base_of_gs;
  uint32_t low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000102));
  base_of_gs = (uint64_t)high << 32 | low;
  const uint64_t addresses[] = {
      kernel_text_address(), kernel_text_address() & ~4095UL, interrupt_table_address(), segment_table_address(),
      is_in_kernel_window(base_of_gs) ? base_of_gs : 0x400000000000, 0x400000000000, 0x4ffffffffff8, 0x3ffffffffff9,
  };
  for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) address = addresses[i], try_all();
  check("every call refused every address", failures == 0);
  check("the entry of system calls lies in the kernel's window", is_in_kernel_window(kernel_text_address()));
  puts("done");
  return finish();
}
