// SPDX-License-Identifier: Apache-2.0
// What the two system call attacks share: wild values, the calls they leave out and why, and how to clean up after one.
#pragma once
#include "../kernel-addresses.h"
#include <sched.h>
#include <signal.h>
#include <sys/time.h>

enum { last_system_call = 470, saved_output = 100 };

// A correct kernel may block or end the program in these, or take away what the test itself stands on.
static const struct { int number; const char *reason; } left_out[] = {
    {SYS_exit, "ends the program"}, {SYS_exit_group, "ends the program"},
    {SYS_pause, "waits for ever"}, {SYS_rt_sigsuspend, "waits for ever"}, {SYS_rt_sigtimedwait, "may wait for ever"},
    {SYS_poll, "may wait for ever"}, {SYS_ppoll, "may wait for ever"}, {SYS_select, "may wait for ever"},
    {SYS_pselect6, "may wait for ever"}, {SYS_futex, "may wait for ever"}, {454, "futex_wake: with futex_wait"},
    {455, "futex_wait: may wait for ever"}, {449, "futex_waitv: may wait for ever"},
    {SYS_flock, "may wait for ever for a lock of its own"}, {SYS_nanosleep, "may sleep for long"},
    {SYS_clock_nanosleep, "may sleep for long"},
    {SYS_rt_sigreturn, "loads every register: Attacks/signal-return.c"},
    {SYS_munmap, "takes away the program's memory: Attacks/placement.c"}, {SYS_mprotect, "likewise"},
    {SYS_mremap, "likewise"}, {SYS_mmap, "likewise"}, {SYS_madvise, "likewise"}, {SYS_remap_file_pages, "likewise"},
    {SYS_pkey_mprotect, "likewise"}, {SYS_process_madvise, "likewise"}, {SYS_shmat, "likewise"}, {462, "mseal: likewise"},
    {SYS_clone, "may start a thread on a wild stack"}, {SYS_clone3, "likewise"},
    {SYS_seccomp, "may forbid every later call"}, {SYS_rseq, "a wild area ends the program, as on Linux"},
    {SYS_close_range, "closes the output"}, {SYS_prlimit64, "may take the program's limits"},
    {SYS_setrlimit, "likewise"}, {SYS_arch_prctl, "may take the thread pointer: Behaviour/segments.c"},
    {SYS_ptrace, "may stop the program"}, {SYS_reboot, "may end the machine"},
};

static inline bool is_left_out(int number) {
  for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
    if (left_out[i].number == number) return true;
  return false;
}

enum { valid, read_only, no_access, page_end, unaligned, wild_count = 25 };
static uint64_t wild[wild_count];

static inline void make_wild_values(void) {
  char *pages = map_pages(5, PROT_NONE);
  mprotect(pages + page_size, page_size, PROT_READ | PROT_WRITE);
  mprotect(pages + 3 * page_size, page_size, PROT_READ);
  uint64_t page = (uint64_t)pages + page_size, top = 1UL << 63;
  const uint64_t values[wild_count] = {
      [valid] = page, [read_only] = page + 2 * page_size, [no_access] = page + page_size,
      [page_end] = page + page_size - 1, [unaligned] = page + 1,
      0, 1, 2, -1UL, -2UL, -4096UL, top, top - 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffff, 0x7ffffffff000,
      0xffff800000000000, 0x400000000000, 0x480000000000, 0x4ffffffffff8,
      kernel_text_address(), interrupt_table_address(), segment_table_address(),
  };
  memcpy(wild, values, sizeof wild);
}

// Output goes to a copy that the wild values cannot name; the three usual descriptors lead nowhere.
static inline void hide_output(void) {
  need("dup2", dup2(1, saved_output));
  for (int descriptor = 0; descriptor < 3; descriptor++) dup2(open("/dev/null", O_RDWR), descriptor);
}

static inline void say(const char *text) { write(saved_output, text, strlen(text)); }

// Undoes what a call may have done, so that the next one starts from the same state.
static inline void clean_up(void) {
  for (int signal = 1; signal < 65; signal++)
    if (signal != SIGSEGV && signal != SIGBUS && signal != SIGILL)
      syscall(SYS_rt_sigaction, signal, &(uint64_t[4]){(uint64_t)SIG_IGN}, NULL, 8);
  uint64_t none = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
  sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
  for (int descriptor = 3; descriptor < 40; descriptor++) close(descriptor);
  for (int descriptor = 0; descriptor < 3; descriptor++)
    if (fcntl(descriptor, F_GETFD) == -1) open("/dev/null", O_RDWR);
  memset((void *)wild[valid], 0, page_size);
  strcpy((char *)wild[valid], "wild");
  unlink("wild"), rmdir("wild"), chdir("/tmp");
}

static inline bool is_alive(void) {
  char buffer[8] = "written";
  int ends[2];
  bool alive = getpid() > 0 && pipe(ends) == 0 && write(ends[1], buffer, 8) == 8 && read(ends[0], buffer, 8) == 8;
  char *page = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  alive = alive && page != MAP_FAILED && page[0] == 0 && (page[0] = 1) && munmap(page, page_size) == 0;
  close(ends[0]), close(ends[1]);
  return alive;
}

// A call that waits, for a pipe or a semaphore that another call made, is interrupted: the handler restarts nothing.
static inline void on_alarm(int signal) { (void)signal; }

static inline void arm_timer(void) {
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 20000}, {0, 20000}}, NULL);
}
