// SPDX-License-Identifier: Apache-2.0
// A thread ends just when another's sleep is over: the timer's interrupt falls into the end, after which the processor has
// nothing else to do.
#include "../support.h"
#include <pthread.h>
#include <time.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static volatile long long end;

static void *run_until_end(void *unused) {
  while (now() < end) {
  }
  return NULL;
}

int main(void) {
  int woken = 0;
  for (int i = 0; i < 400; i++) {
    long long deadline = now() + 2000000;
    // From 50 µs before the deadline until then.
    end = deadline - i % 100 * 500;
    pthread_t thread;
    pthread_create(&thread, NULL, run_until_end, NULL);
    struct timespec time = {deadline / 1000000000, deadline % 1000000000};
    woken += clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == 0;
    pthread_join(thread, NULL);
  }
  check("every sleep ends", woken == 400);
  return 0;
}
