// SPDX-License-Identifier: Apache-2.0
// Everything at once, for the seconds that the argument says: mutexes and conditions, pipes, signals, timers, memory that
// comes, goes and changes its rights under others' eyes, files, and threads and descriptors that come and go. Each kind of
// work checks itself, and each must get on: one that stands still for ten seconds has lost a wake-up. In the end no
// descriptor is left.
#include "../support.h"
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

enum { kinds = 12 };
static volatile bool ends;
static volatile unsigned long progress[kinds];
static unsigned long seed;
static _Thread_local unsigned long state;

static unsigned long chance(unsigned long below) {
  state = state * 6364136223846793005UL + 1442695040888963407UL;
  return (state >> 33) % below;
}

static void __attribute__((noreturn)) fail(const char *what) {
  printf("FAILED: %s\n", what);
  _exit(3);
}

// 0: a counter under a mutex, by several threads that now and then give way.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long locked, unlocked;
static void *lock(void *argument) {
  state = seed + (long)argument;
  while (!ends) {
    pthread_mutex_lock(&mutex);
    locked++;
    if (chance(50) == 0) sched_yield();
    unlocked++;
    if (locked != unlocked) fail("two threads under one mutex");
    pthread_mutex_unlock(&mutex);
    progress[0]++;
  }
  return NULL;
}

// 1: a bounded queue with conditions.
static pthread_mutex_t queue_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static long queued, put, taken;
static void *produce(void *argument) {
  state = seed + (long)argument;
  while (!ends) {
    pthread_mutex_lock(&queue_mutex);
    while (queued == 8) pthread_cond_wait(&not_full, &queue_mutex);
    queued++;
    put++;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&queue_mutex);
  }
  return NULL;
}
static void *consume(void *argument) {
  for (;;) {
    pthread_mutex_lock(&queue_mutex);
    while (queued == 0) {
      struct timespec soon;
      clock_gettime(CLOCK_REALTIME, &soon);
      soon.tv_sec += 1;
      if (pthread_cond_timedwait(&not_empty, &queue_mutex, &soon) == ETIMEDOUT && ends) {
        pthread_mutex_unlock(&queue_mutex);
        return NULL;
      }
    }
    queued--;
    taken++;
    if (queued < 0 || put - taken != queued) fail("the queue's numbers do not fit");
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&queue_mutex);
    progress[1]++;
  }
}

// 2: bytes in order through a pipe, in pieces of many sizes.
static int stream[2];
static void *write_stream(void *argument) {
  state = seed + 77;
  unsigned char bytes[9000], next = 0;
  while (!ends) {
    size_t count = 1 + chance(sizeof bytes);
    for (size_t i = 0; i < count; i++) bytes[i] = next++;
    for (size_t done = 0; done < count;) {
      ssize_t part = write(stream[1], bytes + done, count - done);
      if (part < 0 && errno != EINTR) fail("write to the pipe");
      if (part > 0) done += part;
    }
  }
  close(stream[1]);
  return NULL;
}
static void *read_stream(void *argument) {
  state = seed + 78;
  unsigned char bytes[9000], next = 0;
  for (;;) {
    ssize_t count = read(stream[0], bytes, 1 + chance(sizeof bytes));
    if (count == 0) return NULL;
    if (count < 0 && errno != EINTR) fail("read from the pipe");
    for (ssize_t i = 0; i < count; i++)
      if (bytes[i] != next++) fail("bytes of the pipe out of order");
    progress[2]++;
  }
}

// 3: signals between threads, while the receiver sleeps, polls or computes.
static _Thread_local volatile unsigned long got;
static pthread_t receivers[2];
static void receive(int signal) { got++; }
static void *receive_signals(void *argument) {
  state = seed + 5 + (long)argument;
  double x = 1;
  while (!ends) {
    unsigned long before = got;
    switch (chance(3)) {
      case 0: usleep(chance(500)); break;
      case 1: poll(NULL, 0, 1); break;
      default: for (int i = 0; i < 1000; i++) x = x * 1.0000001 + 1e-9;
    }
    if (x < 1 || x != x) fail("floating point registers changed");
    if (got != before) progress[3]++;
    x = 1;
  }
  return NULL;
}
static void *send_signals(void *argument) {
  state = seed + 9;
  while (!ends) {
    pthread_kill(receivers[chance(2)], SIGUSR1);
    if (chance(4) == 0) usleep(50);
  }
  return NULL;
}

// 4: a timer whose signals go to the thread that made it.
static void *count_ticks(void *argument) {
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
  pid_t self = syscall(SYS_gettid);
  memcpy((char *)&event + 16, &self, sizeof self);
  if (timer_create(CLOCK_MONOTONIC, &event, &timer)) fail("timer_create");
  struct itimerspec interval = {{0, 2000000}, {0, 2000000}};
  timer_settime(timer, 0, &interval, NULL);
  while (!ends) {
    unsigned long before = got;
    struct timespec hour = {3600, 0};
    nanosleep(&hour, NULL);
    if (got == before && !ends) fail("woken without a signal");
    progress[4]++;
  }
  timer_delete(timer);
  return NULL;
}

