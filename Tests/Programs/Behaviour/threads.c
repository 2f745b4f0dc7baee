// SPDX-License-Identifier: Apache-2.0
// Threads by the C library: what they share and what each has alone, mutexes, conditions, barriers, semaphores, how
// they end, and what is left of them.
#include "../support.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

enum { threads = 8, rounds = 20000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long counter, atomic_counter, turn;
static _Thread_local long own = 5;
static double floating;

static void *count(void *argument) {
  double sum = (long)argument;
  for (int i = 0; i < rounds; i++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
    __atomic_fetch_add(&atomic_counter, 1, __ATOMIC_RELAXED);
    sum += 0.5;
    own += (long)argument;
  }
  pthread_mutex_lock(&mutex);
  floating += sum;
  pthread_mutex_unlock(&mutex);
  return (void *)own;
}

static void sharing(void) {
  pthread_t thread[threads];
  for (long i = 0; i < threads; i++) need("pthread_create", pthread_create(&thread[i], NULL, count, (void *)i) ? -1 : 0);
  for (long i = 0; i < threads; i++) {
    void *result;
    pthread_join(thread[i], &result);
    number("a thread's own variable", (long)result);
  }
  number("counted under a mutex", counter);
  number("counted atomically", atomic_counter);
  number("the first thread's own variable", own);
  printf("floating point: %g\n", floating);
}

static void *take_turns(void *argument) {
  for (int i = 0; i < 3000; i++) {
    pthread_mutex_lock(&mutex);
    while (turn % 3 != (long)argument) pthread_cond_wait(&condition, &mutex);
    turn++;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}

static void conditions(void) {
  pthread_t thread[3];
  for (long i = 0; i < 3; i++) pthread_create(&thread[i], NULL, take_turns, (void *)i);
  for (long i = 0; i < 3; i++) pthread_join(thread[i], NULL);
  number("turns", turn);
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_nsec += 20000000;
  if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
  pthread_mutex_lock(&mutex);
  check("waiting for nothing ends in time", pthread_cond_timedwait(&condition, &mutex, &soon) == ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
}

static sem_t empty, full;
static long box;

static void *consume(void *argument) {
  long sum = 0;
  for (int i = 0; i < 5000; i++) {
    sem_wait(&full);
    sum += box;
    sem_post(&empty);
  }
  return (void *)sum;
}

static void semaphores(void) {
  pthread_t thread;
  void *sum;
  sem_init(&empty, 0, 1);
  sem_init(&full, 0, 0);
  pthread_create(&thread, NULL, consume, NULL);
  for (long i = 0; i < 5000; i++) {
    sem_wait(&empty);
    box = i;
    sem_post(&full);
  }
  pthread_join(thread, &sum);
  number("consumed", (long)sum);
}

static pthread_barrier_t barrier;
static long phase[threads];

static void *in_phases(void *argument) {
  bool together = true;
  for (long i = 0; i < 200; i++) {
    phase[(long)argument] = i;
    pthread_barrier_wait(&barrier);
    for (int j = 0; j < threads; j++) together &= phase[j] == i;
    pthread_barrier_wait(&barrier);
  }
  return (void *)together;
}

static void barriers(void) {
  pthread_t thread[threads];
  pthread_barrier_init(&barrier, NULL, threads);
  long all = 0;
  for (long i = 0; i < threads; i++) pthread_create(&thread[i], NULL, in_phases, (void *)i);
  for (long i = 0; i < threads; i++) {
    void *together;
    pthread_join(thread[i], &together);
    all += (long)together;
  }
  number("threads that met at every barrier", all);
}

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static long first_half, second_half;

static void *read_and_write(void *argument) {
  long torn = 0;
  for (int i = 0; i < 2000; i++) {
    if ((i + (long)argument) % 8 == 0) {
      pthread_rwlock_wrlock(&lock);
      first_half++;
      sched_yield();
      second_half++;
    } else {
      pthread_rwlock_rdlock(&lock);
      torn += first_half != second_half;
    }
    pthread_rwlock_unlock(&lock);
  }
  return (void *)torn;
}

static void readers_and_writers(void) {
  pthread_t thread[4];
  long torn = 0;
  for (long i = 0; i < 4; i++) pthread_create(&thread[i], NULL, read_and_write, (void *)i);
  for (long i = 0; i < 4; i++) {
    void *result;
    pthread_join(thread[i], &result);
    torn += (long)result;
  }
  number("torn reads", torn);
  number("writes", first_half);
}

static pthread_mutex_t robust, inheriting, recursive, checked;

static void *die_with_mutex(void *argument) {
  pthread_mutex_lock(&robust);
  return NULL;
}

static void *inherit(void *argument) {
  for (int i = 0; i < 2000; i++) {
    pthread_mutex_lock(&inheriting);
    long seen = box;
    sched_yield();
    box = seen + 1;
    pthread_mutex_unlock(&inheriting);
  }
  return NULL;
}

static void kinds_of_mutexes(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  pthread_t thread, other;
  pthread_create(&thread, NULL, die_with_mutex, NULL);
  pthread_join(thread, NULL);
  check("the owner's death is told", pthread_mutex_lock(&robust) == EOWNERDEAD);
  check("and repaired", pthread_mutex_consistent(&robust) == 0 && pthread_mutex_unlock(&robust) == 0);
  check("for good", pthread_mutex_lock(&robust) == 0 && pthread_mutex_unlock(&robust) == 0);

  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&recursive, &attributes);
  check("recursive", pthread_mutex_lock(&recursive) == 0 && pthread_mutex_lock(&recursive) == 0);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&checked, &attributes);
  check("locked twice", pthread_mutex_lock(&checked) == 0 && pthread_mutex_lock(&checked) == EDEADLK);

  pthread_mutexattr_init(&attributes);
  if (pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0) {
    pthread_mutex_init(&inheriting, &attributes);
    box = 0;
    pthread_create(&thread, NULL, inherit, NULL);
    pthread_create(&other, NULL, inherit, NULL);
    pthread_join(thread, NULL);
    pthread_join(other, NULL);
    number("counted under one that inherits priority", box);
  }
}

static void *name_itself(void *argument) {
  char name[16], path[64], text[32] = "";
  snprintf(name, sizeof name, "thread %ld", (long)argument);
  prctl(PR_SET_NAME, name);
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)syscall(SYS_gettid));
  int file = open(path, O_RDONLY);
  need("read", read(file, text, sizeof text - 1));
  close(file);
  return (void *)(long)(strncmp(text, name, strlen(name)) == 0);
}

