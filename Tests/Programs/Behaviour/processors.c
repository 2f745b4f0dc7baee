// SPDX-License-Identifier: Apache-2.0
// On every processor that there is, the last one first: the wall clock, which may have to be asked for, files that are not
// in memory yet, output, faults, and the processor's own number by each way to learn it.
#include "../support.h"
#include <dirent.h>
#include <sched.h>
#include <time.h>

static bool reads_files(int from) {
  // Another library on every processor.
  static const char *names[] = {"/proc/self/exe", "/proc/self/maps", "/proc/cpuinfo", "/proc/self/status"};
  char bytes[512];
  int file = open(names[from % 4], O_RDONLY);
  bool fine = file >= 0 && read(file, bytes, sizeof bytes) > 0;
  close(file);
  return fine;
}

int main(void) {
  cpu_set_t all, one;
  need("sched_getaffinity", sched_getaffinity(0, sizeof all, &all));
  bool runs = true, tells = true, clock = true, files = true, faults = true;
  time_t last = 0;
  for (int processor = CPU_SETSIZE - 1; processor >= 0; processor--) {
    if (!CPU_ISSET(processor, &all)) continue;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    runs &= sched_setaffinity(0, sizeof one, &one) == 0;
    unsigned number = 12345;
    tells &= syscall(SYS_getcpu, &number, NULL, NULL) == 0 && number == (unsigned)processor;
    tells &= sched_getcpu() == processor;
    struct timespec now;
    clock &= syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0 && now.tv_sec > 1700000000 && now.tv_sec >= last;
    last = now.tv_sec;
    clock &= time(NULL) >= last;
    files &= reads_files(processor);
    volatile char *page = mmap(NULL, 64 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 64; i++) page[i * page_size] = 1;
    faults &= munmap((void *)page, 64 * page_size) == 0;
    struct timespec brief = {0, 2000000};
    nanosleep(&brief, NULL);
    tells &= sched_getcpu() == processor;
  }
  check("runs where it is told to", runs);
  check("knows where", tells);
  check("the wall clock", clock);
  check("files", files);
  check("memory", faults);
  CPU_ZERO(&one);
  errno = 0;
  check("no processor at all is refused", sched_setaffinity(0, sizeof one, &one) == -1 && errno == EINVAL);
  return finish();
}
