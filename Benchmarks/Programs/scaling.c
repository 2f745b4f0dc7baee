// SPDX-License-Identifier: Apache-2.0
// What a second processor is good for: two threads work, both on the first processor and then each on its own, in turns.
//
// For every kind of work there are two lines, NAME_1 and NAME_2: the ticks for one operation of either thread, with one
// processor and with two. The least of several turns counts: whatever else the host does only makes them longer.
#include "bench.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <time.h>

enum { threads = 2, turns = 24, turn_nanoseconds = 10000000, operations_between_looks = 32 };

static int descriptors[threads][2];
static int shared[2];
static _Atomic int word;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile long guarded;

// MARK: independent work

static void compute(int thread) {
  uint64_t value = thread;
  for (int index = 0; index < 512; index++) {
    value = value * 6364136223846793005ull + 1442695040888963407ull;
    __asm__ volatile("" : "+r"(value));
  }
}
static void system_call(int thread) {
  (void)thread;
  syscall(SYS_getppid);
}
// Ten times as much of its own as of the kernel's.
static void compute_and_call(int thread) {
  compute(thread);
  syscall(SYS_getppid);
}
static void exchange(int to, int from) {
  uint64_t event = 1;
  if (write(to, &event, 8) != 8 || read(from, &event, 8) != 8)
    abort();
}
static void own_pipe(int thread) { exchange(descriptors[thread][1], descriptors[thread][0]); }

// MARK: work at the same thing

static void shared_mutex(int thread) {
  (void)thread;
  pthread_mutex_lock(&mutex);
  guarded++;
  pthread_mutex_unlock(&mutex);
  compute(thread);
}
static void shared_pipe(int thread) {
  (void)thread;
  exchange(shared[1], shared[0]);
}
static void shared_futex(int thread) {
  (void)thread;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static const struct work {
  const char *name;
  void (*operation)(int thread);
} works[] = {
    {"compute", compute},           {"compute_and_call", compute_and_call}, {"system_call", system_call},
    {"own_pipe", own_pipe},         {"shared_mutex", shared_mutex},         {"shared_pipe", shared_pipe},
    {"shared_futex", shared_futex},
};

// MARK: turns

static pthread_barrier_t barrier;
static const struct work *current;
static int processors;
static atomic_bool stopping, ended;
static double rates[threads];

static void *take_turns(void *argument) {
  int thread = (int)(intptr_t)argument;
  for (;;) {
    pthread_barrier_wait(&barrier);
    if (ended)
      return 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(thread % processors, &set);
    sched_setaffinity(0, sizeof set, &set);
    pthread_barrier_wait(&barrier);
    uint64_t start = ticks();
    long count = 0;
    for (; !stopping; count += operations_between_looks)
      for (int index = 0; index < operations_between_looks; index++)
        current->operation(thread);
    rates[thread] = (double)count / (double)(ticks() - start);
    pthread_barrier_wait(&barrier);
  }
}

// The ticks for one operation of all threads together.
static double turn(int count) {
  processors = count;
  stopping = false;
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  nanosleep(&(struct timespec){0, turn_nanoseconds}, 0);
  stopping = true;
  pthread_barrier_wait(&barrier);
  double rate = 0;
  for (int thread = 0; thread < threads; thread++)
    rate += rates[thread];
  return 1 / rate;
}

static void measure(const struct work *work) {
  double least[threads + 1] = {0};
  current = work;
  for (int index = 0; index < turns; index++)
    for (int count = 1; count <= threads; count++) {
      double taken = turn(count);
      if (least[count] == 0 || taken < least[count])
        least[count] = taken;
    }
  for (int count = 1; count <= threads; count++)
    say("B op %s_%d iters=%d min=%.1f med=%.1f\n", work->name, count, turns, least[count], least[count]);
}

int main(void) {
  pthread_t workers[threads];
  uint64_t start = ticks();
  say("B main tsc=%llu\n", (unsigned long long)start);
  if (pipe(shared) || pthread_barrier_init(&barrier, 0, threads + 1))
    abort();
  for (int thread = 0; thread < threads; thread++)
    if (pipe(descriptors[thread]) || pthread_create(&workers[thread], 0, take_turns, (void *)(intptr_t)thread))
      abort();
  for (size_t index = 0; index < sizeof works / sizeof *works; index++)
    measure(&works[index]);
  ended = true;
  pthread_barrier_wait(&barrier);
  for (int thread = 0; thread < threads; thread++)
    pthread_join(workers[thread], 0);
  end_run();
}
