// SPDX-License-Identifier: Apache-2.0
// Everything that threads wait with, as two functions each: one takes what another thread gives, and waits for it.
#pragma once
#include "support.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

enum { most_pairs = 2 };

// What the two threads of a pair share. Index 0 or 1 of everything belongs to the thread that waits for it.
struct pair {
  _Atomic int word[2], gate[2], hall[2];
  int file[2][2];  // [i][0] is waited for by thread i, [i][1] is what wakes it
  int epoll[2];
  pid_t thread[2];
  _Atomic int ready;
  sem_t semaphore[2];
  pthread_mutex_t mutex;
  pthread_cond_t condition[2];
  bool token[2];
  int system_v;
  atomic_ulong progress;
};
static struct pair pairs[most_pairs];
static _Thread_local unsigned long state;
static const char *primitive = "nothing";

static unsigned long chance(unsigned long below) {
  state = state * 6364136223846793005UL + 1442695040888963407UL;
  return (state >> 33) % below;
}

static void __attribute__((noreturn)) fail(const char *what) {
  printf("FAILED: %s: %s: %s\n", primitive, what, error_name(errno));
  _exit(3);
}

// Short times often, long ones seldom: what races lasts from some instructions to a processor's way out of its sleep.
static void dawdle(void) {
  for (volatile unsigned long i = chance(1UL << chance(12)); i > 0; i--) {}
}

static long futex(_Atomic int *word, int operation, int value, long second, _Atomic int *other, int expected) {
  return syscall(SYS_futex, word, operation, value, second, other, expected);
}

// MARK: futexes

static void take_futex(struct pair *pair, int own) {
  while (!atomic_exchange(&pair->word[own], 0)) futex(&pair->word[own], FUTEX_WAIT_PRIVATE, 0, 0, NULL, 0);
}
static void give_futex(struct pair *pair, int to) {
  pair->word[to] = 1;
  futex(&pair->word[to], FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0);
}

// With a deadline that never comes, and found by the file's offset, not by the address.
static void take_bitset(struct pair *pair, int own) {
  struct timespec never = {1L << 40, 0};
  while (!atomic_exchange(&pair->word[own], 0))
    futex(&pair->word[own], FUTEX_WAIT_BITSET, 0, (long)&never, NULL, 1 << own);
}
static void give_bitset(struct pair *pair, int to) {
  pair->word[to] = 1;
  futex(&pair->word[to], FUTEX_WAKE_BITSET, 1, 0, NULL, 1 << to);
}

// Who waits at the gate is led into the hall and woken there.
static void take_requeued(struct pair *pair, int own) {
  for (;;) {
    int seen = pair->gate[own];
    if (atomic_exchange(&pair->word[own], 0)) return;
    futex(&pair->gate[own], FUTEX_WAIT_PRIVATE, seen, 0, NULL, 0);
  }
}
static void give_requeued(struct pair *pair, int to) {
  pair->word[to] = 1;
  int now = ++pair->gate[to];
  if (futex(&pair->gate[to], FUTEX_CMP_REQUEUE_PRIVATE, 0, 1, &pair->hall[to], now) < 0) fail("FUTEX_CMP_REQUEUE");
  futex(&pair->hall[to], FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0);
}

static void take_inheriting(struct pair *pair, int own) {
  int free = 0;
  if (!atomic_compare_exchange_strong(&pair->hall[0], &free, pair->thread[own]) &&
      futex(&pair->hall[0], FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0))
    fail("FUTEX_LOCK_PI");
}
static void give_inheriting(struct pair *pair, int to) {
  int held = pair->thread[1 - to];
  if (!atomic_compare_exchange_strong(&pair->hall[0], &held, 0) &&
      futex(&pair->hall[0], FUTEX_UNLOCK_PI_PRIVATE, 0, 0, NULL, 0))
    fail("FUTEX_UNLOCK_PI");
}

static void take_semaphore(struct pair *pair, int own) { sem_wait(&pair->semaphore[own]); }
static void give_semaphore(struct pair *pair, int to) { sem_post(&pair->semaphore[to]); }

static void take_mutex(struct pair *pair, int own) { pthread_mutex_lock(&pair->mutex); }
static void give_mutex(struct pair *pair, int to) { pthread_mutex_unlock(&pair->mutex); }

static void take_condition(struct pair *pair, int own) {
  pthread_mutex_lock(&pair->mutex);
  while (!pair->token[own]) pthread_cond_wait(&pair->condition[own], &pair->mutex);
  pair->token[own] = false;
  pthread_mutex_unlock(&pair->mutex);
}
static void give_condition(struct pair *pair, int to) {
  pthread_mutex_lock(&pair->mutex);
  pair->token[to] = true;
  pthread_cond_signal(&pair->condition[to]);
  pthread_mutex_unlock(&pair->mutex);
}

