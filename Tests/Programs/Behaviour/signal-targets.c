// SPDX-License-Identifier: Apache-2.0
// Signals to the process that come when the thread which last ran is none to take them: it has ended, or it blocks them
// from this moment on. And what `/proc` and the scheduling calls say about a thread by its number.
#include "../support.h"
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t alarms;
static pid_t other;
static int ends[2];

static void note_alarm(int signal) { alarms++; }

static void *read_one(void *unused) {
  char byte;
  other = syscall(SYS_gettid);
  usleep(50000);
  // Wakes the other thread, which then waits again: nobody else runs when this thread ends.
  if (read(ends[0], &byte, 1) != 1) abort();
  usleep(50000);
  return NULL;
}

static void after_an_end(void) {
  static char bytes[1 << 20];
  struct sigaction action = {.sa_handler = note_alarm};
  sigaction(SIGALRM, &action, NULL);
  if (pipe(ends)) abort();
  pthread_t thread;
  pthread_create(&thread, NULL, read_one, NULL);
  // More than one: on a busy machine the first may come before there is anything to end.
  struct itimerval soon = {.it_value.tv_usec = 300000, .it_interval.tv_usec = 300000};
  setitimer(ITIMER_REAL, &soon, NULL);
  // Too much for the pipe.
  long written = write(ends[1], bytes, sizeof bytes);
  check("an alarm ends a write after another thread has ended", alarms > 0 && written >= 65536);
  pthread_join(thread, NULL);

  // The same without anything that wakes the first thread before.
  soon.it_value.tv_usec = 100000;
  int before = alarms;
  setitimer(ITIMER_REAL, &soon, NULL);
  check("and a pause", pause() == -1 && alarms > before);
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

static volatile pid_t second_by;
static volatile sig_atomic_t has_first;

static void first(int signal) {
  has_first = 1;
  for (int i = 0; i < 5000 && !second_by; i++) usleep(1000);
}

static void second(int signal) { second_by = syscall(SYS_gettid); }

static void *pause_once(void *unused) {
  other = syscall(SYS_gettid);
  // Returns when the handler of the second signal has run here.
  pause();
  return NULL;
}

// Both signals come at once, to the thread that runs. The first one's handler blocks the second.
static void passed_on(void) {
  struct sigaction action = {.sa_handler = first};
  sigaddset(&action.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &action, NULL);
  action = (struct sigaction){.sa_handler = second};
  sigaction(SIGUSR2, &action, NULL);

  pthread_t thread;
  sigset_t set, none;
  sigemptyset(&none);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_create(&thread, NULL, pause_once, NULL);
  usleep(50000);
  pthread_sigmask(SIG_SETMASK, &none, NULL);

  timer_t timers[2];
  struct itimerspec at = {0};
  clock_gettime(CLOCK_MONOTONIC, &at.it_value);
  at.it_value.tv_nsec += 50000000;
  if (at.it_value.tv_nsec >= 1000000000) {
    at.it_value.tv_nsec -= 1000000000;
    at.it_value.tv_sec++;
  }
  for (int i = 0; i < 2; i++) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = i ? SIGUSR2 : SIGUSR1};
    timer_create(CLOCK_MONOTONIC, &event, &timers[i]);
    timer_settime(timers[i], TIMER_ABSTIME, &at, NULL);
  }
  while (!has_first) {
  }
  check("a signal that a handler blocks goes to another thread", second_by == other);
  pthread_kill(thread, SIGUSR2);
  pthread_join(thread, NULL);
}

static pthread_barrier_t barrier;

static void *stay(void *unused) {
  other = syscall(SYS_gettid);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return NULL;
}

static bool names_it(const char *file) {
  char path[64], text[128] = "", expected[32];
  snprintf(path, sizeof path, "/proc/%d/%s", other, file);
  int descriptor = open(path, O_RDONLY);
  if (descriptor < 0) return false;
  read(descriptor, text, sizeof text - 1);
  close(descriptor);
  snprintf(expected, sizeof expected, "%d (", other);
  return !strncmp(text, expected, strlen(expected));
}

static void by_number(void) {
  pthread_t thread;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&thread, NULL, stay, NULL);
  pthread_barrier_wait(&barrier);
  check("/proc/N/stat of a thread", names_it("stat"));
  char name[16];
  snprintf(name, sizeof name, "%d", other);
  bool is_listed = false;
  DIR *directory = opendir("/proc");
  for (struct dirent *entry; (entry = readdir(directory));) is_listed |= !strcmp(entry->d_name, name);
  closedir(directory);
  check("which is not listed", !is_listed);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  for (int i = 0; i < 5000 && names_it("stat"); i++) usleep(1000);
  check("nor there when it has ended", !names_it("stat"));

  cpu_set_t set;
  outcome("the processors of no thread", sched_getaffinity(-1, sizeof set, &set));
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  outcome("and to change them", sched_setaffinity(-1, sizeof set, &set));
}

int main(void) {
  after_an_end();
  passed_on();
  by_number();
  return finish();
}
