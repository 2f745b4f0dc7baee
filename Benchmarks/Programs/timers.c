// SPDX-License-Identifier: Apache-2.0
// How late timers are: the time from the moment that was asked for until the thread that waits runs again.
//
//     B figure NAME value=NANOSECONDS        the median
//     B figure NAME_p99 value=NANOSECONDS    99 of 100 are not later
#include "bench.h"
#include <linux/futex.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

enum { waits = 300 };
static int timer_file, epoll;
static timer_t timer;
static uint32_t word;

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

// Xorshift: from a quarter of a millisecond to two, the same in every run.
static long next_duration(void) {
  static uint64_t state = 88172645463325252ull;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return 250000 + (long)(state % 1750000);
}

static struct itimerspec once(long duration) { return (struct itimerspec){.it_value = {0, duration}}; }

static void sleep_for(long duration) { nanosleep(&(struct timespec){0, duration}, 0); }
static void wait_for_timer_file(long duration) {
  uint64_t count;
  struct itimerspec when = once(duration);
  if (timerfd_settime(timer_file, 0, &when, 0) || read(timer_file, &count, 8) != 8)
    abort();
}
static void wait_for_signal(long duration) {
  struct itimerspec when = once(duration);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  if (timer_settime(timer, 0, &when, 0) || sigwaitinfo(&set, 0) != SIGALRM)
    abort();
}
static void wait_for_futex(long duration) {
  struct timespec timeout = {0, duration};
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &timeout, 0, 0);
}
static void wait_for_events(long duration) {
  struct epoll_event event;
  epoll_wait(epoll, &event, 1, (int)(duration / 1000000));
}

static const struct wait {
  const char *name;
  void (*wait)(long duration);
  // Only whole multiples of so many nanoseconds can be asked for.
  long step;
} kinds[] = {
    {"nanosleep_late", sleep_for, 1},
    {"timerfd_late", wait_for_timer_file, 1},
    {"timer_signal_late", wait_for_signal, 1},
    {"futex_timeout_late", wait_for_futex, 1},
    {"epoll_timeout_late", wait_for_events, 1000000},
};

static int ascending(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

int main(void) {
  uint64_t start = ticks(), late[waits];
  sigset_t set;
  say("B main tsc=%llu\n", (unsigned long long)start);
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, 0);
  timer_file = timerfd_create(CLOCK_MONOTONIC, 0);
  epoll = epoll_create1(0);
  if (timer_file < 0 || epoll < 0 ||
      timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM}, &timer))
    abort();
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
    for (int index = 0; index < waits; index++) {
      long duration = (next_duration() + kinds[kind].step - 1) / kinds[kind].step * kinds[kind].step;
      uint64_t due = nanoseconds() + duration;
      kinds[kind].wait(duration);
      uint64_t now = nanoseconds();
      late[index] = now > due ? now - due : 0;
    }
    qsort(late, waits, sizeof *late, ascending);
    say("B figure %s value=%llu\n", kinds[kind].name, (unsigned long long)late[waits / 2]);
    say("B figure %s_p99 value=%llu\n", kinds[kind].name, (unsigned long long)late[waits * 99 / 100]);
  }
  end_run();
}
