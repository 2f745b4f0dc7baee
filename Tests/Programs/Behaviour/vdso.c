// SPDX-License-Identifier: Apache-2.0
// Finds the vDSO's functions by its dynamic symbols, as a C library does, and compares them with the system calls.
#include "../support.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <time.h>

static uintptr_t base;
static const Elf64_Sym *symbols;
static const char *names;
static uint32_t symbol_count;

// The table of DT_GNU_HASH does not say how many symbols there are: it is one more than the last in any chain.
static uint32_t count_of_gnu_hash(const uint32_t *table) {
  uint32_t bucket_count = table[0], first = table[1], filter_words = table[2], last = 0;
  const uint32_t *buckets = table + 4 + filter_words * 2, *chains = buckets + bucket_count;
  for (uint32_t i = 0; i < bucket_count; i++)
    if (buckets[i] > last) last = buckets[i];
  if (last == 0) return first;
  while ((chains[last - first] & 1) == 0) last++;
  return last + 1;
}

static void read_dynamic_section(void) {
  base = getauxval(AT_SYSINFO_EHDR);
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)base;
  const Elf64_Phdr *segments = (const Elf64_Phdr *)(base + header->e_phoff);
  const Elf64_Dyn *dynamic = NULL;
  uintptr_t bias = base;
  for (int i = 0; i < header->e_phnum; i++) {
    if (segments[i].p_type == PT_LOAD && segments[i].p_offset == 0) bias = base - segments[i].p_vaddr;
    if (segments[i].p_type == PT_DYNAMIC) dynamic = (const Elf64_Dyn *)(base + segments[i].p_offset);
  }
  for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
    uintptr_t address = bias + dynamic->d_un.d_ptr;
    switch (dynamic->d_tag) {
      case DT_SYMTAB: symbols = (const Elf64_Sym *)address; break;
      case DT_STRTAB: names = (const char *)address; break;
      case DT_HASH: symbol_count = ((const uint32_t *)address)[1]; break;
      case DT_GNU_HASH:
        if (symbol_count == 0) symbol_count = count_of_gnu_hash((const uint32_t *)address);
        break;
    }
  }
  base = bias;
}

static void *function(const char *name) {
  for (uint32_t i = 0; i < symbol_count; i++)
    if (symbols[i].st_shndx != SHN_UNDEF && strcmp(names + symbols[i].st_name, name) == 0)
      return (void *)(base + symbols[i].st_value);
  printf("%s is missing\n", name);
  exit(1);
}

static int64_t nanoseconds(const struct timespec *time) { return time->tv_sec * 1000000000LL + time->tv_nsec; }

typedef int clock_function(clockid_t, struct timespec *);

static void compare_clock(const char *name, clockid_t clock, clock_function *vdso_gettime) {
  int outside = 0;
  for (int i = 0; i < 1000; i++) {
    struct timespec before, between, after;
    syscall(SYS_clock_gettime, clock, &before);
    vdso_gettime(clock, &between);
    syscall(SYS_clock_gettime, clock, &after);
    outside += nanoseconds(&between) < nanoseconds(&before) || nanoseconds(&between) > nanoseconds(&after);
  }
  printf("%s ", name);
  check("lies between two system calls", outside == 0);
}

int main(void) {
  read_dynamic_section();
  clock_function *vdso_gettime = function("__vdso_clock_gettime"), *vdso_getres = function("__vdso_clock_getres");
  int (*vdso_gettimeofday)(struct timeval *, void *) = function("__vdso_gettimeofday");
  time_t (*vdso_time)(time_t *) = function("__vdso_time");
  long (*vdso_getcpu)(unsigned *, unsigned *, void *) = function("__vdso_getcpu");

  compare_clock("CLOCK_MONOTONIC", CLOCK_MONOTONIC, vdso_gettime);
  compare_clock("CLOCK_BOOTTIME", CLOCK_BOOTTIME, vdso_gettime);
  compare_clock("CLOCK_MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE, vdso_gettime);
  number("an unknown clock", vdso_gettime(99, &(struct timespec){0}));

  struct timespec previous = {0}, now;
  int backwards = 0;
  for (int i = 0; i < 100000; i++) {
    vdso_gettime(CLOCK_MONOTONIC, &now);
    backwards += nanoseconds(&now) < nanoseconds(&previous);
    previous = now;
  }
  check("the monotonic clock never goes backwards", backwards == 0);

  struct timespec resolution[2];
  vdso_getres(CLOCK_MONOTONIC, &resolution[0]);
  syscall(SYS_clock_getres, CLOCK_MONOTONIC, &resolution[1]);
  check("clock_getres is the same", nanoseconds(&resolution[0]) == nanoseconds(&resolution[1]));

  struct timespec real;
  struct timeval of_day;
  time_t stored;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
  number("gettimeofday", vdso_gettimeofday(&of_day, NULL));
  check("gettimeofday is near CLOCK_REALTIME", llabs(of_day.tv_sec - real.tv_sec) < 60 && of_day.tv_usec < 1000000);
  check("time is near CLOCK_REALTIME", llabs(vdso_time(&stored) - real.tv_sec) < 60);
  check("time stores what it returns", llabs(stored - real.tv_sec) < 60);
  check("the year is between 2024 and 2100", real.tv_sec > 1704067200 && real.tv_sec < 4102444800);

  unsigned processor = 1 << 20, node = 1 << 20;
  number("getcpu", vdso_getcpu(&processor, &node, NULL));
  check("getcpu names a processor and a node", processor < 4096 && node < 1024);
  return finish();
}