// 5: memory mapped, filled, checked, moved, shrunk and unmapped, side by side.
static void *map(void *argument) {
  state = seed + 100 + (long)argument;
  while (!ends) {
    size_t pages = 1 + chance(40);
    unsigned char *area = mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) fail("mmap");
    unsigned char mark = 1 + chance(250);
    for (size_t i = 0; i < pages; i++) {
      if (area[i * page_size] != 0) fail("a fresh page is not clean");
      area[i * page_size] = mark;
    }
    if (chance(3) == 0) {
      mprotect(area, pages * page_size, PROT_READ);
      mprotect(area, pages * page_size, PROT_READ | PROT_WRITE);
    }
    if (chance(4) == 0) {
      area = mremap(area, pages * page_size, (pages + 7) * page_size, MREMAP_MAYMOVE);
      if (area == MAP_FAILED) fail("mremap");
      munmap(area + pages * page_size, 7 * page_size);
    }
    if (chance(4) == 0) {
      madvise(area, page_size, MADV_DONTNEED);
      if (area[0] != 0) fail("a page that was given back is not clean");
      area[0] = mark;
    }
    for (size_t i = 0; i < pages; i++)
      if (area[i * page_size] != mark) fail("a page holds somebody else's bytes");
    munmap(area, pages * page_size);
    progress[5]++;
  }
  return NULL;
}

// 6: one page whose rights change while others read it: they see the whole truth or a fault that is repaired.
static volatile uint64_t *shared_page;
static void repair(int signal, siginfo_t *information, void *context) {
  if ((uintptr_t)information->si_addr - (uintptr_t)shared_page >= page_size) _exit(4);
  sched_yield();
}
static void *change_rights(void *argument) {
  for (uint64_t i = 1; !ends; i++) {
    mprotect((void *)shared_page, page_size, PROT_NONE);
    mprotect((void *)shared_page, page_size, PROT_READ | PROT_WRITE);
    shared_page[0] = i;
    shared_page[8] = i;
  }
  return NULL;
}
static void *read_rights(void *argument) {
  while (!ends) {
    uint64_t second = shared_page[8], first = shared_page[0];
    if (first < second) fail("stores seen in the wrong order");
    progress[6]++;
  }
  return NULL;
}

// 7: threads that begin and end.
static void *nothing(void *argument) { return argument; }
static void *make_threads(void *argument) {
  while (!ends) {
    pthread_t thread;
    void *result;
    if (pthread_create(&thread, NULL, nothing, (void *)progress[7])) fail("pthread_create");
    pthread_join(thread, &result);
    if (result != (void *)progress[7]) fail("a thread's result");
    progress[7]++;
  }
  return NULL;
}

// 8: a file of which each thread has its own part.
static int file;
static void *write_file(void *argument) {
  state = seed + 300 + (long)argument;
  unsigned char bytes[3000], back[3000];
  while (!ends) {
    size_t count = 1 + chance(sizeof bytes);
    long offset = (long)argument * 100000 + chance(90000);
    memset(bytes, (int)chance(256), count);
    if (pwrite(file, bytes, count, offset) != (ssize_t)count) fail("pwrite");
    if (pread(file, back, count, offset) != (ssize_t)count || memcmp(bytes, back, count)) fail("the file's content");
    progress[8]++;
  }
  return NULL;
}

// 9: semaphores handed around in a ring.
static sem_t ring[4];
static void *pass_on(void *argument) {
  long own = (long)argument;
  while (!ends) {
    sem_wait(&ring[own]);
    if (own == 0) progress[9]++;
    sem_post(&ring[(own + 1) % 4]);
  }
  sem_post(&ring[(own + 1) % 4]);
  return NULL;
}

// 10: descriptors of all kinds, some of them only in messages that nobody reads.
static void *use_descriptors(void *argument) {
  while (!ends) {
    int pipes[2], sockets[2], epoll = epoll_create1(0), counter = eventfd(0, 0);
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || epoll < 0 || counter < 0 || timer < 0)
      fail("descriptors");
    epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &(struct epoll_event){.events = EPOLLIN});
    epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &(struct epoll_event){.events = EPOLLIN});
    timerfd_settime(timer, 0, &(struct itimerspec){.it_value = {0, 1000}}, NULL);
    union {
      struct cmsghdr header;
      char space[CMSG_SPACE(sizeof(int))];
    } control = {{.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &counter, sizeof counter);
    struct iovec part = {"x", 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (sendmsg(sockets[0], &message, 0) != 1) fail("sendmsg");
    write(counter, &(uint64_t){1}, 8);
    struct epoll_event event;
    if (epoll_wait(epoll, &event, 1, -1) != 1) {
      if (errno != EINTR) fail("epoll_wait");
    }
    close(pipes[0]), close(pipes[1]), close(sockets[0]), close(sockets[1]), close(epoll), close(counter), close(timer);
    progress[10]++;
  }
  return NULL;
}