static void names(void) {
  pthread_t thread[4];
  long right = 0;
  for (long i = 0; i < 4; i++) pthread_create(&thread[i], NULL, name_itself, (void *)i);
  for (long i = 0; i < 4; i++) {
    void *result;
    pthread_join(thread[i], &result);
    right += (long)result;
  }
  number("threads with a name of their own", right);
  char name[16];
  prctl(PR_GET_NAME, name);
  printf("the first one's: %s\n", name);
}

static void *nothing(void *argument) { return NULL; }

static void *wait_for_ever(void *argument) {
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push((void (*)(void *))pthread_mutex_unlock, &mutex);
  for (;;) pthread_cond_wait(&condition, &mutex);
  pthread_cleanup_pop(0);
  return NULL;
}

static void endings(void) {
  pthread_t thread;
  void *result;
  long made = 0;
  for (int i = 0; i < 3000; i++) {
    if (pthread_create(&thread, NULL, nothing, NULL)) break;
    made += pthread_join(thread, NULL) == 0;
  }
  number("threads made and ended", made);
  pthread_create(&thread, NULL, wait_for_ever, NULL);
  usleep(10000);
  pthread_cancel(thread);
  pthread_join(thread, &result);
  check("cancelled", result == PTHREAD_CANCELED);
  check("and the mutex is free", pthread_mutex_trylock(&mutex) == 0);
  pthread_mutex_unlock(&mutex);
}

static void *end_last(void *argument) {
  usleep(50000);
  puts("the last thread ends");
  return NULL;
}

int main(void) {
  sharing();
  conditions();
  semaphores();
  barriers();
  readers_and_writers();
  kinds_of_mutexes();
  names();
  endings();
  pthread_t thread;
  pthread_create(&thread, NULL, end_last, NULL);
  pthread_detach(thread);
  puts("the first thread ends");
  pthread_exit(NULL);
}
