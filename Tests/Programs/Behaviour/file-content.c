// SPDX-License-Identifier: Apache-2.0
// Opening, reading, writing, seeking and truncating: what a file holds after each.
#include "../support.h"
#include <sys/uio.h>

static void show(const char *what, const char *path) {
  char content[200];
  int file = open(path, O_RDONLY);
  ssize_t length = file == -1 ? -1 : read(file, content, sizeof content);
  printf("%s: %zd bytes:", what, length);
  for (ssize_t i = 0; i < length; i++) printf(content[i] >= ' ' ? "%c" : "\\%d", content[i]);
  printf("\n");
  close(file);
}

static void opening(void) {
  outcome("open what is missing", open("file", O_RDWR));
  int file = open("file", O_CREAT | O_EXCL | O_RDWR, 0640);
  outcome("create it", file);
  outcome("create it exclusively again", open("file", O_CREAT | O_EXCL | O_RDWR, 0640));
  number("write", write(file, "hello world", 11));
  close(file);
  show("written", "file");

  file = open("file", O_WRONLY | O_APPEND);
  lseek(file, 0, SEEK_SET);
  number("append", write(file, "!", 1));
  number("append with an offset", pwrite(file, "?", 1, 2));
  number("position after it", lseek(file, 0, SEEK_CUR));
  number("read from what is open for writing", read(file, &(char){0}, 1));
  close(file);
  show("appended", "file");

  file = open("file", O_RDONLY);
  number("write to what is open for reading", write(file, "x", 1));
  outcome("ftruncate what is open for reading", ftruncate(file, 0));
  close(file);
  close(open("file", O_WRONLY | O_TRUNC));
  show("truncated by open", "file");
  outcome("open a file as a directory", open("file", O_RDONLY | O_DIRECTORY));
  outcome("open a directory for writing", open(".", O_RDWR));
  outcome("create in a directory that is missing", open("missing/file", O_CREAT | O_RDWR, 0644));
  outcome("create with a slash at the end", open("new/", O_CREAT | O_RDWR, 0644));
  file = open(".", O_TMPFILE | O_RDWR, 0600);
  if (file != -1) number("write to an unnamed file", write(file, "x", 1));
  close(file);
  unlink("file");
}

static void positions(void) {
  int file = open("file", O_CREAT | O_RDWR, 0644);
  write(file, "0123456789", 10);
  char buffer[32] = {0};
  number("pread", pread(file, buffer, 3, 4));
  printf("it read %s\n", buffer);
  number("the position stays", lseek(file, 0, SEEK_CUR));
  number("pwrite", pwrite(file, "AB", 2, 8));
  number("pread at the end", pread(file, buffer, 3, 10));
  number("pread beyond the end", pread(file, buffer, 3, 1000));
  number("pread at -1", pread(file, buffer, 3, -1));
  number("seek from the end", lseek(file, -3, SEEK_END));
  number("read to the end", read(file, buffer, 32));
  number("read at the end", read(file, buffer, 32));
  number("seek before the start", lseek(file, -1, SEEK_SET));
  number("seek in an unknown way", lseek(file, 0, 77));
  number("seek far beyond the end", lseek(file, 100000, SEEK_SET));
  number("write there", write(file, "far", 3));
  struct stat status;
  fstat(file, &status);
  number("size", status.st_size);
  pread(file, buffer, 3, 50000);
  check("the hole reads as zero", all_bytes(buffer, 3, 0));
  number("the data begins", lseek(file, 0, SEEK_DATA));
  check("the first hole is not beyond the end", lseek(file, 0, SEEK_HOLE) <= 100003);
  number("the hole after the last byte", lseek(file, 100002, SEEK_HOLE));
  number("data beyond the end", lseek(file, 200000, SEEK_DATA));
  outcome("shrink", ftruncate(file, 5));
  show("shrunk", "file");
  outcome("grow", truncate("file", 8));
  show("grown", "file");
  outcome("truncate to -1", ftruncate(file, -1));
  outcome("fallocate", fallocate(file, 0, 0, 16));
  show("allocated", "file");
  close(file);
  unlink("file");
}

static void vectors(void) {
  int file = open("file", O_CREAT | O_RDWR, 0644);
  struct iovec out[] = {{"one ", 4}, {NULL, 0}, {"two ", 4}, {"three", 5}};
  number("writev", writev(file, out, 4));
  number("pwritev", pwritev(file, out, 1, 20));
  char first[3], second[30];
  struct iovec in[] = {{first, 3}, {second, 30}};
  number("preadv", preadv(file, in, 2, 0));
  printf("it read %.3s|%.10s\n", first, second);
  lseek(file, 4, SEEK_SET);
  number("readv", readv(file, in, 2));
  number("writev of nothing", writev(file, out, 0));
  number("writev of -1", writev(file, out, -1));
  number("writev of 1025", writev(file, out, 1025));
  struct iovec bad[] = {{"fine", 4}, {(void *)8, 4}};
  number("readv into nowhere", preadv(file, (struct iovec[]){{(void *)8, 4}}, 1, 0));
  number("writev of a good and a bad part", writev(file, bad, 2));
  close(file);
  unlink("file");
}

// Every byte of a file of 3 MB, written in odd pieces, read in other odd pieces.
static void many_bytes(void) {
  int file = open("large", O_CREAT | O_RDWR, 0644);
  static unsigned char buffer[65537];
  size_t position = 0, size = 3000000;
  for (size_t step = 1; position < size; step = step * 3 % 65537) {
    size_t length = step < size - position ? step : size - position;
    for (size_t i = 0; i < length; i++) buffer[i] = (unsigned char)((position + i) * 7 >> 3);
    need("write", write(file, buffer, length) == (ssize_t)length ? 0 : -1);
    position += length;
  }
  lseek(file, 0, SEEK_SET);
  size_t wrong = 0, read_bytes = 0;
  for (size_t step = 5;; step = step * 5 % 65537) {
    ssize_t length = read(file, buffer, step);
    if (length <= 0) break;
    for (ssize_t i = 0; i < length; i++) wrong += buffer[i] != (unsigned char)((read_bytes + i) * 7 >> 3);
    read_bytes += length;
  }
  number("bytes read back", (long)read_bytes);
  check("all are right", wrong == 0);
  number("copy_file_range", copy_file_range(file, &(off_t){10}, open("copy", O_CREAT | O_WRONLY, 0644), NULL, 1000, 0));
  outcome("fsync", fsync(file));
  outcome("fdatasync", fdatasync(file));
  close(file);
  unlink("large");
  unlink("copy");
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  opening();
  positions();
  vectors();
  many_bytes();
  return finish();
}
