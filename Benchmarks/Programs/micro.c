// SPDX-License-Identifier: Apache-2.0
// System calls, memory, threads and pipes, one small operation at a time.
//
// usage: micro [only=NAME,NAME...]
//
// Every operation runs in batches, after a shorter one to warm up; see bench.h for what is
// reported. Other arguments are ignored: Linux gives its first process every word of its command
// line that it does not know.
#include "bench.h"
#include <arpa/inet.h>
#include <linux/futex.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

enum { batches = 7, page = 4096, two_mebibytes = 2 << 20 };

// What an operation works on; `prepare` fills it in.
static int descriptors[4];
static char *mapping;
static const char *path;

// A function that does `count` operations and returns 0, or -1 with errno set.
#define OPERATION(name, body)                                                                                          \
  static int name(long count) {                                                                                        \
    for (long index = 0; index < count; index++) {                                                                     \
      body;                                                                                                            \
    }                                                                                                                  \
    return 0;                                                                                                          \
  }
#define REQUIRE(condition)                                                                                             \
  do                                                                                                                   \
    if (!(condition))                                                                                                  \
      return -1;                                                                                                       \
  while (0)

// MARK: Calibration

// 64 dependent multiplications and additions for each operation: no kernel, equal on every system.
static int calibration(long count) {
  uint64_t value = count;
  for (long index = 0; index < count * 64; index++) {
    value = value * 6364136223846793005ull + 1442695040888963407ull;
    __asm__ volatile("" : "+r"(value));
  }
  return 0;
}

// MARK: Small system calls

static struct timespec now;
static char byte;

OPERATION(get_parent, syscall(SYS_getppid))
OPERATION(get_time, REQUIRE(clock_gettime(CLOCK_MONOTONIC, &now) == 0))
OPERATION(get_time_by_call, REQUIRE(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0))
OPERATION(read_byte, REQUIRE(read(descriptors[0], &byte, 1) == 1))
OPERATION(write_byte, REQUIRE(write(descriptors[0], &byte, 1) == 1))
OPERATION(random_bytes, char bytes[16]; REQUIRE(getrandom(bytes, 16, 0) == 16))
OPERATION(file_status, struct stat status; REQUIRE(stat("/", &status) == 0))
OPERATION(open_and_close, int file = open(path, O_RDONLY); REQUIRE(file >= 0); close(file))
OPERATION(yield, sched_yield())
OPERATION(sleep_briefly, struct timespec pause = {.tv_nsec = 1000000}; REQUIRE(nanosleep(&pause, 0) == 0))

static int open_zero(void) { return descriptors[0] = open("/dev/zero", O_RDONLY); }
static int open_null(void) { return descriptors[0] = open("/dev/null", O_WRONLY); }
static int find_program(void) {
  path = (const char *)getauxval(AT_EXECFN);
  return path ? 0 : -1;
}

// MARK: Memory

