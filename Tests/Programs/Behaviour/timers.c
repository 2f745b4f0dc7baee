// SPDX-License-Identifier: Apache-2.0
// Signals of timers: a handler that interrupts a read, one that lets it go on, and one that strikes a computation.
#include "../support.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile int alarms;
static int ends[2];

static void count(int signal) {
  (void)signal;
  alarms++;
}

static void count_and_feed(int signal) {
  (void)signal;
  alarms++;
  write(ends[1], "x", 1);
}

static void handle(void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, NULL);
}

static void set_timer(int first, int interval) {
  struct itimerval timer = {{0, interval}, {0, first}};
  need("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
}

// Sums while timer signals strike; its state lives in registers, vector registers and the red zone.
static __attribute__((noinline)) double compute(uint64_t *integers) {
  double sum = 0;
  uint64_t state = 1;
  for (int i = 0; i < 20000000; i++) {
    state = state * 6364136223846793005 + 1;
    sum += (double)(state >> 40);
  }
  *integers = state;
  return sum;
}

int main(void) {
  pipe(ends);
  char byte;
  handle(count, 0);
  set_timer(20000, 0);
  number("read, interrupted", read(ends[0], &byte, 1));
  handle(count_and_feed, SA_RESTART);
  set_timer(20000, 0);
  number("read, restarted", read(ends[0], &byte, 1));
  check("each timer struck once", alarms == 2);

  handle(count, 0);
  set_timer(20000, 0);
  struct timespec left = {0};
  number("sleep, interrupted", nanosleep(&(struct timespec){1000, 0}, &left));
  check("most of the sleep is left", left.tv_sec > 500);
  alarm(1000);
  check("alarm tells what was left", alarm(0) > 500);
  set_timer(0, 0);
  outcome("a timer of a million microseconds", setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 1000000}}, NULL));

  uint64_t alone, disturbed;
  double sum_alone = compute(&alone);
  alarms = 0;
  set_timer(2000, 2000);
  double sum_disturbed = compute(&disturbed);
  set_timer(0, 0);
  check("the computation was struck", alarms > 0);
  check("its result is the same", sum_alone == sum_disturbed && alone == disturbed);
  return finish();
}
