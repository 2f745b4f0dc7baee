// SPDX-License-Identifier: Apache-2.0
// From nothing to `main`: says that it was reached.
#include "bench.h"

int main(void) {
  uint64_t start = ticks();
  say("B main tsc=%llu\n", (unsigned long long)start);
  mark();
  end_run();
}