static char *map_private(size_t length) {
  return mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static int map_touch_unmap(size_t length) {
  char *memory = map_private(length);
  REQUIRE(memory != MAP_FAILED);
  for (size_t offset = 0; offset < length; offset += page)
    ((volatile char *)memory)[offset] = 1;
  return munmap(memory, length);
}
OPERATION(map_page, REQUIRE(map_touch_unmap(page) == 0))
OPERATION(map_two_mebibytes, REQUIRE(map_touch_unmap(two_mebibytes) == 0))

// The first touch of every page of one fresh mapping; the mapping itself is part of the price.
static int touch_pages(long count) {
  char *memory = map_private(count * page);
  REQUIRE(memory != MAP_FAILED);
  madvise(memory, count * page, MADV_NOHUGEPAGE);
  for (long index = 0; index < count; index++)
    ((volatile char *)memory)[index * page] = 1;
  return munmap(memory, count * page);
}
OPERATION(protect_page, REQUIRE(mprotect(mapping, page, index & 1 ? PROT_READ | PROT_WRITE : PROT_READ) == 0))
static int map_two_pages(void) {
  mapping = map_private(2 * page);
  REQUIRE(mapping != MAP_FAILED);
  ((volatile char *)mapping)[0] = 1;
  return 0;
}

// MARK: Signals

static void ignore(int number) { (void)number; }
static int handle_signal(void) { return signal(SIGUSR1, ignore) == SIG_ERR ? -1 : 0; }
OPERATION(raise_signal, REQUIRE(raise(SIGUSR1) == 0))

// MARK: Waiting for events

static uint64_t event = 1;
OPERATION(wake_nobody, REQUIRE(syscall(SYS_futex, &event, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0) >= 0))
OPERATION(event_there_and_back, event = 1; REQUIRE(write(descriptors[0], &event, 8) == 8);
          REQUIRE(read(descriptors[0], &event, 8) == 8))
OPERATION(poll_ready, struct epoll_event ready[4]; REQUIRE(epoll_wait(descriptors[0], ready, 4, 0) == 1))
OPERATION(pipe_there_and_back, REQUIRE(write(descriptors[1], &byte, 1) == 1);
          REQUIRE(read(descriptors[0], &byte, 1) == 1))

static int make_event(void) { return descriptors[0] = eventfd(0, 0); }
static int make_poll(void) {
  struct epoll_event interest = {.events = EPOLLIN};
  REQUIRE((descriptors[0] = epoll_create1(0)) >= 0);
  REQUIRE((descriptors[1] = eventfd(1, 0)) >= 0);
  return epoll_ctl(descriptors[0], EPOLL_CTL_ADD, descriptors[1], &interest);
}
static int make_pipe(void) { return pipe(descriptors); }

// MARK: Two threads

static pthread_t partner;
static _Atomic int turn;
static _Atomic bool stopping;

static int start_partner(void *(*body)(void *)) {
  stopping = false;
  errno = pthread_create(&partner, 0, body, 0);
  return errno ? -1 : 0;
}
static void *nothing(void *argument) { return argument; }
OPERATION(create_thread, REQUIRE(start_partner(nothing) == 0); pthread_join(partner, 0))

static void wait_for_turn(int wanted) {
  for (int value; (value = turn) != wanted;)
    syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, value, 0, 0, 0);
}
static void give_turn(int to) {
  turn = to;
  syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
static void *answer_turns(void *argument) {
  for (;;) {
    wait_for_turn(1);
    if (stopping)
      return argument;
    give_turn(0);
  }
}
OPERATION(exchange_turns, give_turn(1); wait_for_turn(0))
static int start_turns(void) { return start_partner(answer_turns); }
static void stop_turns(void) {
  stopping = true;
  give_turn(1);
  pthread_join(partner, 0);
}

static void *yield_until_stopped(void *argument) {
  while (!stopping)
    sched_yield();
  return argument;
}
static int start_yielding(void) { return start_partner(yield_until_stopped); }
static void stop_yielding(void) {
  stopping = true;
  pthread_join(partner, 0);
}

// The partner reads from descriptors[0] and writes to [1]; this side writes to [2] and reads from [3].
static void *answer_bytes(void *argument) {
  char received;
  while (read(descriptors[0], &received, 1) == 1 && received != 'q')
    if (write(descriptors[1], &received, 1) != 1)
      break;
  return argument;
}
OPERATION(exchange_bytes, char sent = 'p'; REQUIRE(write(descriptors[2], &sent, 1) == 1);
          REQUIRE(read(descriptors[3], &sent, 1) == 1))
static int start_pipes(void) {
  int there[2], back[2];
  REQUIRE(pipe(there) == 0 && pipe(back) == 0);
  memcpy(descriptors, (int[]){there[0], back[1], there[1], back[0]}, sizeof descriptors);
  return start_partner(answer_bytes);
}
static int start_connection(void) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(7077), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), client, server;
  REQUIRE(listener >= 0);
  if (getpid() == 1)
    ioctl(listener, SIOCSIFFLAGS, &loopback); // nothing else ran on this Linux
  REQUIRE(bind(listener, (void *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
  REQUIRE((client = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
  REQUIRE(connect(client, (void *)&address, sizeof address) == 0);
  REQUIRE((server = accept(listener, 0, 0)) >= 0);
  close(listener);
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  memcpy(descriptors, (int[]){server, server, client, client}, sizeof descriptors);
  return start_partner(answer_bytes);
}
static void stop_bytes(void) {
  char quit = 'q';
  if (write(descriptors[2], &quit, 1) == 1)
    pthread_join(partner, 0);
}

// MARK: The table

static const struct benchmark {
  const char *name;
  int (*operation)(long count);
  long count;
  int (*prepare)(void);
  void (*finish)(void);
} benchmarks[] = {
    {"calib", calibration, 20000, 0, 0},
    {"getppid", get_parent, 20000, 0, 0},
    {"clock_gettime", get_time, 20000, 0, 0},
    {"clock_gettime_sys", get_time_by_call, 10000, 0, 0},
    {"read_zero", read_byte, 10000, open_zero, 0},
    {"write_null", write_byte, 10000, open_null, 0},
    {"getrandom16", random_bytes, 2000, 0, 0},
    {"mmap_4k", map_page, 2000, 0, 0},
    {"mmap_2m", map_two_mebibytes, 10, 0, 0},
    {"page_fault", touch_pages, 2048, 0, 0},
    {"mprotect", protect_page, 2000, map_two_pages, 0},
    {"stat", file_status, 5000, 0, 0},
    {"open_close", open_and_close, 3000, find_program, 0},
    {"signal", raise_signal, 2000, handle_signal, 0},
    {"futex_wake_none", wake_nobody, 10000, 0, 0},
    {"eventfd_wr", event_there_and_back, 5000, make_event, 0},
    {"epoll_ready", poll_ready, 5000, make_poll, 0},
    {"pipe_same", pipe_there_and_back, 5000, make_pipe, 0},
    {"thread_create", create_thread, 200, 0, 0},
    {"futex_pingpong", exchange_turns, 2000, start_turns, stop_turns},
    {"pipe_pingpong", exchange_bytes, 2000, start_pipes, stop_bytes},
    {"yield_1", yield, 5000, 0, 0},
    {"yield_2", yield, 5000, start_yielding, stop_yielding},
    {"nanosleep_1ms", sleep_briefly, 20, 0, 0},
    {"tcp_lo_pingpong", exchange_bytes, 1000, start_connection, stop_bytes},
};

static int ascending(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

// Measures all batches of one benchmark; -1 with errno set when an operation failed. Two marks for the counting plugin.
static int measure(const struct benchmark *benchmark, uint64_t results[batches]) {
  long count = benchmark->count;
  if (benchmark->operation(count > 16 ? count / 8 : count) < 0)
    return -1;
  mark();
  for (int batch = 0; batch < batches; batch++) {
    uint64_t start = ticks();
    if (benchmark->operation(count) < 0)
      return -1;
    results[batch] = (ticks() - start) / count;
  }
  mark();
  qsort(results, batches, sizeof *results, ascending);
  return 0;
}

static void run(const struct benchmark *benchmark) {
  uint64_t results[batches];
  memset(descriptors, -1, sizeof descriptors);
  if (benchmark->prepare && benchmark->prepare() < 0) {
    say("B op %s FAIL errno=%d\n", benchmark->name, errno);
    return;
  }
  if (measure(benchmark, results) < 0)
    say("B op %s FAIL errno=%d\n", benchmark->name, errno);
  else
    say("B op %s iters=%ld min=%llu med=%llu\n", benchmark->name, benchmark->count, (unsigned long long)results[0],
        (unsigned long long)results[batches / 2]);
  if (benchmark->finish)
    benchmark->finish();
  for (int index = 0; index < 4; index++)
    if (descriptors[index] >= 0)
      close(descriptors[index]);
}

// Is `name` one of the words of a comma-separated list?
static bool contains(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *found = list; (found = strstr(found, name)); found += length)
    if ((found == list || found[-1] == ',') && (found[length] == ',' || !found[length]))
      return true;
  return false;
}

int main(int count, char **arguments) {
  uint64_t start = ticks();
  const char *only = 0;
  say("B main tsc=%llu\n", (unsigned long long)start);
  for (int index = 1; index < count; index++)
    if (!strncmp(arguments[index], "only=", 5))
      only = arguments[index] + 5;
  for (size_t index = 0; index < sizeof benchmarks / sizeof *benchmarks; index++)
    if (!only || contains(only, benchmarks[index].name))
      run(&benchmarks[index]);
  end_run();
}
