// SPDX-License-Identifier: Apache-2.0
// Does the kernel tell where it is? Looks for addresses of its window in registers after system calls and interrupts,
// below the stack pointer, in signal frames, in every structure that a call fills, and in /proc.
#include "../kernel-addresses.h"
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/time.h>
#include <ucontext.h>

static size_t addresses_in(const void *memory, size_t size) {
  size_t found = 0;
  for (size_t i = 0; i + 8 <= size; i += 8) {  // Unaligned, small numbers beside each other would look like addresses.
    uint64_t value;
    memcpy(&value, (const char *)memory + i, 8);
    found += is_in_kernel_window(value);
  }
  return found;
}

static void no_address_in(const char *what, const void *memory, size_t size) {
  printf("no kernel address in ");
  check(what, addresses_in(memory, size) == 0);
}

// Makes the call with the vector registers and all others cleared, and stores what the caller's registers hold then.
static void registers_after(long number_of_call, uint64_t *registers) {
  __asm__ volatile(
      "push %%rbp\n mov %1, %%rbp\n"
      "xor %%esi, %%esi\n xor %%edx, %%edx\n xor %%r8d, %%r8d\n xor %%r9d, %%r9d\n xor %%r10d, %%r10d\n"
      "mov $77, %%edi\n syscall\n"
      "mov %%rax, 0(%%rbp)\n mov %%rcx, 8(%%rbp)\n mov %%rdx, 16(%%rbp)\n mov %%rsi, 24(%%rbp)\n mov %%rdi, 32(%%rbp)\n"
      "mov %%r8, 40(%%rbp)\n mov %%r9, 48(%%rbp)\n mov %%r10, 56(%%rbp)\n mov %%r11, 64(%%rbp)\n pop %%rbp\n"
      : "+a"(number_of_call) : "r"(registers) : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
}

static void registers(void) {
  const long calls[] = {SYS_getpid, SYS_close, SYS_read, SYS_fstat, SYS_brk, SYS_clock_gettime, 9999};
  uint64_t values[7 * 9] = {0};
  for (int i = 0; i < 7; i++) registers_after(calls[i], values + 9 * i);
  no_address_in("registers after system calls", values, sizeof values);
}

// The 16 KiB below the stack pointer, cleared, then looked at after system calls and many interrupts.
static __attribute__((noinline)) void below_the_stack(void) {
  static char copy[16384];
  __asm__ volatile(
      "mov %%rsp, %%rdi\n sub $16384, %%rdi\n mov $16384, %%ecx\n xor %%eax, %%eax\n rep stosb\n"
      "mov $39, %%eax\n syscall\n mov $110, %%eax\n syscall\n"
      "mov $100000000, %%ecx\n 1: dec %%ecx\n jnz 1b\n"
      "mov %%rsp, %%rsi\n sub $16384, %%rsi\n mov %0, %%rdi\n mov $16384, %%ecx\n rep movsb\n"
      : : "r"(copy) : "rax", "rcx", "rsi", "rdi", "r11", "memory");
  no_address_in("the memory below the stack pointer", copy, sizeof copy);
}

static size_t in_frame;
static void look_at_frame(int signal, siginfo_t *information, void *context) {
  (void)signal;
  in_frame += addresses_in(information, sizeof *information) + addresses_in(context, sizeof(ucontext_t));
  in_frame += addresses_in(__builtin_frame_address(0), 1024);
}

static void frames(void) {
  struct sigaction action = {.sa_sigaction = look_at_frame, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  check("no kernel address in signal frames", in_frame == 0);
}

static void structures(void) {
  static union {
    char bytes[16384];
    struct stat status;
  } answer;
#define FILLED(call) \
  do { \
    memset(&answer, 0xaa, sizeof answer); \
    call; \
    no_address_in(#call, &answer, sizeof answer); \
  } while (0)
  FILLED(stat("/proc/self/exe", &answer.status));
  FILLED(statfs("/", (struct statfs *)&answer));
  FILLED(uname((struct utsname *)&answer));
  FILLED(sysinfo((struct sysinfo *)&answer));
  FILLED(getrusage(RUSAGE_SELF, (struct rusage *)&answer));
  FILLED(times((struct tms *)&answer));
  FILLED(syscall(SYS_getdents64, open("/", O_RDONLY), &answer, 16384));
  FILLED(syscall(SYS_statx, AT_FDCWD, "/proc/self/exe", 0, 0x7ff, &answer));
  FILLED(syscall(SYS_rt_sigaction, SIGUSR2, NULL, &answer, 8));
  FILLED(sigaltstack(NULL, (stack_t *)&answer));
  FILLED(getitimer(ITIMER_REAL, (struct itimerval *)&answer));
  FILLED(syscall(SYS_sched_getaffinity, 0, 1024, &answer));
}

// Numbers of 12 hexadecimal digits that begin with 4: what a kernel address looks like in a text.
static bool text_has_address(const char *path) {
  static char text[1 << 16];
  int file = open(path, O_RDONLY);
  size_t length = 0;
  for (ssize_t part; file != -1 && (part = read(file, text + length, sizeof text - 1 - length)) > 0;) length += part;
  text[length] = 0;
  close(file);
  for (char *digits = text; *digits != 0;) {
    size_t count = strspn(digits, "0123456789abcdef");
    if (count == 12 && *digits == '4') return true;
    digits += count ? count : 1;
  }
  return false;
}

static void texts(void) {
  const char *paths[] = {"/proc/self/maps", "/proc/self/stat", "/proc/self/status", "/proc/self/syscall",
                         "/proc/self/wchan", "/proc/kallsyms", "/proc/modules", "/proc/iomem"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    printf("no kernel address in ");
    check(paths[i], !text_has_address(paths[i]));
  }
}

int main(void) {
  registers();
  below_the_stack();
  frames();
  structures();
  texts();
  return finish();
}
