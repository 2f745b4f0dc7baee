// SPDX-License-Identifier: Apache-2.0
// The heap and what is said about memory: brk, malloc under load, madvise, mincore, mlock, and a deep stack.
#include "../faults.h"

static char *program_break(void *wanted) { return (char *)syscall(SYS_brk, wanted); }

static void heap(void) {
  check("there is a heap", program_break(NULL) != NULL);  // Printed first: stdio's own buffer may come from there.
  char *start = program_break(NULL), *end = start + (1 << 20);
  check("brk grows", program_break(end) == end);
  check("new heap is zero", all_bytes(start, 1 << 20, 0));
  memset(start, 'h', 1 << 20);
  check("brk shrinks", program_break(start + 4096) == start + 4096);
  check("brk grows again", program_break(end) == end);
  check("it is zero again", all_bytes(start + 8192, (1 << 20) - 8192, 0));
  check("brk back to its start", program_break(start) == start);
  check("brk below its start is refused", program_break((void *)0x1000) == start);
  check("brk of 2^63 is refused", program_break((void *)(1UL << 63)) == start);
  check("brk of 2^64 - 1 is refused", program_break((void *)-1L) == start);
}

static void allocations(void) {
  enum { slots = 500, rounds = 40000 };
  static unsigned char *blocks[slots];
  static size_t sizes[slots];
  uint64_t state = 42, damaged = 0;
  for (int round = 0; round < rounds; round++) {
    state = state * 6364136223846793005 + 1442695040888963407;
    size_t slot = (state >> 33) % slots, size = 1 + (state >> 40) % (round % 50 == 0 ? 300000 : 3000);
    for (size_t i = 0; i < sizes[slot]; i += 97) damaged += blocks[slot][i] != (unsigned char)slot;
    blocks[slot] = realloc(blocks[slot], size);
    memset(blocks[slot], (int)slot, size);
    sizes[slot] = size;
  }
  check("40000 allocations keep their content", damaged == 0);
  unsigned char *large = NULL;
  for (size_t size = 1 << 16; size <= 32 << 20; size *= 2) {
    large = realloc(large, size);
    memset(large + size / 2, (int)(size >> 16), size / 2);
  }
  check("a block that doubles to 32 MiB keeps its content", large[3 << 16] == 4 && large[(16 << 20) + 1] == 0);
  free(large);
}

static bool resident(char *page) {
  unsigned char result = 0;
  mincore(page, page_size, &result);
  return result & 1;
}

static void advice(void) {
  char *pages = map_pages(8, PROT_READ | PROT_WRITE);
  memset(pages, 'd', 8 * page_size);
  check("a touched page is resident", resident(pages + page_size));
  outcome("MADV_DONTNEED", madvise(pages + 2 * page_size, 2 * page_size, MADV_DONTNEED));
  check("given back, it is not resident", !resident(pages + 2 * page_size));
  check("given back, it is zero", all_bytes(pages + 2 * page_size, 2 * page_size, 0));
  check("its neighbours are intact", pages[2 * page_size - 1] == 'd' && pages[4 * page_size] == 'd');
  outcome("MADV_FREE", madvise(pages, page_size, MADV_FREE));
  outcome("MADV_WILLNEED", madvise(pages, page_size, MADV_WILLNEED));
  outcome("MADV_NORMAL", madvise(pages, page_size, MADV_NORMAL));
  outcome("unknown advice", madvise(pages, page_size, 12345));
  outcome("advice for an unaligned address", madvise(pages + 1, page_size, MADV_DONTNEED));
  outcome("advice of length 2^64 - 1", madvise(pages, SIZE_MAX, MADV_DONTNEED));
  munmap(pages + 5 * page_size, page_size);
  outcome("advice over a hole", madvise(pages, 8 * page_size, MADV_DONTNEED));

  unsigned char map[8];
  outcome("mincore of a hole", mincore(pages + 4 * page_size, 3 * page_size, map));
  outcome("mincore unaligned", mincore(pages + 1, page_size, map));
  outcome("mincore into nowhere", mincore(pages, page_size, (unsigned char *)8));

  char *filled = mmap(NULL, 16 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  bool all = true;
  for (int i = 0; i < 16; i++) all = all && resident(filled + i * page_size);
  check("MAP_POPULATE makes every page resident", all);
}

static void locking(void) {
  char *pages = map_pages(4, PROT_READ | PROT_WRITE);
  outcome("mlock", mlock(pages, 2 * page_size));
  check("a locked page is resident", resident(pages));
  outcome("MADV_DONTNEED of a locked page", madvise(pages, page_size, MADV_DONTNEED));
  outcome("munlock", munlock(pages, 2 * page_size));
  outcome("mlock2 on fault", syscall(SYS_mlock2, pages, page_size, 1));
  outcome("mlock2 with unknown flags", syscall(SYS_mlock2, pages, page_size, 8));
  outcome("munlockall", munlockall());
  munmap(pages, page_size);
  outcome("mlock of a hole", mlock(pages, page_size));
}

static __attribute__((noinline)) int descend(int levels) {
  volatile char frame[10000];
  frame[0] = frame[9999] = (char)levels;
  return levels == 0 ? 0 : descend(levels - 1) + (frame[0] == frame[9999]);
}

int main(void) {
  heap();
  allocations();
  advice();
  locking();
  number("levels of a stack of 6 MiB", descend(600));
  return finish();
}
