// SPDX-License-Identifier: Apache-2.0
// What niceness and the policies of scheduling do. All threads are on one processor, so that one decides whose turn it is.
#include "../support.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

// As in linux/futex.h, which musl's compiler does not find.
enum {
  FUTEX_WAIT = 0,
  FUTEX_WAKE = 1,
  FUTEX_LOCK_PI = 6,
  FUTEX_UNLOCK_PI = 7,
  FUTEX_WAIT_REQUEUE_PI = 11,
  FUTEX_CMP_REQUEUE_PI = 12,
  FUTEX_PRIVATE_FLAG = 128,
  FUTEX_TID_MASK = 0x3fffffff,
};

static long policy_of(int policy, int priority) {
  struct sched_param parameter = {.sched_priority = priority};
  // Not the library's function, which musl leaves out.
  return syscall(SYS_sched_setscheduler, 0, policy, &parameter);
}

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void rest(int milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  nanosleep(&time, NULL);
}

static pthread_t thread(void *(*body)(void *), long argument) {
  pthread_t result;
  need("pthread_create", pthread_create(&result, NULL, body, (void *)argument) == 0 ? 0 : -1);
  return result;
}

// Who was there, in this order.
static char order[64];
static void note(const char *name) { strcat(order, name); }
static void say_order(const char *what) {
  printf("%s:%s\n", what, order);
  order[0] = 0;
}

struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
  uint64_t more;
};

static void calls(void) {
  struct sched_param none = {0}, one = {1}, many = {100};
  number("highest of FIFO", syscall(SYS_sched_get_priority_max, SCHED_FIFO));
  number("lowest of RR", syscall(SYS_sched_get_priority_min, SCHED_RR));
  number("highest of BATCH", syscall(SYS_sched_get_priority_max, SCHED_BATCH));
  number("highest of a policy that is none", syscall(SYS_sched_get_priority_max, 77));
  outcome("FIFO without a priority", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &none));
  outcome("FIFO with too much", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &many));
  outcome("OTHER with a priority", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &one));
  outcome("a policy that is none", syscall(SYS_sched_setscheduler, 0, 77, &none));
  outcome("a negative policy", syscall(SYS_sched_setscheduler, 0, -1, &none));
  outcome("no parameters", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, NULL));
  outcome("a thread that is none", syscall(SYS_sched_setscheduler, 4000000, SCHED_FIFO, &one));
  outcome("a negative thread", syscall(SYS_sched_setscheduler, -1, SCHED_FIFO, &one));
  outcome("RR, reset in children", syscall(SYS_sched_setscheduler, 0, SCHED_RR | 0x40000000, &one));
  number("policy and flag", syscall(SYS_sched_getscheduler, 0));
  struct timespec slice;
  syscall(SYS_sched_rr_get_interval, 0, &slice);
  printf("its slice: %ld s %ld ns\n", (long)slice.tv_sec, slice.tv_nsec);
  struct attributes got = {.size = 1};
  outcome("its attributes", syscall(SYS_sched_getattr, 0, &got, 48, 0));
  printf("%u: policy %u flags %lu nice %d priority %u\n", got.size, got.policy, (unsigned long)got.flags, got.nice, got.priority);
  outcome("too little room", syscall(SYS_sched_getattr, 0, &got, 47, 0));
  outcome("unknown flags", syscall(SYS_sched_getattr, 0, &got, 48, 1));
  policy_of(SCHED_FIFO, 7);
  syscall(SYS_sched_rr_get_interval, 0, &slice);
  printf("a slice of FIFO: %ld s %ld ns\n", (long)slice.tv_sec, slice.tv_nsec);
  struct attributes wish = {.size = 48, .policy = SCHED_BATCH, .nice = 3};
  outcome("BATCH, a little nice", syscall(SYS_sched_setattr, 0, &wish, 0));
  number("its policy", syscall(SYS_sched_getscheduler, 0));
  number("its niceness", 20 - syscall(SYS_getpriority, PRIO_PROCESS, 0));
  wish.flags = 8, wish.nice = 1;
  outcome("the same policy, other parameters", syscall(SYS_sched_setattr, 0, &wish, 0));
  wish.flags = 1 << 20;
  outcome("unknown flags", syscall(SYS_sched_setattr, 0, &wish, 0));
  wish.flags = 0, wish.size = 20;
  outcome("too small", syscall(SYS_sched_setattr, 0, &wish, 0));
  struct attributes larger = {.size = 56, .more = 0};
  outcome("larger, and nothing in it", syscall(SYS_sched_setattr, 0, &larger, 0));
  outcome("priority of nobody", syscall(SYS_getpriority, PRIO_PROCESS, 4000000));
  outcome("priority of what is not", syscall(SYS_getpriority, 3, 0));
  outcome("very nice", setpriority(PRIO_PROCESS, 0, 100));
  number("at most", getpriority(PRIO_PROCESS, 0));
  outcome("hardly nice", setpriority(PRIO_PROCESS, 0, -100));
  number("at least (19 for the sign)", getpriority(PRIO_PROCESS, 0) + 39);
  outcome("back", setpriority(PRIO_PROCESS, 0, 0));
}

