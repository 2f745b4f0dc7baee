// SPDX-License-Identifier: Apache-2.0
// mmap, munmap and mprotect of anonymous memory: placement, holes, splitting, reservations and error codes.
#include "../faults.h"

static void mapping(const char *what, void *result) { outcome(what, result == MAP_FAILED ? -1 : 0); }

static void *anonymous(void *address, size_t size, int protection, int flags) {
  return mmap(address, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void placement(void) {
  char *pages = map_pages(8, PROT_READ | PROT_WRITE);
  check("new memory is zero", all_bytes(pages, 8 * page_size, 0));
  memset(pages, 'a', 8 * page_size);
  check("MAP_FIXED replaces at its address",
        anonymous(pages + 2 * page_size, page_size, PROT_READ, MAP_FIXED) == pages + 2 * page_size);
  check("the replaced page is zero", all_bytes(pages + 2 * page_size, page_size, 0));
  check("its neighbours are intact", pages[2 * page_size - 1] == 'a' && pages[3 * page_size] == 'a');
  mapping("MAP_FIXED_NOREPLACE over a mapping", anonymous(pages, page_size, PROT_READ, MAP_FIXED_NOREPLACE));

  outcome("munmap of a hole's worth", munmap(pages + 4 * page_size, 2 * page_size));
  fault("read before the hole", fault_of_read(pages + 3 * page_size), pages + 3 * page_size);
  fault("read in the hole", fault_of_read(pages + 5 * page_size + 7), pages + 5 * page_size + 7);
  fault("read after the hole", fault_of_read(pages + 6 * page_size), pages + 6 * page_size);
  outcome("munmap of the hole again", munmap(pages + 4 * page_size, 2 * page_size));
  check("a free hint is taken", anonymous(pages + 4 * page_size, page_size, PROT_READ, 0) == pages + 4 * page_size);
  check("MAP_FIXED_NOREPLACE in a free place",
        anonymous(pages + 5 * page_size, page_size, PROT_READ, MAP_FIXED_NOREPLACE) == pages + 5 * page_size);
  check("a hint that is taken is moved", anonymous(pages, page_size, PROT_READ, 0) != pages);
  outcome("munmap of everything", munmap(pages, 8 * page_size));
  fault("read after munmap", fault_of_read(pages), pages);

  char *shared = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check("shared anonymous memory is zero", all_bytes(shared, page_size, 0));
  shared[0] = 1;
  munmap(shared, page_size);
}

static void protection(void) {
  char *pages = map_pages(5, PROT_READ | PROT_WRITE);
  memset(pages, 'b', 5 * page_size);
  outcome("mprotect the middle to read", mprotect(pages + 2 * page_size, page_size, PROT_READ));
  fault("write before the middle", fault_of_write(pages + page_size), pages + page_size);
  fault("write to the middle", fault_of_write(pages + 2 * page_size + 9), pages + 2 * page_size + 9);
  fault("write after the middle", fault_of_write(pages + 3 * page_size), pages + 3 * page_size);
  outcome("mprotect the middle to nothing", mprotect(pages + 2 * page_size, page_size, PROT_NONE));
  fault("read the middle", fault_of_read(pages + 2 * page_size), pages + 2 * page_size);
  outcome("mprotect it back", mprotect(pages, 5 * page_size, PROT_READ | PROT_WRITE));
  check("its content is still there", all_bytes(pages + 2 * page_size, page_size, 'b'));
  fault("execute data", fault_of_call(pages), pages);

  munmap(pages + 3 * page_size, page_size);
  outcome("mprotect over a hole", mprotect(pages, 5 * page_size, PROT_READ));
  outcome("mprotect at a wrong alignment", mprotect(pages + 1, page_size, PROT_READ));
  outcome("mprotect of nothing", mprotect(pages, 0, PROT_READ));
  outcome("mprotect of unknown bits", mprotect(pages, page_size, 0x1000));
  munmap(pages, 5 * page_size);
}

static void reservation(void) {
  const size_t size = 8UL << 40;
  char *reserved = anonymous(NULL, size, PROT_NONE, MAP_NORESERVE);
  mapping("reserve 8 TiB", reserved);
  if (reserved == MAP_FAILED) return;
  char *middle = reserved + size / 2;
  fault("read the reservation", fault_of_read(middle), middle);
  outcome("open a window of it", mprotect(middle, 16 * page_size, PROT_READ | PROT_WRITE));
  fault("write in the window", fault_of_write(middle + 16 * page_size - 1), middle);
  fault("write after the window", fault_of_write(middle + 16 * page_size), middle + 16 * page_size);
  outcome("close the window", madvise(middle, 16 * page_size, MADV_DONTNEED));
  check("what was given back is zero", all_bytes(middle, 16 * page_size, 0));
  outcome("give the reservation back", munmap(reserved, size));
}

static void shared(void) {
  char *pages = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check("shared memory is zero", all_bytes(pages, 2 * page_size, 0));
  memset(pages, 's', page_size);
  outcome("MADV_DONTNEED of it", madvise(pages, 2 * page_size, MADV_DONTNEED));
  check("it keeps its content", all_bytes(pages, page_size, 's') && all_bytes(pages + page_size, page_size, 0));
  outcome("MADV_FREE of it", madvise(pages, 2 * page_size, MADV_FREE));
  munmap(pages, 2 * page_size);
}

static void errors(void) {
  char *page = map_pages(1, PROT_READ);
  mapping("length 0", anonymous(NULL, 0, PROT_READ, 0));
  mapping("length 2^47", anonymous(NULL, 1UL << 47, PROT_NONE, MAP_NORESERVE));
  mapping("length 2^64 - 1", anonymous(NULL, SIZE_MAX, PROT_NONE, MAP_NORESERVE));
  mapping("fixed and unaligned", anonymous(page + 1, page_size, PROT_READ, MAP_FIXED));
  mapping("fixed in the upper half", anonymous((void *)0xffff800000000000, page_size, PROT_READ, MAP_FIXED));
  mapping("fixed at 2^64 - one page", anonymous((void *)-4096L, page_size, PROT_READ, MAP_FIXED));
  mapping("neither shared nor private", mmap(NULL, page_size, PROT_READ, MAP_ANONYMOUS, -1, 0));
  mapping("no file", mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, -1, 0));
  mapping("unaligned offset", mmap(NULL, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 17));
  outcome("populate for writing what is read-only", madvise(page, page_size, 23));
  outcome("populate for reading what is closed", madvise(map_pages(1, PROT_NONE), page_size, 22));
  outcome("populate for reading", madvise(page, page_size, 22));
  outcome("munmap unaligned", munmap(page + 1, page_size));
  outcome("munmap of length 0", munmap(page, 0));
  outcome("munmap of length 2^63", munmap(page, 1UL << 63));
}

int main(void) {
  catch_faults();
  placement();
  protection();
  reservation();
  shared();
  errors();
  return finish();
}
