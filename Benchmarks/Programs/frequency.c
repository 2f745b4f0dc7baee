// SPDX-License-Identifier: Apache-2.0
// Prints the rate of this host's time stamp counter in kHz, which a TCG guest sees as its own.
#include "bench.h"
#include <time.h>

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

int main(void) {
  uint64_t start_time = nanoseconds(), start = ticks(), elapsed;
  do
    elapsed = nanoseconds() - start_time;
  while (elapsed < 50000000);
  printf("%.0f\n", (double)(ticks() - start) * 1e6 / (double)elapsed);
}
