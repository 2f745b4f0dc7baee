// SPDX-License-Identifier: Apache-2.0
// File mappings: private copies, shared writes seen by read(), the tail of the last page, SIGBUS beyond the end.
#include "../faults.h"

static int file;
static const size_t file_size = 2 * page_size + 1000;

static void *map(size_t size, int protection, int flags, off_t offset) {
  return mmap(NULL, size, protection, flags, file, offset);
}

static char byte_at(off_t offset) {
  char byte = '?';
  pread(file, &byte, 1, offset);
  return byte;
}

static void private_mapping(void) {
  char *pages = map(4 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
  check("content of each page", pages[0] == 'A' && pages[page_size] == 'B' && pages[2 * page_size + 999] == 'C');
  check("zeros after the end of the file", all_bytes(pages + file_size, 3 * page_size - file_size, 0));
  fault("read beyond the last page", fault_of_read(pages + 3 * page_size + 5), pages + 3 * page_size + 5);
  pages[10] = 'x';
  pages[file_size + 1] = 'y';
  check("a private write stays private", byte_at(10) == 'A');
  char *other = map(page_size, PROT_READ, MAP_PRIVATE, 0);
  check("another mapping does not see it", other[10] == 'A');
  fault("write to a read-only mapping", fault_of_write(other), other);
  munmap(other, page_size);
  munmap(pages, 4 * page_size);
}

static void shared_mapping(void) {
  char *pages = map(3 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
  char *second = map(page_size, PROT_READ | PROT_WRITE, MAP_SHARED, page_size);
  pages[20] = 'x';
  pages[page_size + 20] = 'y';
  check("read() sees a shared write", byte_at(20) == 'x');
  check("a second mapping sees it", second[20] == 'y');
  outcome("msync", msync(pages, 3 * page_size, MS_SYNC));
  outcome("msync without waiting", msync(pages, page_size, MS_ASYNC));
  outcome("msync both ways", msync(pages, page_size, MS_SYNC | MS_ASYNC));
  outcome("msync unaligned", msync(pages + 1, page_size, MS_SYNC));
  check("read() sees it after msync", byte_at(20) == 'x' && byte_at(page_size + 20) == 'y');
  pwrite(file, "z", 1, 30);
  check("the mapping sees a write()", pages[30] == 'z');
  number("read() into its own mapping", pread(file, pages + page_size, 10, 0));
  check("it arrived", pages[page_size] == 'A' && byte_at(page_size) == 'A');
  number("write() from its own mapping", pwrite(file, pages + page_size + 20, 1, 40));
  check("that arrived, too", pages[40] == 'y');

  pages[file_size + 5] = 'q';
  outcome("grow the file", ftruncate(file, 4 * page_size));
  check("grown, it reads as zero", byte_at(3 * page_size + 7) == 0);
  outcome("shrink the file", ftruncate(file, page_size));
  fault("read what was cut off", fault_of_read(pages + page_size), pages + page_size);
  fault("write what was cut off", fault_of_write(pages + 2 * page_size), pages + 2 * page_size);
  fault("read what is left", fault_of_read(pages), pages);
  outcome("grow it again", ftruncate(file, 3 * page_size));
  check("what comes back is zero", all_bytes(pages + page_size, 2 * page_size, 0));
  munmap(second, page_size);
  munmap(pages, 3 * page_size);
}

static void cut_private_pages(void) {
  char *pages = map(3 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
  pages[2 * page_size] = 'x';
  outcome("shrink the file below a private copy", ftruncate(file, page_size));
  fault("read the copy", fault_of_read(pages + 2 * page_size), pages + 2 * page_size);
  outcome("grow it again", ftruncate(file, 3 * page_size));
  check("the copy is gone", pages[2 * page_size] == 0);
  munmap(pages, 3 * page_size);
  char *shared = map(page_size, PROT_READ, MAP_SHARED, 0);
  outcome("make a shared page of a writable file writable", mprotect(shared, page_size, PROT_READ | PROT_WRITE));
  shared[60] = 's';
  check("read() sees the write", byte_at(60) == 's');
  munmap(shared, page_size);
}

static void lifetime(void) {
  create_file("short-lived", "content");
  int short_lived = open("short-lived", O_RDWR);
  char *page = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, short_lived, 0);
  close(short_lived);
  unlink("short-lived");
  check("a mapping outlives its descriptor and its name", memcmp(page, "content", 7) == 0);
  page[0] = 'C';
  munmap(page, page_size);
}

static void refused(const char *what, void *result) { outcome(what, result == MAP_FAILED ? -1 : 0); }

static void errors(void) {
  int read_only = open("mapped", O_RDONLY), write_only = open("mapped", O_WRONLY), directory = open(".", O_RDONLY);
  int ends[2];
  pipe(ends);
  refused("shared and writable of a read-only file", mmap(NULL, page_size, PROT_WRITE, MAP_SHARED, read_only, 0));
  char *page = mmap(NULL, page_size, PROT_READ, MAP_SHARED, read_only, 0);
  outcome("mprotect it to writable", mprotect(page, page_size, PROT_READ | PROT_WRITE));
  char *own = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, read_only, 0);
  fault("write to a private page of a read-only file", fault_of_write(own), own);
  refused("of a write-only file", mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, write_only, 0));
  refused("of a directory", mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, directory, 0));
  refused("of a pipe", mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, ends[0], 0));
  refused("of a closed descriptor", mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, 77, 0));
  refused("at an unaligned offset", mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, read_only, 100));
  refused("at an offset that overflows", mmap(NULL, 2 * page_size, PROT_READ, MAP_PRIVATE, read_only, -4096L));
  outcome("msync of what is not mapped", msync((void *)0x10000, page_size, MS_SYNC));
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  catch_faults();
  file = need("open", open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0644));
  for (size_t i = 0; i < file_size; i++) pwrite(file, (char[]){"ABC"[i / page_size]}, 1, i);
  private_mapping();
  shared_mapping();
  cut_private_pages();
  lifetime();
  errors();
  unlink("mapped");
  return finish();
}