// Priority, niceness, real-time priority and policy, as proc(5) has them.
static void say_status(const char *what) {
  char line[600], *field = line;
  FILE *file = fopen("/proc/self/stat", "r");
  fgets(line, sizeof line, file);
  fclose(file);
  printf("%s:", what);
  for (int number = 1; field; number++) {
    if (number == 18 || number == 19 || number == 40 || number == 41) printf(" %d", atoi(field));
    field = strchr(field, ' ');
    if (field) field++;
  }
  puts("");
}

static void statuses(int processor) {
  policy_of(SCHED_FIFO, 7);
  say_status("FIFO");
  policy_of(SCHED_OTHER, 0);
  setpriority(PRIO_PROCESS, 0, 4);
  say_status("nice");
  setpriority(PRIO_PROCESS, 0, -20);
  say_status("not at all");
  setpriority(PRIO_PROCESS, 0, 0);
  char line[200];
  int listed = -1;
  FILE *file = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, file)) sscanf(line, "Cpus_allowed_list: %d\n", &listed);
  fclose(file);
  check("its processor", listed == processor);
}

// MARK: real time

static void *appear(void *argument) {
  char name[8];
  snprintf(name, sizeof name, " %ld", (long)argument);
  note(name);
  return NULL;
}

static void starts_by_priority(void) {
  policy_of(SCHED_FIFO, 50);
  pthread_t all[3];
  int priorities[] = {10, 30, 20};
  for (int i = 0; i < 3; i++) {
    all[i] = thread(appear, priorities[i]);
    pthread_setschedparam(all[i], SCHED_FIFO, &(struct sched_param){priorities[i]});
  }
  // They run at 50 behind this one until then.
  note(" 50");
  for (int i = 0; i < 3; i++) pthread_join(all[i], NULL);
  say_order("by priority");
}

static sem_t go[4];
static atomic_int stage;

static void *wait_and_appear(void *argument) {
  long priority = (long)argument;
  policy_of(SCHED_FIFO, (int)priority);
  sem_wait(&go[priority / 10]);
  return appear(argument);
}

static void wakes_at_once(void) {
  policy_of(SCHED_FIFO, 20);
  pthread_t high = thread(wait_and_appear, 30), low = thread(wait_and_appear, 10);
  rest(50);
  sem_post(&go[1]);
  note(" (low is awake)");
  sem_post(&go[3]);
  note(" (high is done)");
  pthread_join(high, NULL);
  pthread_join(low, NULL);
  say_order("woken");
}

static void *spin_for(void *argument) {
  double until = seconds(CLOCK_THREAD_CPUTIME_ID) + (double)(long)argument / 1000;
  while (seconds(CLOCK_THREAD_CPUTIME_ID) < until) {}
  return NULL;
}

static void *spin_and_appear(void *argument) {
  spin_for((void *)30);
  return appear(argument);
}

static void *yield_and_appear(void *argument) {
  appear(argument);
  sched_yield();
  return appear(argument);
}

static void equals(void) {
  policy_of(SCHED_FIFO, 20);
  pthread_t all[3];
  for (long i = 0; i < 3; i++) all[i] = thread(spin_and_appear, i);
  for (int i = 0; i < 3; i++) pthread_join(all[i], NULL);
  say_order("one after the other");
  for (long i = 0; i < 3; i++) all[i] = thread(yield_and_appear, i);
  for (int i = 0; i < 3; i++) pthread_join(all[i], NULL);
  say_order("in turns");
}

