// SPDX-License-Identifier: Apache-2.0
// What a program is refused beyond its limits, and what it cannot do to the file that it runs from.
#include "../support.h"
#include <signal.h>
#include <sys/resource.h>

static volatile sig_atomic_t signals;
static void count(int signal) { (void)signal, signals++; }

static void limit(int resource, rlim_t value) {
  struct rlimit now;
  getrlimit(resource, &now);
  now.rlim_cur = value;
  need("setrlimit", setrlimit(resource, &now));
}

static void file_size(void) {
  static char bytes[3 * page_size];
  signal(SIGXFSZ, count);
  limit(RLIMIT_FSIZE, 2 * page_size);
  int file = need("open", open("limited", O_CREAT | O_RDWR | O_TRUNC, 0644));
  number("write up to the limit", write(file, bytes, sizeof bytes));
  number("signals", signals);
  number("write behind it", write(file, bytes, 1));
  number("signals", signals);
  number("write before it", pwrite(file, bytes, 10, 100));
  outcome("truncate behind it", ftruncate(file, 2 * page_size + 1));
  outcome("allocate behind it", fallocate(file, 0, page_size, 2 * page_size));
  number("signals", signals);
  outcome("truncate before it", ftruncate(file, page_size));
  limit(RLIMIT_FSIZE, RLIM_INFINITY);
  number("write without a limit", pwrite(file, bytes, sizeof bytes, 2 * page_size));
}

static void address_space(void) {
  const size_t size = 4UL << 30;
  limit(RLIMIT_AS, 1UL << 30);
  void *area = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  outcome("map beyond the limit", area == MAP_FAILED ? -1 : 0);
  area = mmap(NULL, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  outcome("map a page", area == MAP_FAILED ? -1 : 0);
  limit(RLIMIT_AS, RLIM_INFINITY);
  area = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  outcome("map without a limit", area == MAP_FAILED ? -1 : 0);
}

static void own_file(void) {
  outcome("write to the file that runs", open("/proc/self/exe", O_WRONLY));
  outcome("empty it", open("/proc/self/exe", O_RDONLY | O_TRUNC));
  outcome("cut it", truncate("/proc/self/exe", 100));
  outcome("read it", open("/proc/self/exe", O_RDONLY));
}

static void segment_bases(void) {
  const unsigned long bases[] = {0x800000000000, 0x7fffffffffff + 0x1000UL, 1UL << 63, -1UL};
  for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) outcome("a GS base too high", syscall(158, 0x1001, bases[i]));
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  file_size();
  address_space();
  own_file();
  segment_bases();
  return finish();
}
