// SPDX-License-Identifier: Apache-2.0
// Numbers near the ends of their ranges in every kind of argument: each is an error or a small result, on any Linux.
#include "../support.h"
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

static const uint64_t top = 1UL << 63, all = ~0UL;
static char buffer[page_size];

static void call(const char *what, long system_call, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
  number(what, syscall(system_call, a, b, c, d, e, 0L));
}
#define CALL(name, a, b, c, d, e) \
  call(#name "(" #a ", " #b ", " #c ", " #d ")", SYS_##name, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), e)

static void transfers(int file) {
  CALL(pread64, file, buffer, 10, all, 0);
  CALL(pread64, file, buffer, 10, top, 0);
  CALL(pread64, file, buffer, 10, top - 1, 0);
  CALL(pwrite64, file, buffer, 10, all, 0);
  CALL(pwrite64, file, buffer, 10, top - 5, 0);
  CALL(pwrite64, file, buffer, 10, top - 1, 0);
  CALL(read, file, buffer, all, 0, 0);
  CALL(read, file, buffer, top, 0, 0);
  CALL(write, file, buffer, all, 0, 0);
  CALL(write, file, buffer, top, 0, 0);
  CALL(lseek, file, top, SEEK_SET, 0, 0);
  CALL(lseek, file, 1, SEEK_SET, 0, 0);
  CALL(lseek, file, top - 1, SEEK_CUR, 0, 0);
  CALL(lseek, file, top, SEEK_CUR, 0, 0);
  CALL(lseek, file, top - 1, SEEK_END, 0, 0);
  CALL(lseek, file, 0, SEEK_SET, 0, 0);
  CALL(ftruncate, file, top, 0, 0, 0);
  CALL(ftruncate, file, all, 0, 0, 0);
  CALL(fallocate, file, 0, top - 1, 2, 0);
  CALL(fallocate, file, 0, top, 1, 0);
  CALL(fallocate, file, 0, 0, 0, 0);
  CALL(fallocate, file, 0, 1, all, 0);
  struct iovec huge[3] = {{buffer, top - 1}, {buffer, top - 1}, {buffer, 2}}, negative = {buffer, all};
  CALL(readv, file, huge, 3, 0, 0);
  CALL(writev, file, huge, 3, 0, 0);
  struct iovec both[2] = {{(void *)top, 1}, {buffer, all}};
  CALL(readv, file, both, 2, 0, 0);
  CALL(readv, file, &negative, 1, 0, 0);
  CALL(writev, file, &negative, 1, 0, 0);
  CALL(readv, file, huge, 1025, 0, 0);
  CALL(readv, file, huge, all, 0, 0);
  CALL(readv, file, huge, 1UL << 31, 0, 0);
  CALL(sendfile, file, file, &(off_t){-1}, 10, 0);
  CALL(copy_file_range, file, &(off_t){-1}, file, &(off_t){0}, 10);
  CALL(copy_file_range, file, &(off_t){-1000}, file, &(off_t){0}, 10);
  CALL(copy_file_range, file, &(off_t){1}, file, &(off_t){0}, all);
  CALL(copy_file_range, file, &(off_t){0}, file, &(off_t){10}, top);
}

static void memory(void) {
  char *page = map_pages(2, PROT_READ | PROT_WRITE);
  CALL(mmap, 0, top, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, all);
  CALL(mmap, 0, all - 4094, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, all);
  CALL(mmap, all << 12, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, all);
  CALL(munmap, page, all << 12, 0, 0, 0);
  CALL(munmap, all << 12, 4096, 0, 0, 0);
  CALL(munmap, page, all, 0, 0, 0);
  CALL(mprotect, page, all << 12, PROT_READ, 0, 0);
  CALL(mprotect, page, all, PROT_READ, 0, 0);
  CALL(mprotect, all << 12, 4096, PROT_READ, 0, 0);
  CALL(madvise, page, all << 12, MADV_DONTNEED, 0, 0);
  CALL(madvise, page, all, MADV_DONTNEED, 0, 0);
  CALL(mremap, page, 4096, all << 12, MREMAP_MAYMOVE, 0);
  CALL(mremap, page, all << 12, 4096, MREMAP_MAYMOVE, 0);
  CALL(mremap, page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, all << 12);
  CALL(mincore, page, all << 12, buffer, 0, 0);
  CALL(mincore, page, all, buffer, 0, 0);
  CALL(msync, page, all << 12, MS_SYNC, 0, 0);
  CALL(mlock, all << 12, 8192, 0, 0, 0);
  CALL(mlock, page, all, 0, 0, 0);
  check("the page is still there", page[0] == 0 && (page[1] = 1));
}

static void descriptors(int file) {
  CALL(dup2, 1, 1UL << 30, 0, 0, 0);
  CALL(dup2, 1, all, 0, 0, 0);
  CALL(dup2, 1, 0x7fffffff, 0, 0, 0);
  CALL(dup3, 1, 50, all, 0, 0);
  CALL(fcntl, file, F_DUPFD, top, 0, 0);
  CALL(fcntl, file, F_DUPFD, 0x7fffffff, 0, 0);
  CALL(close, all, 0, 0, 0, 0);
  CALL(close, 0x7fffffff, 0, 0, 0, 0);
  CALL(poll, buffer, all, 0, 0, 0);
  CALL(poll, buffer, 1UL << 31, 0, 0, 0);
  CALL(select, all, 0, 0, 0, 0);
  CALL(getdents64, file, buffer, all, 0, 0);
  CALL(getcwd, buffer, 0, 0, 0, 0);
  CALL(readlink, "link", buffer, all, 0, 0);
  CALL(readlink, "link", buffer, 0, 0, 0);
  CALL(readlink, "link", buffer, 1UL << 31, 0, 0);
}

static void times_and_signals(void) {
  struct timespec far = {1, 2000000000}, negative = {-1, 0}, least = {(long)top, 0};
  CALL(nanosleep, &far, 0, 0, 0, 0);
  CALL(nanosleep, &negative, 0, 0, 0, 0);
  CALL(nanosleep, &least, 0, 0, 0, 0);
  CALL(clock_gettime, 1UL << 31, buffer, 0, 0, 0);
  CALL(clock_gettime, 12345, buffer, 0, 0, 0);
  CALL(clock_getres, top - 1, buffer, 0, 0, 0);
  CALL(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &least, 0, 0);
  CALL(setitimer, ITIMER_REAL, (&(struct itimerval){{0, 0}, {-1, 0}}), 0, 0, 0);
  CALL(setitimer, 99, (&(struct itimerval){{0, 0}, {0, 0}}), 0, 0, 0);
  CALL(rt_sigaction, all, 0, buffer, 8, 0);
  CALL(rt_sigaction, SIGUSR1, 0, buffer, all, 0);
  CALL(rt_sigprocmask, all, buffer, 0, 8, 0);
  CALL(rt_sigprocmask, SIG_BLOCK, buffer, 0, 1UL << 32, 0);
  CALL(rt_sigtimedwait, buffer, 0, &negative, 8, 0);
  CALL(kill, 0x7fffffff, 0, 0, 0, 0);
  CALL(tgkill, all, all, 0, 0, 0);
  CALL(utimensat, AT_FDCWD, "file", ((struct timespec[]){{0, -1}, {0, 0}}), 0, 0);
}

static void others(void) {
  CALL(getrandom, buffer, 10, all, 0, 0);
  CALL(getgroups, all, buffer, 0, 0, 0);
  CALL(getgroups, top, buffer, 0, 0, 0);
  CALL(sched_getaffinity, 0, 0, buffer, 0, 0);
  CALL(sched_getaffinity, 0, all, buffer, 0, 0);
  CALL(getrlimit, all, buffer, 0, 0, 0);
  CALL(prlimit64, 0, all, 0, buffer, 0);
  CALL(getrusage, 12345, buffer, 0, 0, 0);
  CALL(umask, 022, 0, 0, 0, 0);
  CALL(openat, AT_FDCWD, "file", all, all, 0);
  CALL(pipe2, buffer, all, 0, 0, 0);
  CALL(memfd_create, "name", all, 0, 0, 0);
  CALL(access, "file", all, 0, 0, 0);
  CALL(faccessat, AT_FDCWD, "file", 1UL << 31, 0, 0);
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  create_file("file", "ten bytes!");
  symlink("target", "link");
  int file = open("file", O_RDWR);
  transfers(file);
  memory();
  descriptors(file);
  times_and_signals();
  others();
  return finish();
}