static double both_began, first_ended;
static void *take_turns(void *argument) {
  (void)argument;
  if (atomic_fetch_add(&stage, 1) == 1) both_began = seconds(CLOCK_MONOTONIC);
  spin_for((void *)220);
  if (atomic_fetch_add(&stage, 1) == 2) first_ended = seconds(CLOCK_MONOTONIC);
  return NULL;
}

static void round_robin(void) {
  policy_of(SCHED_RR, 20);
  stage = 0;
  pthread_t one = thread(take_turns, 0), two = thread(take_turns, 0);
  pthread_join(one, NULL);
  pthread_join(two, NULL);
  check("the second one begins before the first has ended", both_began < first_ended);
}

// MARK: shares

static atomic_bool enough;
static struct worker {
  int policy, niceness;
  double used;
} workers[2];

static void *work(void *argument) {
  struct worker *own = argument;
  policy_of(own->policy, 0);
  syscall(SYS_setpriority, PRIO_PROCESS, 0, own->niceness);
  double began = seconds(CLOCK_THREAD_CPUTIME_ID);
  while (!enough) own->used = seconds(CLOCK_THREAD_CPUTIME_ID) - began;
  return NULL;
}

// How often the first worker's time of an ordinary one goes into that of the second.
static double ratio(int policy, int niceness) {
  // They begin when this one sleeps.
  policy_of(SCHED_FIFO, 50);
  enough = false;
  workers[0] = (struct worker){SCHED_OTHER, 0, 0};
  workers[1] = (struct worker){policy, niceness, 0};
  pthread_t all[2];
  for (int i = 0; i < 2; i++) all[i] = thread(work, (long)&workers[i]);
  rest(1200);
  enough = true;
  for (int i = 0; i < 2; i++) pthread_join(all[i], NULL);
  return workers[0].used / workers[1].used;
}

// Whether it does so often, within these bounds. What others do on the machine may spoil one try, not all.
static void check_ratio(const char *what, int policy, int niceness, double least, double most) {
  bool is_right = false;
  for (int tries = 0; tries < 6 && !is_right; tries++) {
    double found = ratio(policy, niceness);
    is_right = found > least && found < most;
  }
  check(what, is_right);
}

static void shares(void) {
  // 1.25 for each step (sched(7)).
  check_ratio("equal", SCHED_OTHER, 0, 0.75, 1.33);
  check_ratio("five steps nicer: a third", SCHED_OTHER, 5, 2.2, 4.2);
  check_ratio("five steps less nice: three times", SCHED_OTHER, -5, 1 / 4.2, 1 / 2.2);
  check_ratio("BATCH works as well", SCHED_BATCH, 0, 0.75, 1.33);
  check_ratio("IDLE hardly ever runs", SCHED_IDLE, 0, 5, 1e9);
}

// MARK: futexes

static _Atomic uint32_t word, mutex;

static long futex(_Atomic uint32_t *address, int operation, long value, const void *timeout, void *other, long last) {
  return syscall(SYS_futex, address, operation | FUTEX_PRIVATE_FLAG, value, timeout, other, last);
}

static void *wait_for_word(void *argument) {
  policy_of(SCHED_FIFO, (int)(long)argument);
  futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0);
  return appear(argument);
}

static void wakes_by_priority(void) {
  policy_of(SCHED_FIFO, 50);
  pthread_t all[3];
  for (int i = 0; i < 3; i++) all[i] = thread(wait_for_word, i == 0 ? 10 : i == 1 ? 30 : 20);
  rest(50);
  for (int i = 0; i < 3; i++) {
    futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0);
    rest(20);
  }
  for (int i = 0; i < 3; i++) pthread_join(all[i], NULL);
  say_order("the first in rank is the first to wake");
}

