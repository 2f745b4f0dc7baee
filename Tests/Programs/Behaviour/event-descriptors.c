// SPDX-License-Identifier: Apache-2.0
// Descriptors that stand for counters, timers and signals.
#include "../support.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

static void show_poll(const char *what, int descriptor) {
  struct pollfd entry = {.fd = descriptor, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
  int count = poll(&entry, 1, 0);
  printf("%s: poll %d, %#x\n", what, count, entry.revents);
}

static void show_link(int descriptor) {
  char path[64], target[64] = "";
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  long length = readlink(path, target, sizeof target - 1);
  printf("link: %.*s\n", (int)length, target);
}

static void common(int descriptor) {
  struct stat status;
  char buffer[512];
  show_link(descriptor);
  outcome("fstat", fstat(descriptor, &status));
  printf("mode %o\n", status.st_mode);
  number("flags", fcntl(descriptor, F_GETFL));
  number("descriptor flags", fcntl(descriptor, F_GETFD));
  number("pread", pread(descriptor, buffer, 8, 0));
  outcome("ftruncate", ftruncate(descriptor, 0));
  outcome("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, descriptor, 0) == MAP_FAILED ? -1 : 0);
  outcome("fsync", fsync(descriptor));
}

static long add(int descriptor, uint64_t value) { return write(descriptor, &value, 8); }

static void take(const char *what, int descriptor) {
  uint64_t value = 77;
  long result = read(descriptor, &value, 8);
  number(what, result);
  if (result == 8) printf("value %llu\n", (unsigned long long)value);
}

static void *add_later(void *argument) {
  usleep(20000);
  add((int)(intptr_t)argument, 5);
  return NULL;
}

static void *take_later(void *argument) {
  usleep(20000);
  uint64_t value;
  read((int)(intptr_t)argument, &value, 8);
  return NULL;
}

static void counters(void) {
  outcome("bad flags", eventfd(0, 2));
  int counter = need("eventfd", eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
  common(counter);
  show_poll("three", counter);
  take("three", counter);
  show_poll("none", counter);
  take("none", counter);
  number("add 2", add(counter, 2));
  number("add 5", add(counter, 5));
  take("seven", counter);
  number("add 0", add(counter, 0));
  take("nothing was added", counter);
  number("add all", add(counter, UINT64_MAX));
  number("add most", add(counter, UINT64_MAX - 1));
  show_poll("full", counter);
  number("add one", add(counter, 1));
  take("most", counter);
  char small[4];
  number("small read", read(counter, small, 4));
  number("small write", write(counter, small, 4));
  number("bad read", read(counter, (void *)8, 8));
  add(counter, 9);
  number("bad read with something", read(counter, (void *)8, 8));
  number("bad write", write(counter, (void *)8, 8));
  uint64_t big[4] = {1, 1, 1, 1};
  add(counter, 1);
  number("large read", read(counter, big, 32));
  close(counter);

  int semaphore = need("semaphore", eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
  number("flags", fcntl(semaphore, F_GETFL));
  take("first", semaphore);
  take("second", semaphore);
  take("third", semaphore);
  close(semaphore);

  int waiting = need("eventfd", eventfd(0, 0));
  number("flags", fcntl(waiting, F_GETFL));
  pthread_t thread;
  pthread_create(&thread, NULL, add_later, (void *)(intptr_t)waiting);
  take("waited", waiting);
  pthread_join(thread, NULL);
  add(waiting, UINT64_MAX - 1);
  pthread_create(&thread, NULL, take_later, (void *)(intptr_t)waiting);
  number("waited to add", add(waiting, 4));
  pthread_join(thread, NULL);
  take("added", waiting);
  struct pollfd entry = {.fd = waiting, .events = POLLIN};
  pthread_create(&thread, NULL, add_later, (void *)(intptr_t)waiting);
  number("poll waited", poll(&entry, 1, 5000));
  pthread_join(thread, NULL);
  take("polled", waiting);
}

static struct itimerspec in(long milliseconds, long interval) {
  return (struct itimerspec){.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000000},
                             .it_interval = {interval / 1000, interval % 1000 * 1000000}};
}

static void timers(void) {
  outcome("bad clock", timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
  outcome("raw clock", timerfd_create(CLOCK_MONOTONIC_RAW, 0));
  outcome("bad flags", timerfd_create(CLOCK_MONOTONIC, 1));
  int timer = need("timerfd", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  common(timer);
  struct itimerspec old, set = in(0, 0);
  show_poll("not set", timer);
  take("not set", timer);
  outcome("get", timerfd_gettime(timer, &old));
  printf("%lld %lld\n", (long long)old.it_value.tv_sec, (long long)old.it_interval.tv_sec);
  set = in(100000, 50000);
  outcome("set", timerfd_settime(timer, 0, &set, NULL));
  outcome("get", timerfd_gettime(timer, &old));
  printf("%d %lld\n", old.it_value.tv_sec >= 90 && old.it_value.tv_sec <= 100, (long long)old.it_interval.tv_sec);
  set = in(30, 0);
  outcome("set again", timerfd_settime(timer, 0, &set, &old));
  printf("%d %lld\n", old.it_value.tv_sec >= 90 && old.it_value.tv_sec <= 100, (long long)old.it_interval.tv_sec);
  show_poll("soon", timer);
  take("soon", timer);
  struct pollfd entry = {.fd = timer, .events = POLLIN};
  number("poll", poll(&entry, 1, 5000));
  show_poll("now", timer);
  outcome("get", timerfd_gettime(timer, &old));
  printf("left %lld %ld\n", (long long)old.it_value.tv_sec, old.it_value.tv_nsec);
  char small[4];
  number("small read", read(timer, small, 4));
  number("write", write(timer, "12345678", 8));
  take("now", timer);
  take("again", timer);
  fcntl(timer, F_SETFL, 0);
  set = in(10, 10);
  timerfd_settime(timer, 0, &set, NULL);
  usleep(55000);
  uint64_t count = 0;
  number("interval", read(timer, &count, 8));
  check("several", count >= 4 && count < 50);
  number("next", read(timer, &count, 8));
  set = in(0, 10);
  timerfd_settime(timer, 0, &set, &old);
  printf("interval %ld\n", old.it_interval.tv_nsec);
  timerfd_gettime(timer, &old);
  printf("stopped %ld %ld\n", old.it_value.tv_nsec, old.it_interval.tv_nsec);
  show_poll("stopped", timer);
  outcome("bad nanoseconds", timerfd_settime(timer, 0, &(struct itimerspec){.it_value = {0, 1000000000}}, NULL));
  outcome("negative", timerfd_settime(timer, 0, &(struct itimerspec){.it_value = {-1, 0}}, NULL));
  outcome("bad flags", timerfd_settime(timer, 4, &set, NULL));
  outcome("bad address", syscall(SYS_timerfd_settime, timer, 0, 8L, NULL));
  outcome("bad descriptor", timerfd_settime(1000, 0, &set, NULL));
  outcome("no timer", timerfd_settime(1, 0, &set, NULL));
  outcome("no timer", timerfd_gettime(0, &old));
  outcome("far", timerfd_settime(timer, 0, &(struct itimerspec){.it_value = {INT64_MAX, 0}}, NULL));
  show_poll("far", timer);
  outcome("far interval", timerfd_settime(
      timer, 0, &(struct itimerspec){.it_value = {0, 1}, .it_interval = {INT64_MAX, 999999999}}, NULL));
  take("far interval", timer);
  show_poll("far interval", timer);
  close(timer);

  static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
  for (int i = 0; i < 3; i++) {
    int absolute = need("timerfd", timerfd_create(clocks[i], TFD_CLOEXEC));
    struct timespec now;
    clock_gettime(clocks[i], &now);
    struct itimerspec at = {.it_value = {now.tv_sec, now.tv_nsec}};
    at.it_value.tv_nsec += 20000000;
    if (at.it_value.tv_nsec >= 1000000000) at.it_value.tv_sec++, at.it_value.tv_nsec -= 1000000000;
    outcome("absolute", timerfd_settime(absolute, TFD_TIMER_ABSTIME, &at, NULL));
    take("absolute", absolute);
    struct timespec then;
    clock_gettime(clocks[i], &then);
    check("in time", then.tv_sec > at.it_value.tv_sec ||
      (then.tv_sec == at.it_value.tv_sec && then.tv_nsec >= at.it_value.tv_nsec));
    at.it_value = (struct timespec){0, 1};
    at.it_interval.tv_sec = 4000000000;
    outcome("past", timerfd_settime(absolute, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL));
    take("past", absolute);
    close(absolute);
  }
}

static void show_signal(const char *what, int descriptor) {
  struct signalfd_siginfo found;
  memset(&found, 0xff, sizeof found);
  long result = read(descriptor, &found, sizeof found);
  number(what, result);
  if (result != sizeof found) return;
  printf("signal %u, error %d, code %d, own process %d, user %u, int %d, ptr %#llx\n", found.ssi_signo,
    found.ssi_errno, found.ssi_code, found.ssi_pid == (uint32_t)getpid(), found.ssi_uid - getuid(), found.ssi_int,
    (unsigned long long)found.ssi_ptr);
  printf("tid %u, overrun %u, address %#llx, rest zero %d\n", found.ssi_tid, found.ssi_overrun,
    (unsigned long long)found.ssi_addr, all_bytes((char *)found.__pad, sizeof found.__pad, 0));
}

static void *send_later(void *process) {
  usleep(20000);
  kill(getpid(), SIGUSR1);
  return process;
}

static void nothing(int signal) { (void)signal; }

static void *interrupt_later(void *thread) {
  usleep(20000);
  pthread_kill((pthread_t)thread, SIGHUP);
  return NULL;
}

static void signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigaddset(&set, SIGRTMIN + 1);
  sigaddset(&set, SIGKILL);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  outcome("bad flags", signalfd(-1, &set, 1));
  outcome("bad descriptor", signalfd(1000, &set, 0));
  outcome("other descriptor", signalfd(1, &set, 0));
  outcome("bad size", syscall(SYS_signalfd4, -1, &set, 4L, 0L));
  outcome("bad address", syscall(SYS_signalfd4, -1, 8L, 8L, 0L));
  int descriptor = need("signalfd", signalfd(-1, &set, SFD_NONBLOCK));
  common(descriptor);
  show_poll("none", descriptor);
  show_signal("none", descriptor);
  kill(getpid(), SIGUSR1);
  show_poll("one", descriptor);
  show_signal("killed", descriptor);
  show_signal("none", descriptor);
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_ptr = (void *)0x123456789a});
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 7});
  raise(SIGUSR2);
  char small[64];
  number("small read", read(descriptor, small, 64));
  number("write", write(descriptor, small, 64));
  number("bad read", read(descriptor, (void *)8, 128));
  show_signal("queued", descriptor);
  show_signal("queued", descriptor);
  raise(SIGUSR1);
  raise(SIGUSR2);
  struct signalfd_siginfo several[4];
  number("several", read(descriptor, several, sizeof several));
  printf("%u %u\n", several[0].ssi_signo, several[1].ssi_signo);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM, .sigev_value.sival_int = 42};
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  timer_settime(timer, 0, &(struct itimerspec){.it_value = {0, 1000000}}, NULL);
  struct pollfd entry = {.fd = descriptor, .events = POLLIN};
  number("poll", poll(&entry, 1, 5000));
  number("timer", read(descriptor, several, sizeof several));
  printf("%u code %d value %d\n", several[0].ssi_signo, several[0].ssi_code, several[0].ssi_int);
  sigset_t other;
  sigemptyset(&other);
  sigaddset(&other, SIGUSR2);
  check("same descriptor", signalfd(descriptor, &other, 0) == descriptor);
  raise(SIGUSR1);
  show_poll("other", descriptor);
  raise(SIGUSR2);
  show_signal("other", descriptor);
  signalfd(descriptor, &set, 0);
  show_signal("both", descriptor);
  fcntl(descriptor, F_SETFL, 0);
  pthread_t thread;
  pthread_create(&thread, NULL, send_later, NULL);
  show_signal("waited", descriptor);
  pthread_join(thread, NULL);
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGHUP, &action, NULL);
  pthread_create(&thread, NULL, interrupt_later, (void *)pthread_self());
  show_signal("interrupted", descriptor);
  pthread_join(thread, NULL);
}

int main(void) {
  counters();
  timers();
  signals();
  return finish();
}
