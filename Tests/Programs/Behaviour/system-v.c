// SPDX-License-Identifier: Apache-2.0
// System V shared memory, semaphores and message queues, as one process sees them.
#include "../support.h"
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <time.h>

static void say(const char *what, long result) {
  if (result != -1) printf("%s: %s\n", what, "fine");
  else if (errno == EIDRM) printf("%s: EIDRM\n", what);
  else if (errno == ENOMSG) printf("%s: ENOMSG\n", what);
  else outcome(what, result);
}

static void rest(int milliseconds) {
  struct timespec time = {0, milliseconds * 1000000L};
  nanosleep(&time, NULL);
}

// Raw calls: the libraries differ in what they do to a command.
static long shmctl_of(int id, int command, void *buffer) { return syscall(SYS_shmctl, id, command, buffer); }
static long semctl_of(int id, int index, int command, long argument) { return syscall(SYS_semctl, id, index, command, argument); }
static long msgctl_of(int id, int command, void *buffer) { return syscall(SYS_msgctl, id, command, buffer); }

// A key that nobody else on the host is likely to have.
static key_t a_key(int number) { return (key_t)((getpid() * 2654435761u & 0x3fffffff) | 0x40000000) + number; }

// MARK: shared memory

static void segments(void) {
  key_t key = a_key(1);
  say("no such segment", shmget(key, 4096, 0600));
  int id = shmget(key, 10000, IPC_CREAT | IPC_EXCL | 0600);
  say("a new one", id);
  say("once more", shmget(key, 10000, IPC_CREAT | IPC_EXCL | 0600));
  check("the same", shmget(key, 5000, IPC_CREAT | 0600) == id);
  say("too large", shmget(key, 10001, 0600));
  say("nothing", shmget(IPC_PRIVATE, 0, 0600));
  say("too much", shmget(IPC_PRIVATE, (size_t)1 << 50, 0600));
  int private = shmget(IPC_PRIVATE, 4096, 0600);
  int other = shmget(IPC_PRIVATE, 4096, 0600);
  check("a private one is another", private != other && private != id);
  say("remove", shmctl_of(other, IPC_RMID, NULL));
  struct shmid_ds status;
  say("status", shmctl_of(id, IPC_STAT, &status));
  printf("size %zu, %ld attached, mode %o\n", status.shm_segsz, (long)status.shm_nattch, status.shm_perm.mode);
  check("key and owner", status.shm_perm.uid == geteuid() && status.shm_perm.cgid == getegid() && status.shm_cpid == getpid());

  char *one = shmat(id, NULL, 0), *two = shmat(id, NULL, SHM_RDONLY);
  check("attached twice", one != (void *)-1 && two != (void *)-1 && one != two);
  check("zero", all_bytes(one, 12288, 0));
  strcpy(one + 9000, "hello");
  check("the same memory", strcmp(two + 9000, "hello") == 0);
  shmctl_of(id, IPC_STAT, &status);
  check("two, and when", status.shm_nattch == 2 && status.shm_lpid == getpid() && status.shm_atime > 0 && status.shm_dtime == 0);
  say("at an odd address", (long)shmat(id, one + 1, 0));
  say("where something is", (long)shmat(id, one, 0));
  check("there all the same", shmat(id, one + 5, SHM_REMAP | SHM_RND) == one);
  check("it is the same", strcmp(one + 9000, "hello") == 0);
  say("in place of nothing", (long)shmat(id, NULL, SHM_REMAP));
  say("of none", (long)shmat(12345678, NULL, 0));
  need("munmap", munmap(two, page_size));
  say("detach what is left", shmdt(two));
  say("again", shmdt(two));
  say("in the middle", shmdt(one + page_size));
  say("at an odd address", shmdt(one + 1));
  say("remove", shmctl_of(id, IPC_RMID, NULL));
  say("its key", shmget(key, 1, 0600));
  shmctl_of(id, IPC_STAT, &status);
  printf("still there: %ld attached, mode %o, key %d\n", (long)status.shm_nattch, status.shm_perm.mode, status.shm_perm.__key);
  check("and usable", strcmp(one + 9000, "hello") == 0);
  say("detach the last one", shmdt(one));
  say("gone", shmctl_of(id, IPC_STAT, &status));

  one = shmat(private, NULL, 0);
  status.shm_perm.mode = 0400;
  status.shm_perm.uid = geteuid();
  status.shm_perm.gid = getegid();
  say("set", shmctl_of(private, IPC_SET, &status));
  say("lock", shmctl_of(private, SHM_LOCK, NULL));
  shmctl_of(private, IPC_STAT, &status);
  printf("mode %o\n", status.shm_perm.mode);
  say("unlock", shmctl_of(private, SHM_UNLOCK, NULL));
  say("a command that is none", shmctl_of(private, 99, NULL));
  say("nowhere to write to", shmctl_of(private, IPC_STAT, (void *)8));
  say("remove", shmctl_of(private, IPC_RMID, NULL));
  need("munmap", munmap(one, page_size));
  say("gone with its mapping", shmctl_of(private, IPC_STAT, &status));
}