static void *lock_and_appear(void *argument) {
  policy_of(SCHED_FIFO, (int)(long)argument);
  futex(&mutex, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  appear(argument);
  futex(&mutex, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  return NULL;
}

static void *hold(void *argument) {
  policy_of(SCHED_FIFO, (int)(long)argument);
  futex(&mutex, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  sem_post(&go[0]);
  spin_for((void *)100);
  note(" (lets go)");
  futex(&mutex, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  return appear(argument);
}

static void *spin_between(void *argument) {
  policy_of(SCHED_FIFO, (int)(long)argument);
  spin_for((void *)150);
  return appear(argument);
}

static void inherits(void) {
  policy_of(SCHED_FIFO, 50);
  pthread_t all[4];
  all[0] = thread(hold, 10);
  sem_wait(&go[0]);
  // Who waits for the mutex lends its priority to who holds it, so that the one between does not keep both waiting.
  all[1] = thread(lock_and_appear, 20);
  all[2] = thread(lock_and_appear, 40);
  rest(10);
  all[3] = thread(spin_between, 30);
  for (int i = 0; i < 4; i++) pthread_join(all[i], NULL);
  say_order("inherited");
  check("free again", mutex == 0);
}

static void *wait_and_lock(void *argument) {
  policy_of(SCHED_FIFO, (int)(long)argument);
  if (futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, (void *)&mutex, 0) != 0) note(" failed");
  appear(argument);
  if ((mutex & FUTEX_TID_MASK) != (uint32_t)syscall(SYS_gettid)) note(" without the mutex");
  futex(&mutex, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  return NULL;
}

static long requeue(int wake, int move, uint32_t value) {
  return futex(&word, FUTEX_CMP_REQUEUE_PI, wake, (void *)(long)move, (void *)&mutex, value);
}

static void condition_variable(void) {
  policy_of(SCHED_FIFO, 50);
  pthread_t all[3];
  for (int i = 0; i < 3; i++) all[i] = thread(wait_and_lock, i == 0 ? 10 : i == 1 ? 30 : 20);
  rest(50);
  outcome("two cannot have the mutex", requeue(2, 5, 0));
  outcome("another value", requeue(1, 5, 1));
  futex(&mutex, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  number("moved to the mutex", requeue(1, 100, 0));
  note(" (has it)");
  futex(&mutex, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  for (int i = 0; i < 3; i++) pthread_join(all[i], NULL);
  say_order("locked");
  all[0] = thread(wait_and_lock, 10);
  rest(20);
  number("the mutex was free", requeue(1, 0, 0));
  pthread_join(all[0], NULL);
  say_order("locked at once");
  number("nobody is there", requeue(1, 0, 0));
  struct timespec past = {1, 0};
  outcome("too late", futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, &past, (void *)&mutex, 0));
  outcome("another value", futex(&word, FUTEX_WAIT_REQUEUE_PI, 1, NULL, (void *)&mutex, 0));
  outcome("to itself", futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, (void *)&word, 0));
  check("free again", mutex == 0);
}

// MARK: users

static void as_a_user(void) {
  policy_of(SCHED_OTHER, 0);
  need("setresuid", syscall(SYS_setresuid, 1000, 1000, 1000));
  outcome("a user: FIFO", policy_of(SCHED_FIFO, 5));
  outcome("RR", policy_of(SCHED_RR, 1));
  outcome("BATCH", policy_of(SCHED_BATCH, 0));
  outcome("back", policy_of(SCHED_OTHER, 0));
  outcome("nicer", setpriority(PRIO_PROCESS, 0, 4));
  outcome("less nice", setpriority(PRIO_PROCESS, 0, 2));
  outcome("as it was", setpriority(PRIO_PROCESS, 0, 0));
  struct attributes wish = {.size = 48, .nice = 1};
  outcome("the same by attributes", syscall(SYS_sched_setattr, 0, &wish, 0));
  outcome("IDLE", policy_of(SCHED_IDLE, 0));
  outcome("and back", policy_of(SCHED_OTHER, 0));
}

int main(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  int processor = sched_getcpu();
  CPU_SET(processor, &one);
  need("sched_setaffinity", sched_setaffinity(0, sizeof one, &one));
  for (int i = 0; i < 4; i++) sem_init(&go[i], 0, 0);
  calls();
  statuses(processor);
  starts_by_priority();
  wakes_at_once();
  equals();
  round_robin();
  shares();
  wakes_by_priority();
  inherits();
  condition_variable();
  as_a_user();
  return finish();
}
