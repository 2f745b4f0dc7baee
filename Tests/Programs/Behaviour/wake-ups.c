// SPDX-License-Identifier: Apache-2.0
// Is a wake-up ever lost? Two threads hand a token to and fro by every primitive that threads wait with, first on two
// processors of their own, then wherever they like; where there are four processors, two pairs do so at once. Before each
// wait and each wake-up they spend a random time, so that the two meet in every order.
//
// usage: wake-ups [COUNT [NAME]]        hand-overs by each primitive (or by one), 1000
//
// Nothing is limited in time: a watchdog looks now and then, and says which primitive has not got on. As its looks may
// themselves repair what was lost, a hand-over that took longer than any host keeps a machine waiting counts as lost, too.
#include "../primitives.h"

enum { look_seconds = 60, late_seconds = 20 };

// MARK: a round

static struct {
  const struct primitive *primitive;
  unsigned long hand_overs;
  bool is_pinned;
} round_now;

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

static void *work(void *argument) {
  long number = (long)argument, own = number & 1;
  struct pair *pair = &pairs[number >> 1];
  const struct primitive *by = round_now.primitive;
  state = number + 1;
  has_come = 0;
  if (round_now.is_pinned) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(number, &set);
    need("sched_setaffinity", sched_setaffinity(0, sizeof set, &set));
  }
  pair->thread[own] = syscall(SYS_gettid);
  pair->ready++;
  while (pair->ready != 2) sched_yield();
  // The first token has come from nowhere.
  if (own == 1 && !by->has_no_token) by->give(pair, 0);
  long last = now();
  for (unsigned long i = 0; i < round_now.hand_overs / 2; i++) {
    dawdle();
    by->take(pair, own);
    pair->progress++;
    long then = now();
    if (then - last >= late_seconds) {
      printf("%s: hand-over %lu of thread %ld came %ld seconds late\n", by->name, i, own, then - last);
      _exit(2);
    }
    last = then;
    dawdle();
    // The last token stays where it is.
    if (by->has_no_token || own == 0 || i + 1 < round_now.hand_overs / 2) by->give(pair, 1 - own);
  }
  return NULL;
}

static void play(const struct primitive *by, int count) {
  pthread_t threads[2 * most_pairs];
  for (int p = 0; p < count; p++) {
    struct pair *pair = &pairs[p];
    unsigned long before = pair->progress;
    memset(pair, 0, sizeof *pair);
    pair->progress = before;
    memset(pair->file, -1, sizeof pair->file);
    memset(pair->epoll, -1, sizeof pair->epoll);
    pthread_mutex_init(&pair->mutex, NULL);
    for (int i = 0; i < 2; i++) {
      sem_init(&pair->semaphore[i], 0, 0);
      pthread_cond_init(&pair->condition[i], NULL);
      if (by->make) by->make(pair, i);
    }
  }
  for (long i = 0; i < 2 * count; i++)
    if (pthread_create(&threads[i], NULL, work, (void *)i)) fail("pthread_create");
  for (int i = 0; i < 2 * count; i++) pthread_join(threads[i], NULL);
  for (int p = 0; p < count; p++) {
    if (by->remove) by->remove(&pairs[p]);
    for (int i = 0; i < 6; i++) close(i < 4 ? pairs[p].file[i / 2][i % 2] : pairs[p].epoll[i - 4]);
  }
}

static void *watch(void *argument) {
  for (unsigned long last = -1, progress;; last = progress) {
    sleep(look_seconds);
    progress = pairs[0].progress + pairs[1].progress;
    if (progress != last) continue;
    printf("%s stands still after %lu hand-overs of all kinds\n", primitive, progress);
    _exit(2);
  }
}

int main(int argc, char **argv) {
  unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  sigaction(SIGUSR1, &(struct sigaction){.sa_handler = come}, NULL);
  pthread_t watchdog;
  if (pthread_create(&watchdog, NULL, watch, NULL)) fail("pthread_create");
  for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++) {
    primitive = primitives[i].name;
    if (argc > 2 && strcmp(argv[2], primitive)) continue;
    long start = now();
    round_now.primitive = &primitives[i];
    int number = processors >= 4 ? 2 : 1;
    round_now.hand_overs = count / primitives[i].share / 2 / number;
    for (int pinned = processors > 1; pinned >= 0; pinned--) {
      if (processors == 1) round_now.hand_overs *= 2;
      round_now.is_pinned = pinned;
      play(&primitives[i], number);
    }
    if (argc > 2 || count >= 100000) fprintf(stderr, "%s: %ld s\n", primitive, now() - start);
  }
  puts("no wake-up was lost");
  return 0;
}
