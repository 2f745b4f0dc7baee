// SPDX-License-Identifier: Apache-2.0
// Signals and threads: which thread gets one, what interrupts a wait, faults of one thread while others run, clocks and
// timers of threads, execve and exit with others there.
#include "../support.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static volatile pid_t handled_by;
static volatile int handled;
static volatile sig_atomic_t stop;
static pthread_barrier_t barrier;

static void note(int signal) {
  handled_by = syscall(SYS_gettid);
  __atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
}

static void block(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *wait_for_one(void *argument) {
  *(pid_t *)argument = syscall(SYS_gettid);
  pthread_barrier_wait(&barrier);
  while (!handled) usleep(1000);
  return NULL;
}

static void which_thread(void) {
  pthread_t thread;
  pid_t other;
  pthread_barrier_init(&barrier, NULL, 2);
  signal(SIGUSR1, note);
  signal(SIGUSR2, note);
  pthread_create(&thread, NULL, wait_for_one, &other);
  pthread_barrier_wait(&barrier);
  pthread_kill(thread, SIGUSR1);
  pthread_join(thread, NULL);
  check("a signal to a thread", handled_by == other && handled == 1);

  handled = 0;
  pthread_create(&thread, NULL, wait_for_one, &other);
  pthread_barrier_wait(&barrier);
  block(SIGUSR2);
  kill(getpid(), SIGUSR2);
  pthread_join(thread, NULL);
  check("a signal to the process goes to the thread that does not block it", handled_by == other && handled == 1);
  // pthread_join returns a moment before the thread is gone.
  long gone = 0;
  for (int i = 0; i < 5000 && gone != -1; i++) {
    gone = syscall(SYS_tgkill, getpid(), other, 0);
    if (gone != -1) usleep(1000);
  }
  check("no such thread", gone == -1 && errno == ESRCH);
}

static int ends[2];
static volatile int waited;

static void *wait_interrupted(void *argument) {
  char byte;
  struct timespec hour = {3600, 0};
  *(pid_t *)argument = syscall(SYS_gettid);
  pthread_barrier_wait(&barrier);
  long interrupted = nanosleep(&hour, NULL) == -1 && errno == EINTR;
  waited++;
  pthread_barrier_wait(&barrier);
  interrupted += read(ends[0], &byte, 1) == -1 && errno == EINTR;
  waited++;
  pthread_barrier_wait(&barrier);
  interrupted += poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, -1) == -1 && errno == EINTR;
  waited++;
  return (void *)interrupted;
}

static void waits(void) {
  pthread_t thread;
  pid_t other;
  void *result;
  pipe(ends);
  struct sigaction action = {.sa_handler = note};
  sigaction(SIGUSR1, &action, NULL);
  pthread_create(&thread, NULL, wait_interrupted, &other);
  for (int i = 0; i < 3; i++) {
    pthread_barrier_wait(&barrier);
    // The signal may come before the wait begins: again until it was interrupted.
    do {
      usleep(20000);
      pthread_kill(thread, SIGUSR1);
    } while (waited == i);
  }
  pthread_join(thread, &result);
  number("interrupted waits", (long)result);
}

static void *wait_for_signal(void *argument) {
  sigset_t set;
  int signal;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  long sum = 0;
  for (int i = 0; i < 100; i++) {
    siginfo_t information;
    signal = sigwaitinfo(&set, &information);
    sum += signal == SIGRTMIN ? information.si_value.sival_int : 0;
  }
  return (void *)sum;
}

static void awaited(void) {
  pthread_t thread;
  void *sum;
  block(SIGRTMIN);
  pthread_create(&thread, NULL, wait_for_signal, NULL);
  for (int i = 1; i <= 100; i++) sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
  pthread_join(thread, &sum);
  number("values of queued signals", (long)sum);
}

static _Thread_local volatile long faults;
static char *page;

static void repair(int signal, siginfo_t *information, void *context) {
  faults++;
  mprotect((char *)((uintptr_t)information->si_addr & -4096), 4096, PROT_READ | PROT_WRITE);
}

static void *fault(void *argument) {
  char *own = page + (long)argument * 100 * 4096;
  for (int i = 0; i < 100; i++) own[i * 4096] = 1;
  return (void *)faults;
}

static void faulting(void) {
  pthread_t thread[4];
  long all = 0;
  page = mmap(NULL, 400 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  for (long i = 0; i < 4; i++) pthread_create(&thread[i], NULL, fault, (void *)i);
  for (long i = 0; i < 4; i++) {
    void *result;
    pthread_join(thread[i], &result);
    all += (long)result;
  }
  number("faults repaired", all);
}

static volatile long spun;
static void *spin(void *argument) {
  while (!stop) spun++;
  return NULL;
}

// However busy the machine is: until the thread's own clock says so.
static void *use_twenty_milliseconds(void *argument) {
  struct timespec used;
  do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  while (used.tv_sec == 0 && used.tv_nsec < 20000000);
  return argument;
}

static void clocks(void) {
  pthread_t thread[2];
  void *used;
  struct timespec own, process;
  for (int i = 0; i < 2; i++) pthread_create(&thread[i], NULL, use_twenty_milliseconds, thread);
  for (int i = 0; i < 2; i++) {
    pthread_join(thread[i], &used);
    check("a thread that spins uses time", used == thread);
  }
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process);
  check("the process used more than the first thread",
        process.tv_sec * 1000000000 + process.tv_nsec > own.tv_sec * 1000000000 + own.tv_nsec);
}

static volatile pid_t timer_thread;
static void *with_timer(void *argument) {
  pid_t self = syscall(SYS_gettid);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
  memcpy((char *)&event + 16, &self, sizeof self);  // sigev_notify_thread_id, which musl does not name
  struct itimerspec soon = {.it_value.tv_nsec = 5000000};
  handled = 0;
  signal(SIGALRM, note);
  if (timer_create(CLOCK_MONOTONIC, &event, &timer)) return NULL;
  timer_settime(timer, 0, &soon, NULL);
  while (!handled) usleep(1000);
  timer_delete(timer);
  return (void *)(long)(handled_by == self);
}

static void timers(void) {
  pthread_t thread;
  void *own;
  pthread_create(&thread, NULL, with_timer, NULL);
  pthread_join(thread, &own);
  check("a timer's signal goes to its thread", own != NULL);
}

static char **arguments;
static void *execute(void *argument) {
  execv("/proc/self/exe", (char *[]){arguments[0], "again", NULL});
  return NULL;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    check("the thread that called execve is the first one", syscall(SYS_gettid) == getpid());
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
    puts("the end");
    exit(finish() ? 1 : 7);
  }
  arguments = argv;
  which_thread();
  waits();
  awaited();
  faulting();
  clocks();
  timers();
  stop = 0;
  pthread_t thread;
  for (int i = 0; i < 3; i++) pthread_create(&thread, NULL, spin, NULL);
  pthread_create(&thread, NULL, execute, NULL);
  pause();
  return 1;
}
