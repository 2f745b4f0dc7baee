// SPDX-License-Identifier: Apache-2.0
// mremap: growing, shrinking, moving, moving to a fixed place, leaving the old mapping, and its error codes.
#include "../faults.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static char *filled(size_t pages, char content) {
  char *memory = map_pages(pages, PROT_READ | PROT_WRITE);
  memset(memory, content, pages * page_size);
  return memory;
}

static void refused(const char *what, void *result) { outcome(what, result == MAP_FAILED ? -1 : 0); }

int main(void) {
  catch_faults();

  char *memory = filled(4, 'a');
  char *grown = mremap(memory, 4 * page_size, 1000 * page_size, MREMAP_MAYMOVE);
  check("grown memory keeps its content", all_bytes(grown, 4 * page_size, 'a'));
  check("the new part is zero", all_bytes(grown + 4 * page_size, 996 * page_size, 0));
  check("shrinking stays in place", mremap(grown, 1000 * page_size, 2 * page_size, 0) == grown);
  check("the rest keeps its content", all_bytes(grown, 2 * page_size, 'a'));
  fault("read what was cut off", fault_of_read(grown + 2 * page_size), grown + 2 * page_size);

  char *several = filled(4, 'b');
  mprotect(several + page_size, page_size, PROT_READ);
  munmap(several + 2 * page_size, page_size);
  check("what is cut off may be several mappings", mremap(several, 4 * page_size, page_size, 0) == several);
  check("the first page stays", all_bytes(several, page_size, 'b'));
  fault("read the second", fault_of_read(several + page_size), several + page_size);
  fault("read the last", fault_of_read(several + 3 * page_size), several + 3 * page_size);
  refused("grow beyond the mapping", mremap(several, 2 * page_size, 3 * page_size, MREMAP_MAYMOVE));

  char *place = map_pages(8, PROT_READ);
  check("move to a fixed place",
        mremap(grown, 2 * page_size, 2 * page_size, MREMAP_MAYMOVE | MREMAP_FIXED, place + page_size) ==
            place + page_size);
  check("the content moved", all_bytes(place + page_size, 2 * page_size, 'a'));
  check("what stood beside it stays", place[0] == 0 && place[3 * page_size] == 0);
  fault("write beside it", fault_of_write(place), place);
  fault("write to the moved page", fault_of_write(place + page_size), place);
  fault("read the old place", fault_of_read(grown), grown);

  char *source = filled(2, 'c');
  char *copy = mremap(source, 2 * page_size, 2 * page_size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
  refused("move and leave the mapping", copy);
  check("the content is in the new place", all_bytes(copy, 2 * page_size, 'c'));
  check("the old place is mapped and zero", all_bytes(source, 2 * page_size, 0));

  char *shared = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char *twin = mremap(shared, 0, page_size, MREMAP_MAYMOVE);
  refused("old size 0 of a shared mapping", twin);
  if (twin != MAP_FAILED) {
    shared[5] = 'x';
    check("both show the same memory", twin[5] == 'x' && twin != shared);
  }

  char *pages = filled(4, 'd');
  refused("grow in place where no room is", mremap(pages, page_size, 2 * page_size, 0));
  refused("fixed without may-move", mremap(pages, page_size, page_size, MREMAP_FIXED, place));
  refused("fixed over itself", mremap(pages, 4 * page_size, 4 * page_size, MREMAP_MAYMOVE | MREMAP_FIXED, pages + page_size));
  refused("fixed and unaligned", mremap(pages, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, place + 1));
  refused("unaligned", mremap(pages + 1, page_size, page_size, MREMAP_MAYMOVE));
  refused("unknown flags", mremap(pages, page_size, page_size, 0x100));
  refused("new size 0", mremap(pages, page_size, 0, MREMAP_MAYMOVE));
  refused("new size 2^63", mremap(pages, page_size, 1UL << 63, MREMAP_MAYMOVE));
  refused("new size 2^64 - 1", mremap(pages, page_size, SIZE_MAX, MREMAP_MAYMOVE));
  munmap(pages + page_size, page_size);
  refused("of what is not mapped", mremap(pages + page_size, page_size, 2 * page_size, MREMAP_MAYMOVE));
  check("after the errors the content is there", all_bytes(pages, page_size, 'd') && pages[2 * page_size] == 'd');
  return finish();
}
