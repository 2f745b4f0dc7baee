// SPDX-License-Identifier: Apache-2.0
// Who and where the program is: names, identities, limits, times and the small calls that every C library makes.
#include "../support.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

static void names(void) {
  struct utsname name;
  uname(&name);
  printf("system %s, machine %s\n", name.sysname, name.machine);
  check("the release is 5 or later", atoi(name.release) >= 5);
  char text[16] = {0};
  prctl(PR_GET_NAME, text);
  printf("the thread's name is %s\n", text);
  outcome("set it", prctl(PR_SET_NAME, "a name that is too long"));
  prctl(PR_GET_NAME, text);
  printf("now it is %s\n", text);
  outcome("an unknown prctl", prctl(0x12345));
  check("personality is Linux", syscall(SYS_personality, 0xffffffff) == 0);
}

static void identities(void) {
  check("pid", getpid() > 0);
  check("the thread is the process", syscall(SYS_gettid) == getpid());
  check("set_tid_address tells the thread", syscall(SYS_set_tid_address, &(int){0}) == getpid());
  check("effective is real", getuid() == geteuid() && getgid() == getegid());
  uid_t real, effective, saved;
  outcome("getresuid", getresuid(&real, &effective, &saved));
  check("saved is real", real == saved && real == effective);
  check("getgroups", getgroups(0, NULL) >= 0);
  check("sessions and groups", getsid(0) >= 0 && getpgid(0) >= 0 && getppid() >= 0);
  outcome("setuid to itself", setuid(getuid()));
}

static void limits(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_STACK, &limit);
  check("the stack may have a megabyte at least", limit.rlim_cur >= 1 << 20);
  getrlimit(RLIMIT_NOFILE, &limit);
  check("256 files may be open at least", limit.rlim_cur >= 256 && limit.rlim_max >= limit.rlim_cur);
  outcome("an unknown limit", getrlimit(99, &limit));
  outcome("prlimit of myself", syscall(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit));
  limit = (struct rlimit){10, 5};
  outcome("a soft limit above the hard one", setrlimit(RLIMIT_CORE, &limit));
  outcome("no core files", setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}));
  outcome("the priority", setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0)));
}

static void times_and_usage(void) {
  struct sysinfo information;
  outcome("sysinfo", sysinfo(&information));
  check("there is memory", information.totalram * information.mem_unit > 16 << 20);
  check("some is free", information.freeram <= information.totalram);
  struct tms used;
  check("times", times(&used) != -1 && used.tms_utime >= 0);
  struct rusage usage;
  outcome("getrusage", getrusage(RUSAGE_SELF, &usage));
  check("the largest resident size is some KiB", usage.ru_maxrss > 20);
  outcome("getrusage of nobody", getrusage(99, &usage));
  struct timespec processor_time[2];
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &processor_time[0]);
  for (volatile int i = 0; i < 10000000; i++) {}
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &processor_time[1]);
  check("work takes processor time", processor_time[1].tv_sec > processor_time[0].tv_sec ||
                                         processor_time[1].tv_nsec > processor_time[0].tv_nsec);
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  outcome("sleep 30 ms", nanosleep(&(struct timespec){0, 30000000}, NULL));
  clock_gettime(CLOCK_MONOTONIC, &after);
  check("it took 30 ms at least", (after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec >= 30000000);
  outcome("sleep a negative time", nanosleep(&(struct timespec){-1, 0}, NULL));
  outcome("sleep a billion nanoseconds", nanosleep(&(struct timespec){0, 1000000000}, NULL));
  number("sleep until the past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &before, NULL));
}

static void scheduling(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  check("the affinity names a processor", syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0 && CPU_COUNT(&set) >= 1);
  outcome("an affinity of 1 byte", syscall(SYS_sched_getaffinity, 0, 1, &set));
  number("the policy", syscall(SYS_sched_getscheduler, 0));
  outcome("yield", sched_yield());
}

static void randomness(void) {
  unsigned char first[64] = {0}, second[64] = {0};
  number("getrandom", syscall(SYS_getrandom, first, 64, 0));
  number("getrandom without blocking", syscall(SYS_getrandom, second, 64, 1));
  check("they differ", memcmp(first, second, 64) != 0);
  outcome("getrandom with unknown flags", syscall(SYS_getrandom, first, 64, 0x100));
  outcome("getrandom into nowhere", syscall(SYS_getrandom, 8, 64, 0));
  static unsigned char many[1 << 20];
  unsigned counts[256] = {0};
  for (int i = 0; i < 1 << 20; i += 1 << 18) syscall(SYS_getrandom, many + i, 1 << 18, 0);
  for (int i = 0; i < 1 << 20; i++) counts[many[i]]++;
  bool even = true;  // 4096 of each are expected; 512 more or less is 8 standard deviations.
  for (int i = 0; i < 256; i++) even = even && counts[i] > 3584 && counts[i] < 4608;
  check("a megabyte has every byte as often", even);
}

int main(void) {
  names();
  identities();
  limits();
  times_and_usage();
  scheduling();
  randomness();
  outcome("a system call that does not exist", syscall(9999));
  outcome("system call -1", syscall(-1));
  outcome("system call 2^32", syscall(1L << 32 | 9998));
  return finish();
}