// The end of a thread wakes who joins it.
static void *nothing(void *argument) { return argument; }
static void take_end(struct pair *pair, int own) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, nothing, NULL)) fail("pthread_create");
  dawdle();
  pthread_join(thread, NULL);
}

// MARK: descriptors

static void make_events(struct pair *pair, int own, int flags) {
  pair->file[own][0] = pair->file[own][1] = need("eventfd", eventfd(0, flags));
}
static void make_counter(struct pair *pair, int own) { make_events(pair, own, 0); }
static void take_event(struct pair *pair, int own) {
  uint64_t count;
  if (read(pair->file[own][0], &count, 8) != 8 || count != 1) fail("read an event");
}
static void give_event(struct pair *pair, int to) {
  if (write(pair->file[to][1], &(uint64_t){1}, 8) != 8) fail("write an event");
}

static void make_pipe(struct pair *pair, int own) { need("pipe", pipe(pair->file[own])); }
static void make_sockets(struct pair *pair, int own) {
  need("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair->file[own]));
}
static void take_byte(struct pair *pair, int own) {
  char byte;
  if (read(pair->file[own][0], &byte, 1) != 1) fail("read a byte");
}
static void give_byte(struct pair *pair, int to) {
  if (write(pair->file[to][1], "x", 1) != 1) fail("write a byte");
}

static void make_level(struct pair *pair, int own) {
  make_events(pair, own, EFD_NONBLOCK);
  pair->epoll[own] = need("epoll", epoll_create1(0));
  struct epoll_event interest = {.events = EPOLLIN};
  need("epoll_ctl", epoll_ctl(pair->epoll[own], EPOLL_CTL_ADD, pair->file[own][0], &interest));
}
static void make_edge(struct pair *pair, int own) {
  make_level(pair, own);
  struct epoll_event interest = {.events = EPOLLIN | EPOLLET};
  need("epoll_ctl", epoll_ctl(pair->epoll[own], EPOLL_CTL_MOD, pair->file[own][0], &interest));
}
static void take_epoll(struct pair *pair, int own) {
  struct epoll_event event;
  if (epoll_wait(pair->epoll[own], &event, 1, -1) != 1) fail("epoll_wait");
  take_event(pair, own);
}
static void take_poll(struct pair *pair, int own) {
  struct pollfd polled = {pair->file[own][0], POLLIN, 0};
  if (poll(&polled, 1, -1) != 1) fail("poll");
  take_byte(pair, own);
}

static void make_lock(struct pair *pair, int own) {
  pair->file[own][0] = need("open", open("/tmp/wake-ups", O_RDWR | O_CREAT, 0600));
  pair->file[own][1] = -1;
}
static void take_lock(struct pair *pair, int own) {
  if (flock(pair->file[own][0], LOCK_EX)) fail("flock");
}
static void give_lock(struct pair *pair, int to) { flock(pair->file[1 - to][0], LOCK_UN); }

// MARK: System V

static void make_set(struct pair *pair, int own) {
  if (own == 0) pair->system_v = need("semget", semget(IPC_PRIVATE, 2, 0600));
}
static void remove_set(struct pair *pair) { semctl(pair->system_v, 0, IPC_RMID); }
static void change(struct pair *pair, int index, int by) {
  if (semop(pair->system_v, &(struct sembuf){index, by, 0}, 1)) fail("semop");
}
static void take_set(struct pair *pair, int own) { change(pair, own, -1); }
static void give_set(struct pair *pair, int to) { change(pair, to, 1); }

static void make_messages(struct pair *pair, int own) {
  if (own == 0) pair->system_v = need("msgget", msgget(IPC_PRIVATE, 0600));
}
static void remove_messages(struct pair *pair) { msgctl(pair->system_v, IPC_RMID, NULL); }
struct message { long type; char text[8]; };
static void take_message(struct pair *pair, int own) {
  struct message message;
  if (msgrcv(pair->system_v, &message, 8, own + 1, 0) != 8) fail("msgrcv");
}
static void give_message(struct pair *pair, int to) {
  if (msgsnd(pair->system_v, &(struct message){to + 1, "message"}, 8, 0)) fail("msgsnd");
}

// MARK: signals, which all threads block

static _Thread_local volatile sig_atomic_t has_come;
static void come(int signal) { has_come = 1; }

static void send_signal(struct pair *pair, int to, int signal) {
  if (syscall(SYS_tgkill, getpid(), pair->thread[to], signal)) fail("tgkill");
}
static void take_signal(struct pair *pair, int own) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  if (sigwaitinfo(&set, NULL) != SIGRTMIN) fail("sigwaitinfo");
}
static void give_signal(struct pair *pair, int to) { send_signal(pair, to, SIGRTMIN); }

