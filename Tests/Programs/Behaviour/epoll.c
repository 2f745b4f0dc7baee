// SPDX-License-Identifier: Apache-2.0
// epoll(7).
#include "../support.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

static int control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  return epoll_ctl(epoll, operation, descriptor, &event);
}

// With the number of the call as data: which descriptors are free differs.
static int watch(int epoll, int descriptor, uint32_t events) {
  static int calls;
  return control(epoll, EPOLL_CTL_ADD, descriptor, events, ++calls);
}

// The events of one wait, by data.
static void show(const char *what, int epoll, int maximum) {
  struct epoll_event events[16];
  int count = epoll_wait(epoll, events, maximum, 0);
  number(what, count);
  for (int i = 0; i < count; i++) printf("  %#llx: %#x\n", (unsigned long long)events[i].data.u64, events[i].events);
}

static int new_epoll(void) { return need("epoll", epoll_create1(0)); }

static void errors(const char *file) {
  outcome("create 0", epoll_create(0));
  outcome("create 1", close(epoll_create(1)));
  outcome("bad flags", epoll_create1(1));
  int epoll = need("epoll", epoll_create1(EPOLL_CLOEXEC));
  char path[64], target[64] = "";
  snprintf(path, sizeof path, "/proc/self/fd/%d", epoll);
  readlink(path, target, sizeof target - 1);
  printf("%s %d %d\n", target, fcntl(epoll, F_GETFL), fcntl(epoll, F_GETFD));
  char buffer[16];
  outcome("read", read(epoll, buffer, 16));
  outcome("write", write(epoll, buffer, 16));
  int pipes[2];
  need("pipe", pipe(pipes));
  outcome("itself", watch(epoll, epoll, EPOLLIN));
  outcome("closed", watch(epoll, 1000, EPOLLIN));
  outcome("closed epoll", watch(1000, pipes[0], EPOLLIN));
  outcome("no epoll", watch(pipes[0], pipes[1], EPOLLIN));
  int regular = need("open", open(file, O_RDONLY));
  outcome("regular file", watch(epoll, regular, EPOLLIN));
  outcome("no epoll and regular file", watch(pipes[0], regular, EPOLLIN));
  outcome("directory", watch(epoll, open("/", O_RDONLY), EPOLLIN));
  outcome("/dev/null", watch(epoll, open("/dev/null", O_RDWR), EPOLLIN));
  outcome("/dev/zero", watch(epoll, open("/dev/zero", O_RDWR), EPOLLIN));
  outcome("/dev/urandom", watch(epoll, open("/dev/urandom", O_RDWR), EPOLLIN));
  outcome("path only", watch(epoll, open(file, O_PATH), EPOLLIN));
  outcome("operation", control(epoll, 4, pipes[0], EPOLLIN, 0));
  outcome("operation", control(epoll, 0, pipes[0], EPOLLIN, 0));
  outcome("no event", epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], NULL));
  outcome("no event, closed", epoll_ctl(epoll, EPOLL_CTL_ADD, 1000, NULL));
  outcome("modify what is not there", control(epoll, EPOLL_CTL_MOD, pipes[0], EPOLLIN, 0));
  outcome("delete what is not there", control(epoll, EPOLL_CTL_DEL, pipes[0], 0, 0));
  outcome("add", watch(epoll, pipes[0], EPOLLIN));
  outcome("add twice", watch(epoll, pipes[0], EPOLLIN));
  int copy = dup(pipes[0]);
  outcome("add a copy", watch(epoll, copy, EPOLLIN));
  outcome("delete", epoll_ctl(epoll, EPOLL_CTL_DEL, pipes[0], NULL));
  outcome("delete again", epoll_ctl(epoll, EPOLL_CTL_DEL, pipes[0], NULL));
  struct epoll_event events[4];
  outcome("no maximum", epoll_wait(epoll, events, 0, 0));
  outcome("negative maximum", epoll_wait(epoll, events, -1, 0));
  outcome("large maximum", epoll_wait(epoll, events, INT32_MAX, 0));
  outcome("wait for no epoll", epoll_wait(pipes[0], events, 1, 0));
  outcome("wait for nothing open", epoll_wait(1000, events, 1, 0));
  outcome("bad address", epoll_wait(epoll, (void *)(1L << 60), 1, 0));
  outcome("bad address, nothing there", epoll_wait(epoll, (void *)8, 1, 0));
  write(pipes[1], "x", 1);
  outcome("bad address, something there", epoll_wait(epoll, (void *)8, 1, 0));
  show("still there", epoll, 4);
  outcome("exclusive", watch(epoll, pipes[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET));
  outcome("modify exclusive", control(epoll, EPOLL_CTL_MOD, pipes[0], EPOLLIN, 0));
  outcome("modify to exclusive", control(epoll, EPOLL_CTL_MOD, copy, EPOLLIN | EPOLLEXCLUSIVE, 0));
  outcome("exclusive one-shot", watch(epoll, pipes[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT));
  outcome("exclusive hang-up", watch(epoll, pipes[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLRDHUP));
  outcome("exclusive epoll", watch(epoll, new_epoll(), EPOLLIN | EPOLLEXCLUSIVE));
}

static void triggers(void) {
  int epoll = new_epoll(), pipes[2];
  need("pipe", pipe2(pipes, O_NONBLOCK));
  char buffer[8192];
  show("empty", epoll, 4);
  watch(epoll, pipes[0], EPOLLIN);
  show("nothing", epoll, 4);
  write(pipes[1], "abc", 3);
  show("level", epoll, 4);
  show("level again", epoll, 4);
  control(epoll, EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLET, 0xe1);
  show("edge", epoll, 4);
  show("edge again", epoll, 4);
  read(pipes[0], buffer, 1);
  show("edge after a read", epoll, 4);
  write(pipes[1], "d", 1);
  show("edge after a write", epoll, 4);
  show("edge again", epoll, 4);
  control(epoll, EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLET, 0xe2);
  show("edge after a change", epoll, 4);
  control(epoll, EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLONESHOT, 0xe3);
  show("one shot", epoll, 4);
  show("one shot again", epoll, 4);
  write(pipes[1], "e", 1);
  show("one shot after a write", epoll, 4);
  control(epoll, EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLONESHOT, 0xe4);
  show("another shot", epoll, 4);
  control(epoll, EPOLL_CTL_MOD, pipes[0], 0, 0xe5);
  show("no events", epoll, 4);
  watch(epoll, pipes[1], EPOLLOUT | EPOLLET);
  show("room", epoll, 4);
  show("room again", epoll, 4);
  while (write(pipes[1], buffer, sizeof buffer) > 0) {}
  show("full", epoll, 4);
  read(pipes[0], buffer, 8192);
  show("room again", epoll, 4);
  close(pipes[1]);
  show("hung up", epoll, 4);
  read(pipes[0], buffer, 8192);
  close(pipes[0]);
  show("closed", epoll, 4);

  need("pipe", pipe(pipes));
  watch(epoll, pipes[1], 0);
  close(pipes[0]);
  show("error", epoll, 4);
  close(pipes[1]);
  show("closed", epoll, 4);

  // A descriptor that lives on in a copy is still told of.
  need("pipe", pipe(pipes));
  control(epoll, EPOLL_CTL_ADD, pipes[0], EPOLLIN, 1);
  int copy = dup(pipes[0]);
  close(pipes[0]);
  write(pipes[1], "x", 1);
  show("a copy is open", epoll, 4);
  outcome("delete", epoll_ctl(epoll, EPOLL_CTL_DEL, copy, NULL));
  outcome("delete", epoll_ctl(epoll, EPOLL_CTL_DEL, pipes[0], NULL));
  close(copy);
  show("no copy is open", epoll, 4);
  close(pipes[1]);
  close(epoll);
}

static void several(void) {
  int epoll = new_epoll(), counters[8];
  for (int i = 0; i < 8; i++) {
    counters[i] = need("eventfd", eventfd(0, EFD_NONBLOCK));
    control(epoll, EPOLL_CTL_ADD, counters[i], i < 6 ? EPOLLIN : EPOLLIN | EPOLLET, 0x100 + i);
  }
  uint64_t one = 1;
  for (int i = 7; i >= 0; i--) write(counters[i], &one, 8);
  show("in turn", epoll, 3);
  show("in turn", epoll, 3);
  show("in turn", epoll, 3);
  show("in turn", epoll, 16);
  for (int i = 0; i < 8; i += 2) read(counters[i], &one, 8);
  show("some", epoll, 16);
  for (int i = 0; i < 4; i++) close(counters[i]);
  show("fewer", epoll, 16);
  close(epoll);
  for (int i = 4; i < 8; i++) close(counters[i]);
}

static void nested(void) {
  int inner = new_epoll(), outer = new_epoll(), pipes[2];
  need("pipe", pipe(pipes));
  watch(inner, pipes[0], EPOLLIN);
  outcome("nest", control(outer, EPOLL_CTL_ADD, inner, EPOLLIN, 0x0e));
  outcome("circle", control(inner, EPOLL_CTL_ADD, outer, EPOLLIN, 0));
  struct pollfd entry = {.fd = outer, .events = POLLIN | POLLOUT};
  printf("poll %d %#x\n", poll(&entry, 1, 0), entry.revents);
  write(pipes[1], "x", 1);
  printf("poll %d %#x\n", poll(&entry, 1, 0), entry.revents);
  show("outer", outer, 4);
  show("outer", outer, 4);
  show("inner", inner, 4);
  control(outer, EPOLL_CTL_MOD, inner, EPOLLIN | EPOLLET, 0x0f);
  show("outer edge", outer, 4);
  show("outer edge", outer, 4);
  write(pipes[1], "x", 1);
  show("outer edge", outer, 4);
  char buffer[4];
  read(pipes[0], buffer, 4);
  show("inner", inner, 4);
  show("outer", outer, 4);
  printf("poll %d %#x\n", poll(&entry, 1, 0), entry.revents);
  close(inner);
  close(outer);
  int tower[8];
  for (int i = 0; i < 8; i++) tower[i] = new_epoll();
  for (int i = 1; i < 8; i++) {
    printf("%d: ", i);
    outcome("upwards", watch(tower[i], tower[i - 1], EPOLLIN));
  }
  for (int i = 0; i < 8; i++) close(tower[i]);
  for (int i = 0; i < 8; i++) tower[i] = new_epoll();
  for (int i = 1; i < 8; i++) {
    printf("%d: ", i);
    outcome("downwards", watch(tower[i - 1], tower[i], EPOLLIN));
  }
  watch(tower[4], pipes[0], EPOLLIN);
  write(pipes[1], "x", 1);
  show("top", tower[0], 1);
  for (int i = 0; i < 8; i++) close(tower[i]);
}

static void *write_later(void *argument) {
  usleep(20000);
  write((int)(intptr_t)argument, "12345678", 8);
  return NULL;
}

static void nothing(int signal) { (void)signal; }

static void *interrupt_later(void *thread) {
  usleep(20000);
  pthread_kill((pthread_t)thread, SIGUSR1);
  return NULL;
}

static int shared_epoll, taken[4];

static void *worker(void *argument) {
  struct epoll_event event;
  while (true) {
    if (epoll_wait(shared_epoll, &event, 1, -1) != 1) return NULL;
    if (event.data.u64 == 9999) return NULL;
    uint64_t value;
    read((int)event.data.u64, &value, 8);
    __atomic_fetch_add(&taken[(intptr_t)argument], 1, __ATOMIC_RELAXED);
    control(shared_epoll, EPOLL_CTL_MOD, (int)event.data.u64, EPOLLIN | EPOLLONESHOT, event.data.u64);
  }
}

static void waiting(void) {
  int epoll = new_epoll(), pipes[2];
  need("pipe", pipe(pipes));
  watch(epoll, pipes[0], EPOLLIN);
  struct epoll_event event;
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  number("in vain", epoll_wait(epoll, &event, 1, 30));
  clock_gettime(CLOCK_MONOTONIC, &after);
  long passed = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
  check("waited", passed >= 29000000 && passed < 10000000000);
  pthread_t thread;
  pthread_create(&thread, NULL, write_later, (void *)(intptr_t)pipes[1]);
  number("for ever", epoll_wait(epoll, &event, 1, -1));
  pthread_join(thread, NULL);
  char buffer[8];
  read(pipes[0], buffer, 8);
  pthread_create(&thread, NULL, write_later, (void *)(intptr_t)pipes[1]);
  number("a while", epoll_pwait(epoll, &event, 1, 5000, NULL));
  pthread_join(thread, NULL);
  read(pipes[0], buffer, 8);
  struct timespec limit = {0, 20000000};
  number("pwait2", syscall(SYS_epoll_pwait2, epoll, &event, 1, &limit, NULL, 8));
  limit.tv_nsec = -1;
  number("pwait2", syscall(SYS_epoll_pwait2, epoll, &event, 1, &limit, NULL, 8));
  number("pwait2", syscall(SYS_epoll_pwait2, epoll, &event, 1, 8L, NULL, 8));

  struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  pthread_create(&thread, NULL, interrupt_later, (void *)pthread_self());
  number("interrupted", epoll_wait(epoll, &event, 1, -1));
  pthread_join(thread, NULL);
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  pthread_kill(pthread_self(), SIGUSR1);
  number("blocked", epoll_wait(epoll, &event, 1, 20));
  number("let through", epoll_pwait(epoll, &event, 1, -1, &none));
  number("bad size", syscall(SYS_epoll_pwait, epoll, &event, 1, -1, &none, 4));
  pthread_sigmask(SIG_SETMASK, &none, NULL);

  // Added while somebody waits.
  int other = need("eventfd", eventfd(0, 0));
  pthread_create(&thread, NULL, write_later, (void *)(intptr_t)other);
  watch(epoll, other, EPOLLIN);
  number("both", epoll_wait(epoll, &event, 1, 5000));
  pthread_join(thread, NULL);
  close(other);

  int timer = need("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
  control(epoll, EPOLL_CTL_ADD, timer, EPOLLIN | EPOLLET, 0x7);
  timerfd_settime(timer, 0, &(struct itimerspec){.it_value = {0, 10000000}}, NULL);
  number("timer", epoll_wait(epoll, &event, 1, 5000));
  number("timer", epoll_wait(epoll, &event, 1, 0));

  // Many workers, each event to one of them.
  shared_epoll = new_epoll();
  int counters[32], stop = need("eventfd", eventfd(0, 0));
  for (int i = 0; i < 32; i++) {
    counters[i] = need("eventfd", eventfd(0, EFD_NONBLOCK));
    control(shared_epoll, EPOLL_CTL_ADD, counters[i], EPOLLIN | EPOLLONESHOT, counters[i]);
  }
  pthread_t workers[4];
  for (intptr_t i = 0; i < 4; i++) pthread_create(&workers[i], NULL, worker, (void *)i);
  uint64_t one = 1;
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 32; i++) write(counters[i], &one, 8);
    for (int i = 0; i < 32; i++)
      for (int tries = 0; tries < 1000000; tries++) {
        struct pollfd entry = {.fd = counters[i], .events = POLLIN};
        if (poll(&entry, 1, 0) == 0) break;
        usleep(100);
      }
  }
  control(shared_epoll, EPOLL_CTL_ADD, stop, EPOLLIN, 9999);
  write(stop, &one, 8);
  for (int i = 0; i < 4; i++) pthread_join(workers[i], NULL);
  int total = 0;
  for (int i = 0; i < 4; i++) total += taken[i];
  number("all were taken once", total);
}

static void many(void) {
  enum { count = 900 };
  int epoll = new_epoll(), counters[count];
  for (int i = 0; i < count; i++) {
    counters[i] = need("eventfd", eventfd(0, 0));
    watch(epoll, counters[i], EPOLLIN);
  }
  uint64_t one = 1;
  for (int i = 0; i < count; i += 100) write(counters[i], &one, 8);
  struct epoll_event events[count];
  number("of many", epoll_wait(epoll, events, count, 0));
  for (int i = 1; i < count; i += 2) epoll_ctl(epoll, EPOLL_CTL_DEL, counters[i], NULL);
  number("of fewer", epoll_wait(epoll, events, count, 0));
  for (int i = 0; i < count; i++) write(counters[i], &one, 8);
  number("of all", epoll_wait(epoll, events, count, 0));
  close(epoll);
  for (int i = 0; i < count; i++) close(counters[i]);
}

static atomic_int woken;
static void *wait_for_one(void *epoll) {
  struct epoll_event event;
  if (epoll_wait((int)(intptr_t)epoll, &event, 1, -1) == 1) woken++;
  return NULL;
}

// Several instances, with a thread in each, watch one thing: how many are told of one change. `milliseconds` is how long
// the threads may take to begin and to be woken.
static int count_told(int exclusives, int others, long milliseconds) {
  int counter = need("eventfd", eventfd(0, 0)), epolls[8];
  pthread_t threads[8];
  woken = 0;
  // An instance in which nobody waits keeps nobody else from being told.
  int idle = new_epoll();
  watch(idle, counter, EPOLLIN | EPOLLEXCLUSIVE);
  for (int i = 0; i < exclusives + others; i++) {
    epolls[i] = new_epoll();
    watch(epolls[i], counter, EPOLLIN | (i < exclusives ? EPOLLEXCLUSIVE : 0));
    pthread_create(&threads[i], NULL, wait_for_one, (void *)(intptr_t)epolls[i]);
  }
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
  uint64_t one = 1;
  write(counter, &one, 8);
  nanosleep(&time, NULL);
  int told = woken;
  // Each further change wakes one more.
  for (int i = 0; i < exclusives; i++) {
    write(counter, &one, 8);
    nanosleep(&time, NULL);
  }
  for (int i = 0; i < exclusives + others; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < exclusives + others; i++) close(epolls[i]);
  close(idle);
  close(counter);
  return told;
}

// On a busy machine a thread may come so late that it finds the change without being told: then once more, slower.
static void exclusive(const char *what, int exclusives, int others) {
  int told = 0;
  for (long milliseconds = 60; milliseconds < 2000; milliseconds *= 2)
    if ((told = count_told(exclusives, others, milliseconds)) == others + 1) break;
  printf("%s: %d woken, in the end %d\n", what, told, woken);
}

int main(int argc, char **argv) {
  errors(argv[0]);
  triggers();
  several();
  nested();
  waiting();
  many();
  exclusive("four exclusive ones", 4, 0);
  exclusive("three, and two that are not", 3, 2);
  return finish();
}
