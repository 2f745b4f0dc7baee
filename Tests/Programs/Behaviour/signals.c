// SPDX-License-Identifier: Apache-2.0
// Signals that the one thread sends to itself: what the handler is told, masks, order, alternate stack, waiting.
#include "../support.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static char trace[256];

static void note(const char *format, int value) {
  size_t length = strlen(trace);
  snprintf(trace + length, sizeof trace - length, format, value);
}

static void show(const char *what) {
  printf("%s:%s\n", what, trace);
  trace[0] = 0;
}

static int index_of(int signal) { return signal >= SIGRTMIN ? 1000 + signal - SIGRTMIN : signal; }

static void on_signal(int signal) { note(" %d", index_of(signal)); }

static void on_information(int signal, siginfo_t *information, void *context) {
  note(" %d", index_of(signal));
  note(" code %d", information->si_code);
  if (information->si_code == SI_QUEUE) note(" value %d", information->si_value.sival_int);
  note(information->si_pid == getpid() && information->si_uid == getuid() ? " from me" : " from %d", information->si_pid);
  if (context == NULL) note(" without context", 0);
}

static void handle(int signal, void (*handler)(int), int flags, int blocked) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigemptyset(&action.sa_mask);
  if (blocked != 0) sigaddset(&action.sa_mask, blocked);
  need("sigaction", sigaction(signal, &action, NULL));
}

static void change_mask(int how, int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigprocmask(how, &set, NULL);
}

static bool is_pending(int signal) {
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, signal) == 1;
}

static void senders(void) {
  struct sigaction action = {.sa_sigaction = on_information, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGRTMIN + 1, &action, NULL);
  kill(getpid(), SIGUSR1);
  show("kill");
  raise(SIGUSR1);
  show("raise");
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
  show("tgkill");
  syscall(SYS_tkill, syscall(SYS_gettid), SIGRTMIN + 1);
  show("tkill");
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 77});
  show("sigqueue");
  struct sigaction old;
  sigaction(SIGUSR1, NULL, &old);
  check("the action reads back", old.sa_sigaction == on_information && (old.sa_flags & SA_SIGINFO));
}

static void masks(void) {
  handle(SIGUSR1, on_signal, 0, 0);
  change_mask(SIG_BLOCK, SIGUSR1);
  raise(SIGUSR1);
  raise(SIGUSR1);
  show("while blocked");
  check("it is pending", is_pending(SIGUSR1) && !is_pending(SIGUSR2));
  change_mask(SIG_UNBLOCK, SIGUSR1);
  show("unblocked, two standard signals are one");
  check("it is no longer pending", !is_pending(SIGUSR1));

  struct sigaction action = {.sa_sigaction = on_information, .sa_flags = SA_SIGINFO};
  sigfillset(&action.sa_mask);  // So that one handler ends before the next begins.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  for (int offset = 3; offset > 0; offset--) {
    sigaction(SIGRTMIN + offset, &action, NULL);
    for (int value = 1; value <= 2; value++)
      sigqueue(getpid(), SIGRTMIN + offset, (union sigval){.sival_int = 10 * offset + value});
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  show("queued real-time signals");
}

static void raise_second(int signal) {
  note(" begin %d", signal);
  raise(SIGUSR2);
  note(" end %d", signal);
}

static int depth;
static void raise_again(int signal) {
  note(" %d", ++depth);
  if (depth < 4) raise(signal);
  depth--;
}

