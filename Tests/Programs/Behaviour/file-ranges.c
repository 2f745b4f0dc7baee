// SPDX-License-Identifier: Apache-2.0
// Ranges of a file that are reserved, punched, zeroed, cut out and inserted: what it holds after each, read and mapped.
#include "../support.h"
#include <sys/mman.h>

static unsigned char bytes[200000];

static void show(int file) {
  struct stat status;
  fstat(file, &status);
  ssize_t length = pread(file, bytes, sizeof bytes, 0);
  unsigned sum = 0;
  for (ssize_t i = 0; i < length; i++) sum = sum * 31 + bytes[i];
  printf("  %ld bytes, %zd read, sum %08x\n", (long)status.st_size, length, sum);
}

static void change(int file, const char *what, int mode, off_t offset, off_t count) {
  outcome(what, fallocate(file, mode, offset, count));
  show(file);
}

int main(void) {
  int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
  for (int i = 0; i < 65536; i++) bytes[i] = i * 7 + i / 256;
  number("write", write(file, bytes, 65536));
  change(file, "reserve behind the end", FALLOC_FL_KEEP_SIZE, 65536, 40960);
  change(file, "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5000, 10000);
  change(file, "punch inside of a block", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 30000, 100);
  change(file, "punch behind the end", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20, 100);
  change(file, "punch with another size", FALLOC_FL_PUNCH_HOLE, 5000, 10000);
  change(file, "zero", FALLOC_FL_ZERO_RANGE, 20000, 9000);
  change(file, "zero, keeping the size", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 60000, 20000);
  change(file, "zero, growing", FALLOC_FL_ZERO_RANGE, 62000, 20000);
  change(file, "collapse", FALLOC_FL_COLLAPSE_RANGE, 8192, 8192);
  change(file, "collapse what is no block", FALLOC_FL_COLLAPSE_RANGE, 100, 4096);
  change(file, "collapse to the end", FALLOC_FL_COLLAPSE_RANGE, 4096, 1 << 20);
  change(file, "insert", FALLOC_FL_INSERT_RANGE, 4096, 12288);
  change(file, "insert behind the end", FALLOC_FL_INSERT_RANGE, 1 << 20, 4096);
  change(file, "reserve", 0, 100000, 30000);
  change(file, "nothing", 0, 0, 0);

  unsigned char *map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  map[30000] = 9;
  change(file, "punch what is mapped", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 28672, 4096);
  printf("mapped: %d\n", map[30000]);
  map[30001] = 5;
  change(file, "collapse what is mapped", FALLOC_FL_COLLAPSE_RANGE, 4096, 4096);
  printf("mapped: %d %d\n", map[30001 - 4096], map[100]);
  map[30002 - 4096] = 6;
  show(file);
  outcome("fsync", fsync(file));
  show(file);
  outcome("shorten", ftruncate(file, 1000));
  outcome("lengthen", ftruncate(file, 50000));
  show(file);
  unlink("file");
  return 0;
}
