// SPDX-License-Identifier: Apache-2.0
// Ends in the way that its argument names; "exit N" is exit(N).
#include "../support.h"
#include <signal.h>
#include <sys/resource.h>

static volatile int zero;
static char *volatile nowhere = (char *)12;

static void by_exit_system_call(void) { syscall(SYS_exit, 9); }
static void by_return_of_main(void) {}
static void by_abort(void) { abort(); }
static void by_terminate(void) { raise(SIGTERM); }
static void by_kill(void) { kill(getpid(), SIGKILL); }
static void by_interrupt(void) { raise(SIGINT); }
static void by_user(void) { raise(SIGUSR1); }
static void by_real_time(void) { raise(SIGRTMIN + 5); }
static void by_read(void) { (void)*(volatile char *)nowhere; }
static void by_division(void) { printf("%d\n", 10 / zero); }
static void by_undefined(void) { __builtin_trap(); }
static void by_breakpoint(void) { __asm__ volatile("int3"); }

static void by_pipe(void) {
  int ends[2];
  pipe(ends);
  close(ends[0]);
  signal(SIGPIPE, SIG_DFL);
  write(ends[1], "x", 1);
}

static void by_ignored_pipe(void) {
  int ends[2];
  pipe(ends);
  close(ends[0]);
  signal(SIGPIPE, SIG_IGN);
  number("write to a closed pipe", write(ends[1], "x", 1));
  exit(4);
}

static void by_blocked_fault(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  by_read();
}

static void by_ignored_fault(void) {
  signal(SIGSEGV, SIG_IGN);
  by_read();
}

static void fault_again(int signal) {
  (void)signal;
  puts("in the handler");
  by_read();
}

static void by_fault_in_handler(void) {
  signal(SIGSEGV, fault_again);
  by_read();
}

static void by_aborting_twice(void) {
  signal(SIGABRT, SIG_IGN);
  abort();
}

static void at_exit(void) { puts("the function given to atexit ran"); }

int main(int argc, char **argv) {
  const struct { const char *name; void (*end)(void); } endings[] = {
      {"exit-call", by_exit_system_call}, {"return", by_return_of_main}, {"abort", by_abort},
      {"abort-ignored", by_aborting_twice},
      {"SIGTERM", by_terminate}, {"SIGKILL", by_kill}, {"SIGINT", by_interrupt}, {"SIGUSR1", by_user},
      {"SIGRTMIN+5", by_real_time}, {"read", by_read}, {"division", by_division}, {"undefined", by_undefined},
      {"breakpoint", by_breakpoint}, {"pipe", by_pipe}, {"pipe-ignored", by_ignored_pipe},
      {"fault-blocked", by_blocked_fault}, {"fault-ignored", by_ignored_fault}, {"fault-in-handler", by_fault_in_handler},
  };
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  atexit(at_exit);
  if (argc == 3 && strcmp(argv[1], "exit") == 0) exit(atoi(argv[2]));
  for (size_t i = 0; argc == 2 && i < sizeof endings / sizeof *endings; i++)
    if (strcmp(endings[i].name, argv[1]) == 0) {
      printf("ending: %s\n", argv[1]);
      endings[i].end();
      return 7;
    }
  return 98;
}
