// SPDX-License-Identifier: Apache-2.0
// Timers on the time that the process, or a thread, has used: they stand still while nothing runs.
#include "../support.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void rest(int milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  while (nanosleep(&time, &time) != 0) {}
}

static _Atomic int signals[65];
static double when;
static clockid_t watched = CLOCK_PROCESS_CPUTIME_ID;
static void count(int signal) {
  when = seconds(watched);
  signals[signal]++;
}

static void work(double time) {
  double until = seconds(CLOCK_THREAD_CPUTIME_ID) + time;
  while (seconds(CLOCK_THREAD_CPUTIME_ID) < until) {}
}

// At the time, and not for ever later: in a virtual machine the time that the host gave to others counts as used.
static bool is_near(double is, double wanted) { return is >= wanted - 0.0001 && is < wanted + 5; }

static struct itimerspec spec(int first, int interval) {
  return (struct itimerspec){{0, interval * 1000000L}, {0, first * 1000000L}};
}

static void timers(const char *name, clockid_t clock) {
  printf("%s\n", name);
  watched = clock;
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  outcome("create", timer_create(clock, &event, &timer));
  struct itimerspec wish = spec(50, 0), left;
  double began = seconds(clock);
  outcome("set", timer_settime(timer, 0, &wish, NULL));
  rest(100);
  check("does not go on while nothing runs", signals[SIGUSR1] == 0);
  timer_gettime(timer, &left);
  check("some of it is left", left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 50000000);
  work(0.2);
  check("expires once", signals[SIGUSR1] == 1);
  check("in time", is_near(when, began + 0.05));
  timer_gettime(timer, &left);
  check("nothing is left", left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
  signals[SIGUSR1] = 0;
  wish = spec(20, 20);
  timer_settime(timer, 0, &wish, NULL);
  work(0.21);
  check("expires again and again", signals[SIGUSR1] >= 1 && signals[SIGUSR1] <= 11);
  began = seconds(clock);
  wish = spec(0, 0);
  wish.it_value.tv_sec = (time_t)(began + 0.05);
  wish.it_value.tv_nsec = (long)((began + 0.05 - (double)wish.it_value.tv_sec) * 1e9);
  signals[SIGUSR1] = 0;
  outcome("set to a time", timer_settime(timer, TIMER_ABSTIME, &wish, NULL));
  work(0.2);
  check("expires then", signals[SIGUSR1] == 1 && is_near(when, began + 0.05));
  wish.it_value.tv_sec = 0;
  signals[SIGUSR1] = 0;
  timer_settime(timer, TIMER_ABSTIME, &wish, NULL);
  work(0.1);
  check("a time that has passed: at once", signals[SIGUSR1] == 1);
  wish = spec(30, 0);
  timer_settime(timer, 0, &wish, NULL);
  outcome("delete", timer_delete(timer));
  work(0.06);
  check("then never", signals[SIGUSR1] == 1);
  signals[SIGUSR1] = 0;
}

static pthread_t other;
static atomic_bool works, ends;
static void *stand_by(void *argument) {
  while (!ends) {
    if (works) {
      work(0.15);
      works = false;
    }
    rest(1);
  }
  return argument;
}

static void of_another_thread(void) {
  clockid_t clock;
  pthread_create(&other, NULL, stand_by, NULL);
  pthread_getcpuclockid(other, &clock);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
  outcome("another thread's: create", timer_create(clock, &event, &timer));
  struct itimerspec wish = spec(40, 0);
  timer_settime(timer, 0, &wish, NULL);
  work(0.06);
  check("not by this one's work", signals[SIGUSR2] == 0);
  works = true;
  while (works) rest(1);
  check("by its own", signals[SIGUSR2] == 1);
}

static void *slumber(void *argument) {
  struct timespec time = {0, 50000000};
  double began = seconds(CLOCK_PROCESS_CPUTIME_ID);
  outcome("sleeps until the others have worked", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &time, NULL) ? -1 : 0);
  // Who has slept is woken behind who works.
  double slept = seconds(CLOCK_PROCESS_CPUTIME_ID) - began;
  check("for so long", slept >= 0.05 && slept < 5);
  return argument;
}

static void *interrupted_slumber(void *argument) {
  struct timespec time = {5, 0}, left = {0, 0};
  int error = clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &time, &left);
  check("interrupted", error == EINTR);
  check("what is left", left.tv_sec < 5);
  return argument;
}

static void sleeps(void) {
  pthread_t sleeper;
  pthread_create(&sleeper, NULL, slumber, NULL);
  rest(30);
  work(0.3);
  pthread_join(sleeper, NULL);
  pthread_create(&sleeper, NULL, interrupted_slumber, NULL);
  rest(30);
  pthread_kill(sleeper, SIGUSR1);
  pthread_join(sleeper, NULL);
  struct timespec time = {0, 1};
  errno = clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL);
  outcome("on its own time", errno ? -1 : 0);
  time.tv_sec = 0;
  errno = clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &time, NULL);
  outcome("until a time that has passed", errno ? -1 : 0);
}

static void intervals(void) {
  struct itimerval wish = {{0, 0}, {0, 50000}}, left;
  outcome("ITIMER_PROF", setitimer(ITIMER_PROF, &wish, NULL));
  rest(80);
  check("stands still", signals[SIGPROF] == 0);
  work(0.2);
  // When exactly is for Linux's ticks to say, here and for RLIMIT_CPU.
  check("expires once", signals[SIGPROF] == 1);
  wish.it_interval.tv_usec = 20000;
  outcome("ITIMER_VIRTUAL", setitimer(ITIMER_VIRTUAL, &wish, NULL));
  volatile double number = 1;
  for (long i = 0; signals[SIGVTALRM] < 3; i++) number = number * 1.000001;
  getitimer(ITIMER_VIRTUAL, &left);
  check("its interval", left.it_interval.tv_usec == 20000 && left.it_value.tv_usec <= 20000);
  wish = (struct itimerval){{0, 0}, {0, 0}};
  setitimer(ITIMER_VIRTUAL, &wish, NULL);
}

static void limit(void) {
  rlim_t used = (rlim_t)seconds(CLOCK_PROCESS_CPUTIME_ID);
  struct rlimit wish = {used + 1, used + 3}, now;
  outcome("RLIMIT_CPU", setrlimit(RLIMIT_CPU, &wish));
  while (signals[SIGXCPU] == 0) {}
  getrlimit(RLIMIT_CPU, &now);
  check("a signal, and the limit moves by a second", now.rlim_cur == wish.rlim_cur + 1 && now.rlim_max == wish.rlim_max);
  while (signals[SIGXCPU] < 2) {}
  puts("the next one, and then the end");
  while (true) {}
}

int main(void) {
  struct sigaction action = {.sa_handler = count};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  sigaction(SIGPROF, &action, NULL);
  sigaction(SIGVTALRM, &action, NULL);
  sigaction(SIGXCPU, &action, NULL);
  timers("process", CLOCK_PROCESS_CPUTIME_ID);
  timers("thread", CLOCK_THREAD_CPUTIME_ID);
  of_another_thread();
  sleeps();
  intervals();
  ends = true;
  pthread_join(other, NULL);
  if (finish() != 0) return 1;
  limit();
}
