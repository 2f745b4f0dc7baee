// SPDX-License-Identifier: Apache-2.0
// Threads that have ended leave no memory behind: what thousands of them cost is what the first few cost.
#include "../support.h"
#include <pthread.h>

static void *nothing(void *argument) { return argument; }

static long free_kib(void) {
  char line[128];
  long value = 0;
  FILE *file = fopen("/proc/meminfo", "r");
  while (fgets(line, sizeof line, file) && sscanf(line, "MemFree: %ld", &value) != 1) {}
  fclose(file);
  return value;
}

static void make(int count) {
  for (int i = 0; i < count; i++) {
    pthread_t thread;
    need("pthread_create", pthread_create(&thread, NULL, nothing, NULL) ? -1 : 0);
    pthread_join(thread, NULL);
  }
}

int main(void) {
  make(100);
  long before = free_kib();
  make(3000);
  check("nothing is left of three thousand threads", before - free_kib() < 1024);
  return finish();
}
