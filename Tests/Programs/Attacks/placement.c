// SPDX-License-Identifier: Apache-2.0
// Memory calls on what is not the program's: the first 64 KiB, and the kernel's window with addresses that are in use.
// None may succeed in mapping there, and the kernel must live on: the program still works after each.
#include "../kernel-addresses.h"

static int attempts, successes;

static void attempt(const char *what, uint64_t address, bool placed) {
  attempts++;
  successes += placed;
  if (placed) printf("%s at %lx succeeded\n", what, address);
  if (getpid() <= 0) puts("the kernel is confused");
}

static void map_at(uint64_t address, size_t size) {
  void *wanted = (void *)address;
  const int flags[] = {MAP_FIXED, MAP_FIXED_NOREPLACE, 0};
  for (int i = 0; i < 3; i++) {
    void *got = mmap(wanted, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | flags[i], -1, 0);
    uint64_t start = (uint64_t)got, end = start + size;
    bool wrong = got != MAP_FAILED && (start < 65536 || (start < 0x500000000000 && end > 0x400000000000));
    attempt("mmap", address, wrong);
    if (got != MAP_FAILED && !wrong) munmap(got, size);
  }
  char *own = map_pages(1, PROT_READ);
  attempt("mremap", address, mremap(own, page_size, size, MREMAP_MAYMOVE | MREMAP_FIXED, wanted) == wanted);
  munmap(own, page_size);
}

static void change(uint64_t address, size_t size) {
  void *memory = (void *)address;
  unsigned char map[64];
  munmap(memory, size);  // Linux answers "fine" where nothing is mapped: what counts is that nothing happens.
  attempt("mprotect", address, mprotect(memory, size, PROT_READ | PROT_WRITE) == 0);
  attempt("madvise", address, madvise(memory, size, MADV_DONTNEED) == 0);
  attempt("mremap from", address, mremap(memory, size, size, MREMAP_MAYMOVE) != MAP_FAILED);
  attempt("msync", address, msync(memory, size, MS_SYNC) == 0);
  attempt("mlock", address, mlock(memory, size) == 0);
  if (size <= 64 * page_size) attempt("mincore", address, mincore(memory, size, map) == 0);
}

int main(void) {
  refuse_to_run_on_linux();
  const uint64_t kernel[] = {
      0x400000000000, 0x400000200000, 0x480000000000, 0x4ffffffff000, kernel_text_address() & ~4095UL,
      interrupt_table_address() & ~4095UL, segment_table_address() & ~4095UL,
  };
  for (uint64_t address = 0; address < 65536; address += page_size) map_at(address, page_size), change(address, page_size);
  for (size_t i = 0; i < sizeof kernel / sizeof *kernel; i++)
    for (size_t size = page_size; size <= 1UL << 44; size <<= 8) map_at(kernel[i], size), change(kernel[i], size);
  // From below and from above across the border, and over everything.
  map_at(0x3ffffffff000, 2 * page_size), change(0x3ffffffff000, 2 * page_size);
  map_at(0x4ffffffff000, 2 * page_size), change(0x4ffffffff000, 2 * page_size);
  map_at(0x3f0000000000, 1UL << 45);
  uint64_t break_now = syscall(SYS_brk, 0);
  check("brk does not reach into the window", (uint64_t)syscall(SYS_brk, 0x480000000000) == break_now);
  check("no mapping succeeded where none may be", successes == 0 && attempts > 100);
  char *page = map_pages(1, PROT_READ | PROT_WRITE);
  page[0] = 1;
  puts("done");
  return finish();
}