static void handlers(void) {
  handle(SIGUSR2, on_signal, 0, 0);
  handle(SIGUSR1, raise_second, 0, 0);
  raise(SIGUSR1);
  show("nested");
  handle(SIGUSR1, raise_second, 0, SIGUSR2);
  raise(SIGUSR1);
  show("held back by sa_mask");
  handle(SIGUSR1, raise_again, SA_NODEFER, 0);
  raise(SIGUSR1);
  show("SA_NODEFER");
  handle(SIGUSR1, on_signal, SA_RESETHAND, 0);
  raise(SIGUSR1);
  struct sigaction action;
  sigaction(SIGUSR1, NULL, &action);
  check("SA_RESETHAND restores the default", action.sa_handler == SIG_DFL);
  show("SA_RESETHAND");
  signal(SIGUSR1, SIG_IGN);
  raise(SIGUSR1);
  const int harmless[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
  for (size_t i = 0; i < 4; i++) signal(harmless[i], SIG_DFL), raise(harmless[i]);
  show("ignored");
}

static volatile uintptr_t stack_of_handler;
static volatile int change_of_stack;
static void note_stack(int signal) {
  (void)signal;
  char here;
  stack_of_handler = (uintptr_t)&here;
  stack_t now;
  sigaltstack(NULL, &now);
  note(now.ss_flags & SS_ONSTACK ? " on it" : " not on it", 0);
  change_of_stack = sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == -1 ? errno : 0;
}

static void alternate_stack(void) {
  static char memory[1 << 16];
  stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
  outcome("a tiny alternate stack", sigaltstack(&(stack_t){.ss_sp = memory, .ss_size = 100}, NULL));
  outcome("unknown flags", sigaltstack(&(stack_t){.ss_sp = memory, .ss_size = sizeof memory, .ss_flags = 64}, NULL));
  outcome("an alternate stack", sigaltstack(&stack, NULL));
  handle(SIGUSR1, note_stack, SA_ONSTACK, 0);
  raise(SIGUSR1);
  check("the handler ran there", stack_of_handler - (uintptr_t)memory < sizeof memory);
  printf("changing it there: %s\n", error_name(change_of_stack));
  handle(SIGUSR1, note_stack, 0, 0);
  raise(SIGUSR1);
  check("without SA_ONSTACK it ran elsewhere", stack_of_handler - (uintptr_t)memory >= sizeof memory);
  show("the alternate stack");
}

static sigjmp_buf back;
static void jump(int signal) { siglongjmp(back, signal); }

static void leaving(void) {
  handle(SIGUSR1, jump, 0, 0);
  if (sigsetjmp(back, 1) == 0) raise(SIGUSR1);
  sigset_t now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  check("siglongjmp restores the mask", sigismember(&now, SIGUSR1) == 0);
}

static void waiting(void) {
  sigset_t set, all;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigfillset(&all);
  change_mask(SIG_BLOCK, SIGUSR2);
  outcome("sigtimedwait without a signal", sigtimedwait(&set, NULL, &(struct timespec){0}));
  sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 5});
  siginfo_t information;
  number("sigwaitinfo", sigwaitinfo(&set, &information));
  printf("its code %d and value %d\n", information.si_code, information.si_value.sival_int);
  handle(SIGUSR2, on_signal, 0, 0);
  raise(SIGUSR2);
  sigdelset(&all, SIGUSR2);
  outcome("sigsuspend", sigsuspend(&all));
  show("sigsuspend ran");
  change_mask(SIG_UNBLOCK, SIGUSR2);
}

static void errors(void) {
  struct sigaction action = {.sa_handler = on_signal};
  outcome("catch SIGKILL", sigaction(SIGKILL, &action, NULL));
  outcome("catch SIGSTOP", sigaction(SIGSTOP, &action, NULL));
  outcome("catch signal 65", syscall(SYS_rt_sigaction, 65, &action, NULL, 8));
  outcome("a set of 4 bytes", syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 4));
  outcome("an unknown way to mask", syscall(SYS_rt_sigprocmask, 9, &action, NULL, 8));
  outcome("an action at a bad address", syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8));
  outcome("signal 0 to myself", kill(getpid(), 0));
  outcome("signal 65 to myself", kill(getpid(), 65));
  outcome("a signal to nobody", kill(4194300, 0));
  outcome("tgkill of thread -1", syscall(SYS_tgkill, getpid(), -1, SIGUSR1));
  outcome("wait without children", wait(NULL));
}

int main(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  senders();
  masks();
  handlers();
  alternate_stack();
  leaving();
  waiting();
  errors();
  return finish();
}
