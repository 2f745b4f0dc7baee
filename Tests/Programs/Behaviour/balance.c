// SPDX-License-Identifier: Apache-2.0
// Threads that only compute, one more than there are processors: in the long run all of them get on alike. What each has
// done is counted, not timed: whatever else the machine's processors have to do meets all of them.
#include "../support.h"
#include <pthread.h>
#include <stdatomic.h>

enum { most = 9 };
static atomic_long done[most], all, wanted;

static void *compute(void *argument) {
  while (all < wanted) {
    for (volatile int i = 0; i < 20000; i++) {}
    done[(long)argument]++;
    all++;
  }
  return NULL;
}

int main(int argc, char **argv) {
  long count = sysconf(_SC_NPROCESSORS_ONLN) + 1;
  if (count > most) count = most;
  wanted = 8000 * count;
  pthread_t threads[most];
  for (long i = 0; i < count; i++) pthread_create(&threads[i], NULL, compute, (void *)i);
  for (long i = 0; i < count; i++) pthread_join(threads[i], NULL);
  long least = done[0], greatest = done[0];
  for (long i = 1; i < count; i++) {
    if (done[i] < least) least = done[i];
    if (done[i] > greatest) greatest = done[i];
  }
  if (argc > 1) fprintf(stderr, "%ld threads, %ld to %ld\n", count, least, greatest);
  check("nobody makes less than half of the progress of the fastest", least * 2 >= greatest);
  return finish();
}
