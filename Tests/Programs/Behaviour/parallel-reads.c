// SPDX-License-Identifier: Apache-2.0
// Sixteen threads read a file of numbered pages at random, by pread and through a mapping, while a seventeenth counts.
// Memory is short: pages are given up and read from the disk again.
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { page = 4096, readers = 16, reads = 300 };
static int file;
static long pages;
static const char *map;
static atomic_int ended;

static void expect(uint64_t found, long wanted, const char *how) {
  if (found == (uint64_t)wanted) return;
  printf("page %ld by %s: found %lu\n", wanted, how, (unsigned long)found);
  exit(1);
}

static void *reader(void *argument) {
  unsigned state = (unsigned)(long)argument * 7919 + 1;
  uint64_t buffer[2 * page / 8];
  for (int i = 0; i < reads; i++) {
    state = state * 1103515245 + 12345;
    long number = (long)(state >> 4) % pages;
    if (i % 3 == 0) {
      expect(*(const uint64_t *)(map + number * page), number, "mmap");
    } else {
      ssize_t count = pread(file, buffer, sizeof buffer, number * page);
      if (count < page) expect((uint64_t)count, page, "length");
      expect(buffer[0], number, "pread");
      if (count == 2 * page) expect(buffer[page / 8], number + 1, "pread");
    }
  }
  ended++;
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  file = open(argv[1], O_RDONLY);
  pages = lseek(file, 0, SEEK_END) / page;
  map = mmap(NULL, (size_t)(pages * page), PROT_READ, MAP_SHARED, file, 0);
  if (file < 0 || map == MAP_FAILED) return perror(argv[1]), 1;
  pthread_t threads[readers];
  for (long i = 0; i < readers; i++) pthread_create(&threads[i], NULL, reader, (void *)i);
  long counted = 0;
  while (ended < readers) counted++;
  for (int i = 0; i < readers; i++) pthread_join(threads[i], NULL);
  puts(counted > 0 ? "all pages were right" : "nobody counted");
  return 0;
}
