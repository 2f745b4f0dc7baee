// SPDX-License-Identifier: Apache-2.0
// Random memory calls on regions whose content is known page by page: what is read back must be what a model says.
#include "../support.h"

enum { region_count = 48, largest = 64, rounds = 30000 };

struct region {
  char *start;
  size_t pages;
  bool is_patched;        // By MAP_FIXED: Linux moves only what is one mapping.
  uint64_t content[largest];  // What each word of a page is; 0 for new pages.
};
static struct region regions[region_count];
static uint64_t state = 20260101;
static int round_number;

static size_t random_below(size_t limit) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return (state >> 33) % limit;
}

static uint64_t *words(const struct region *region, size_t page) {
  return (uint64_t *)(region->start + page * page_size);
}

static void verify(const struct region *region, const char *call) {
  for (size_t page = 0; page < region->pages; page++) {
    const uint64_t *found = words(region, page), expected = region->content[page];
    size_t i = 0;
    while (i < page_size / 8 && found[i] == expected) i++;
    if (i == page_size / 8) continue;
    printf("round %d, after %s: word %zu of page %zu of %zu is %lx instead of %lx\n", round_number, call, i, page,
           region->pages, found[i], expected);
    exit(1);
  }
}

static void fill(struct region *region) {
  for (size_t page = 0; page < region->pages; page++)
    if (random_below(3) != 0) {
      region->content[page] = state | 1;
      for (size_t i = 0; i < page_size / 8; i++) words(region, page)[i] = region->content[page];
    }
}

static void map_region(struct region *region) {
  region->pages = 1 + random_below(largest);
  region->start = map_pages(region->pages, PROT_READ | PROT_WRITE);
  region->is_patched = false;
  memset(region->content, 0, sizeof region->content);
  verify(region, "mmap");
  fill(region);
}

static void unmap(struct region *region) {
  need("munmap", munmap(region->start, region->pages * page_size));
  region->start = NULL;
}

static void resize(struct region *region) {
  if (region->is_patched) return;
  size_t pages = 1 + random_below(largest);
  char *start = mremap(region->start, region->pages * page_size, pages * page_size, MREMAP_MAYMOVE);
  need("mremap", start == MAP_FAILED ? -1 : 0);
  for (size_t page = region->pages; page < pages; page++) region->content[page] = 0;
  region->start = start;
  region->pages = pages;
  verify(region, "mremap");
}

static void cut_front(struct region *region) {
  if (region->pages < 2) return;
  size_t pages = 1 + random_below(region->pages - 1);
  need("munmap", munmap(region->start, pages * page_size));
  region->start += pages * page_size;
  region->pages -= pages;
  memmove(region->content, region->content + pages, region->pages * sizeof *region->content);
  verify(region, "munmap of the front");
}

static void give_back(struct region *region) {
  size_t first = random_below(region->pages), count = 1 + random_below(region->pages - first);
  need("madvise", madvise(region->start + first * page_size, count * page_size, MADV_DONTNEED));
  memset(region->content + first, 0, count * sizeof *region->content);
  verify(region, "MADV_DONTNEED");
}

static void protect(struct region *region) {
  size_t first = random_below(region->pages), count = 1 + random_below(region->pages - first);
  need("mprotect", mprotect(region->start + first * page_size, count * page_size, random_below(2) ? PROT_READ : PROT_NONE));
  need("mprotect", mprotect(region->start, region->pages * page_size, PROT_READ | PROT_WRITE));
  verify(region, "mprotect");
}

static void map_over(struct region *region) {
  size_t first = random_below(region->pages), count = 1 + random_below(region->pages - first);
  void *place = region->start + first * page_size;
  void *got = mmap(place, count * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  need("mmap", got == place ? 0 : -1);
  region->is_patched = true;
  memset(region->content + first, 0, count * sizeof *region->content);
  verify(region, "MAP_FIXED");
}

int main(void) {
  void (*const changes[])(struct region *) = {unmap, resize, cut_front, give_back, protect, map_over, fill};
  for (round_number = 0; round_number < rounds; round_number++) {
    struct region *region = &regions[random_below(region_count)];
    if (region->start == NULL)
      map_region(region);
    else
      changes[random_below(sizeof changes / sizeof *changes)](region);
    if (round_number % 1000 == 0)
      for (int i = 0; i < region_count; i++)
        if (regions[i].start != NULL) verify(&regions[i], "other changes");
  }
  printf("%d rounds, every page as it must be\n", rounds);
  return 0;
}