// MARK: semaphores

static int set;
static long operate(int index, int change, int flags) {
  struct sembuf operation = {(unsigned short)index, (short)change, (short)flags};
  return syscall(SYS_semop, set, &operation, 1);
}

static void *take_two(void *argument) {
  struct sembuf both[] = {{0, -1, 0}, {1, -2, 0}};
  say("both at once", syscall(SYS_semop, set, both, 2));
  return argument;
}

static void *wait_for_zero(void *argument) {
  say("zero", operate(2, 0, 0));
  return argument;
}

static void *wait_in_vain(void *argument) {
  say("what waits for what is removed", operate(1, -1, 0));
  return argument;
}

static void *wait_for_signal(void *argument) {
  say("interrupted, and not made again", operate(1, -1, 0));
  return argument;
}

static void ignore(int signal) { (void)signal; }

static void say_values(const char *what) {
  unsigned short values[3] = {0};
  semctl_of(set, 0, GETALL, (long)values);
  printf("%s: %u %u %u\n", what, values[0], values[1], values[2]);
}

static void semaphores(void) {
  key_t key = a_key(2);
  say("no such set", semget(key, 1, 0600));
  say("an empty one", semget(IPC_PRIVATE, 0, 0600));
  say("too many", semget(IPC_PRIVATE, 32001, 0600));
  set = semget(key, 3, IPC_CREAT | 0600);
  say("three", set);
  check("the same", semget(key, 0, 0) == set && semget(key, 3, 0) == set);
  say("four of three", semget(key, 4, 0));
  say_values("all zero");
  unsigned short values[] = {5, 0, 7};
  say("set all", semctl_of(set, 0, SETALL, (long)values));
  say_values("set");
  say("set one", semctl_of(set, 1, SETVAL, 1));
  say("too much", semctl_of(set, 1, SETVAL, 32768));
  say("less than nothing", semctl_of(set, 1, SETVAL, -1));
  say("the fourth", semctl_of(set, 3, SETVAL, 1));
  number("one", semctl_of(set, 1, GETVAL, 0));
  check("by whom", semctl_of(set, 1, GETPID, 0) == getpid());
  say("take and give back at the end", operate(0, -2, SEM_UNDO));
  say("too many", operate(0, -4, IPC_NOWAIT));
  say("not zero", operate(0, 0, IPC_NOWAIT));
  say("too high", operate(0, 32767, 0));
  say("the fourth", operate(3, 1, 0));
  say("no operation", syscall(SYS_semop, set, NULL, 0));
  say("too many operations", syscall(SYS_semop, set, NULL, 501));
  say("from nowhere", syscall(SYS_semop, set, 8, 1));
  struct sembuf partly[] = {{0, -1, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}, {2, -8, IPC_NOWAIT}};
  say("one of three cannot", syscall(SYS_semop, set, partly, 3));
  say_values("nothing was done");
  struct timespec time = {0, 20000000};
  struct sembuf down = {1, -3, 0};
  say("too late", syscall(SYS_semtimedop, set, &down, 1, &time));

  pthread_t one, two;
  pthread_create(&one, NULL, take_two, NULL);
  pthread_create(&two, NULL, wait_for_zero, NULL);
  rest(50);
  printf("waiting: %ld %ld %ld\n", semctl_of(set, 0, GETNCNT, 0), semctl_of(set, 1, GETNCNT, 0), semctl_of(set, 2, GETZCNT, 0));
  operate(1, 1, 0);
  pthread_join(one, NULL);
  semctl_of(set, 2, SETVAL, 0);
  pthread_join(two, NULL);
  say_values("left");
  printf("waiting: %ld %ld %ld\n", semctl_of(set, 0, GETNCNT, 0), semctl_of(set, 1, GETNCNT, 0), semctl_of(set, 2, GETZCNT, 0));
  struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  pthread_create(&one, NULL, wait_for_signal, NULL);
  rest(50);
  pthread_kill(one, SIGUSR1);
  pthread_join(one, NULL);
  struct semid_ds status;
  say("status", semctl_of(set, 0, IPC_STAT, (long)&status));
  check("number and times", status.sem_nsems == 3 && status.sem_otime > 0 && status.sem_ctime > 0);
  pthread_create(&one, NULL, wait_in_vain, NULL);
  rest(50);
  long removed = semctl_of(set, 0, IPC_RMID, 0);
  pthread_join(one, NULL);
  say("remove", removed);
  say("gone", operate(0, 1, 0));
  say("its key", semget(key, 0, 0));
}

// MARK: messages

static int queue;
struct message {
  long type;
  char text[100];
};

static long put(long type, const char *text) {
  struct message message = {.type = type};
  strcpy(message.text, text);
  return syscall(SYS_msgsnd, queue, &message, strlen(text), IPC_NOWAIT);
}