static void take_handled(struct pair *pair, int own) {
  sigset_t none;
  sigemptyset(&none);
  while (!has_come) sigsuspend(&none);
  has_come = 0;
}
static void give_handled(struct pair *pair, int to) { send_signal(pair, to, SIGUSR1); }

static void make_signal_file(struct pair *pair, int own) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pair->file[own][0] = need("signalfd", signalfd(-1, &set, 0));
  pair->file[own][1] = -1;
}
static void take_signal_file(struct pair *pair, int own) {
  struct signalfd_siginfo information;
  if (read(pair->file[own][0], &information, sizeof information) != sizeof information) fail("read a signal");
}
static void give_signal_file(struct pair *pair, int to) { send_signal(pair, to, SIGUSR2); }

// MARK: time, for which each thread waits alone

static struct timespec moment(void) { return (struct timespec){0, 1 + (long)chance(1UL << chance(18))}; }

static void take_sleep(struct pair *pair, int own) { nanosleep((struct timespec[]){moment()}, NULL); }

static void make_timer(struct pair *pair, int own) {
  pair->file[own][0] = need("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
  pair->file[own][1] = -1;
}
static void take_timer(struct pair *pair, int own) {
  struct itimerspec when = {.it_value = moment()};
  if (timerfd_settime(pair->file[own][0], 0, &when, NULL)) fail("timerfd_settime");
  dawdle();
  take_event(pair, own);
}

static void take_timed_out(struct pair *pair, int own) {
  struct timespec duration = moment();
  if (syscall(SYS_futex, &pair->hall[own], FUTEX_WAIT_PRIVATE, 0, &duration, NULL, 0) != -1 || errno != ETIMEDOUT)
    fail("a futex that times out");
}

static void give_nothing(struct pair *pair, int to) {}

// MARK: the primitives

static const struct primitive {
  const char *name;
  void (*make)(struct pair *, int own);
  void (*take)(struct pair *, int own);
  void (*give)(struct pair *, int to);
  void (*remove)(struct pair *);
  // Both begin at once, without a token.
  bool has_no_token;
  // Only one hand-over of so many: it takes longer, or more.
  int share;
} primitives[] = {
    {"futex", NULL, take_futex, give_futex, NULL, false, 1},
    {"futex bitset, shared", NULL, take_bitset, give_bitset, NULL, false, 1},
    {"futex requeue", NULL, take_requeued, give_requeued, NULL, false, 1},
    {"futex PI", NULL, take_inheriting, give_inheriting, NULL, true, 1},
    {"semaphore", NULL, take_semaphore, give_semaphore, NULL, false, 1},
    {"mutex", NULL, take_mutex, give_mutex, NULL, true, 1},
    {"condition", NULL, take_condition, give_condition, NULL, false, 1},
    {"eventfd", make_counter, take_event, give_event, NULL, false, 1},
    {"pipe", make_pipe, take_byte, give_byte, NULL, false, 1},
    {"socketpair", make_sockets, take_byte, give_byte, NULL, false, 1},
    {"poll", make_pipe, take_poll, give_byte, NULL, false, 1},
    {"epoll", make_level, take_epoll, give_event, NULL, false, 1},
    {"epoll edge", make_edge, take_epoll, give_event, NULL, false, 1},
    {"flock", make_lock, take_lock, give_lock, NULL, true, 1},
    {"semop", make_set, take_set, give_set, remove_set, false, 1},
    {"msgrcv", make_messages, take_message, give_message, remove_messages, false, 1},
    {"sigwaitinfo", NULL, take_signal, give_signal, NULL, false, 1},
    {"sigsuspend", NULL, take_handled, give_handled, NULL, false, 1},
    {"signalfd", make_signal_file, take_signal_file, give_signal_file, NULL, false, 1},
    {"pthread_join", NULL, take_end, give_nothing, NULL, true, 4},
    {"nanosleep", NULL, take_sleep, give_nothing, NULL, true, 4},
    {"timerfd", make_timer, take_timer, give_nothing, NULL, true, 4},
    {"futex timeout", NULL, take_timed_out, give_nothing, NULL, true, 4},
};