// 11: threads that change each other's policies, priorities and processors, around a mutex that inherits them.
enum { changers = 4 };
static pthread_t changer[changers];
static pthread_mutex_t inheriting;
static long inside;
static void *change_policies(void *argument) {
  state = seed + 400 + (long)argument;
  cpu_set_t all, some;
  sched_getaffinity(0, sizeof all, &all);
  changer[(long)argument] = pthread_self();
  while (!ends) {
    pthread_t other = changer[chance(changers)];
    // Not SCHED_IDLE, which may wait for longer than a lost wake-up.
    static const int policies[] = {SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH};
    int policy = policies[chance(4)];
    bool is_real_time = policy == SCHED_FIFO || policy == SCHED_RR;
    if (other) pthread_setschedparam(other, policy, &(struct sched_param){is_real_time ? 1 + (int)chance(5) : 0});
    CPU_ZERO(&some);
    for (int i = 0; i < 8; i++)
      if (CPU_ISSET(i, &all) && chance(2)) CPU_SET(i, &some);
    if (other && CPU_COUNT(&some) > 0 && chance(4) == 0) pthread_setaffinity_np(other, sizeof some, &some);
    pthread_mutex_lock(&inheriting);
    inside++;
    if (chance(8) == 0) sched_yield();
    if (inside-- != 1) fail("two threads under an inheriting mutex");
    pthread_mutex_unlock(&inheriting);
    // Whoever always works at a high priority would keep all others from doing so.
    nanosleep(&(struct timespec){0, (long)chance(300000)}, NULL);
    progress[11]++;
  }
  return NULL;
}

static int open_descriptors(void) {
  int count = 0;
  DIR *directory = opendir("/proc/self/fd");
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}

int main(int argc, char **argv) {
  int seconds = argc > 1 ? atoi(argv[1]) : 1;
  seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
  pipe(stream);
  file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
  shared_page = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  sigaction(SIGUSR1, &(struct sigaction){.sa_handler = receive}, NULL);
  sigaction(SIGSEGV, &(struct sigaction){.sa_sigaction = repair, .sa_flags = SA_SIGINFO}, NULL);
  for (int i = 0; i < 4; i++) sem_init(&ring[i], 0, i == 0);

  pthread_mutexattr_t inherits;
  pthread_mutexattr_init(&inherits);
  pthread_mutexattr_setprotocol(&inherits, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(&inheriting, &inherits);

  static const struct { void *(*work)(void *); int count; } works[] = {
      {lock, 3}, {produce, 2}, {consume, 2}, {write_stream, 1}, {read_stream, 1}, {send_signals, 1}, {count_ticks, 1},
      {map, 3}, {change_rights, 1}, {read_rights, 2}, {make_threads, 1}, {write_file, 2}, {pass_on, 4}, {use_descriptors, 2},
      {change_policies, changers},
  };
  pthread_t threads[40];
  int count = 0, descriptors = open_descriptors();
  for (long i = 0; i < 2; i++) pthread_create(&receivers[i], NULL, receive_signals, (void *)i);
  for (size_t i = 0; i < sizeof works / sizeof *works; i++)
    for (long j = 0; j < works[i].count; j++) pthread_create(&threads[count++], NULL, works[i].work, (void *)j);

  unsigned long last[kinds] = {0};
  int still[kinds] = {0};
  for (int second = 0; second < seconds; second++) {
    sleep(1);
    for (int i = 0; i < kinds; i++) {
      still[i] = progress[i] == last[i] ? still[i] + 1 : 0;
      last[i] = progress[i];
      if (still[i] == 10) {
        printf("work %d stands still after %lu rounds\n", i, last[i]);
        return 2;
      }
    }
  }
  ends = true;
  // Who sleeps for long is woken by hand; whoever waits for a place in the queue finds one.
  for (int i = 0; i < count; i++) pthread_kill(threads[i], SIGUSR1);
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  // After whoever sends them signals.
  for (int i = 0; i < 2; i++) pthread_join(receivers[i], NULL);
  for (int i = 0; i < kinds; i++)
    if (progress[i] == 0) printf("work %d never got on\n", i);
  if (argc > 3)
    for (int i = 0; i < kinds; i++) fprintf(stderr, "work %d: %lu rounds\n", i, progress[i]);
  // The writer has closed its end of the stream.
  if (open_descriptors() != descriptors - 1) printf("%d descriptors became %d\n", descriptors - 1, open_descriptors());
  puts("all ended");
  return 0;
}