static void get(const char *what, long type, size_t size, int flags) {
  struct message message = {0};
  long result = syscall(SYS_msgrcv, queue, &message, size, type, flags | IPC_NOWAIT);
  if (result == -1) say(what, result);
  else printf("%s: %ld of type %ld: %.*s\n", what, result, message.type, (int)result, message.text);
}

static void *receive(void *argument) {
  struct message message = {0};
  long result = syscall(SYS_msgrcv, queue, &message, sizeof message.text, 9, 0);
  if (result == -1) say("received", result);
  else printf("received: %ld %s\n", result, message.text);
  return argument;
}

static void *fill(void *argument) {
  static struct { long type; char text[8192]; } large = {1, {0}};
  long failed = 0;
  for (int i = 0; i < 3; i++) failed |= syscall(SYS_msgsnd, queue, &large, sizeof large.text, 0);
  *(long *)argument = failed;
  return NULL;
}

static void messages(void) {
  key_t key = a_key(3);
  say("no such queue", msgget(key, 0600));
  queue = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
  say("a new one", queue);
  say("once more", msgget(key, IPC_CREAT | IPC_EXCL | 0600));
  get("nothing there", 0, 100, 0);
  say("type 0", put(0, "x"));
  say("send", put(3, "three"));
  put(1, "one");
  put(2, "two");
  put(2, "two again");
  put(5, "");
  get("the lowest up to 2", -2, 100, 0);
  get("of type 2", 2, 100, 0);
  get("too long", 2, 3, 0);
  get("cut", 2, 3, MSG_NOERROR);
  get("of type 7", 7, 100, 0);
  get("not of type 3", 3, 100, MSG_EXCEPT);
  get("any", 0, 100, 0);
  get("none is left", 0, 100, 0);
  struct message message = {1, ""};
  say("too large", syscall(SYS_msgsnd, queue, &message, 8193, 0));
  say("from nowhere", syscall(SYS_msgsnd, queue, 8, 1, 0));
  pthread_t thread;
  pthread_create(&thread, NULL, receive, NULL);
  rest(50);
  put(8, "not this one");
  rest(20);
  put(9, "this one");
  pthread_join(thread, NULL);
  get("any", 0, 100, 0);
  struct msqid_ds status;
  say("status", msgctl_of(queue, IPC_STAT, &status));
  printf("%ld messages, %ld bytes of %ld\n", (long)status.msg_qnum, (long)status.__msg_cbytes, (long)status.msg_qbytes);
  check("by whom and when", status.msg_lspid == getpid() && status.msg_lrpid == getpid() && status.msg_stime > 0 && status.msg_rtime > 0);
  long failed = -1;
  pthread_create(&thread, NULL, fill, &failed);
  rest(50);
  msgctl_of(queue, IPC_STAT, &status);
  printf("%ld messages, %ld bytes\n", (long)status.msg_qnum, (long)status.__msg_cbytes);
  get("make room", 0, 10, MSG_NOERROR);
  pthread_join(thread, NULL);
  check("all three large ones were sent", failed == 0);
  status.msg_qbytes = 100;
  say("a smaller queue", msgctl_of(queue, IPC_SET, &status));
  say("is full", put(1, "x"));
  pthread_create(&thread, NULL, receive, NULL);
  rest(50);
  long removed = msgctl_of(queue, IPC_RMID, NULL);
  pthread_join(thread, NULL);
  say("remove", removed);
  say("gone", put(1, "x"));
}

// MARK: other users

static void as_a_user(void) {
  int own = semget(IPC_PRIVATE, 1, 0600), readable = shmget(IPC_PRIVATE, 4096, 0604);
  int named = shmget(a_key(4), 4096, IPC_CREAT | 0600);
  need("setresgid", syscall(SYS_setresgid, 1000, 1000, 0));
  need("setresuid", syscall(SYS_setresuid, 1000, 1000, 0));
  set = own;
  say("another's semaphore", operate(0, 1, 0));
  say("its value", semctl_of(own, 0, GETVAL, 0));
  say("its end", semctl_of(own, 0, IPC_RMID, 0));
  say("what may be read, to be written", (long)shmat(readable, NULL, 0));
  char *memory = shmat(readable, NULL, SHM_RDONLY);
  say("to be read", (long)memory);
  say("made writable", mprotect(memory, page_size, PROT_READ | PROT_WRITE));
  say("by its key", shmget(a_key(4), 4096, 0400));
  need("setresuid", syscall(SYS_setresuid, 0, 0, 0));
  say("remove", semctl_of(own, 0, IPC_RMID, 0));
  say("remove", shmctl_of(readable, IPC_RMID, NULL));
  say("remove", shmctl_of(named, IPC_RMID, NULL));
}

int main(void) {
  segments();
  semaphores();
  messages();
  if (geteuid() == 0) as_a_user();
  return finish();
}
