// SPDX-License-Identifier: Apache-2.0
// Random reads, writes, mappings, truncations, renames and removals of a few files, each compared with a
// model in memory: the ways to a file's content must agree with one another whatever is cached.
//
// usage: file-model [SEED [STEPS]], in a directory that can be written
#include "../support.h"

enum { file_count = 4, greatest_size = 3 << 20, longest = 150000 };

struct file {
  int descriptor;
  long size;
  unsigned char *model;
  char name[16];
};
static struct file files[file_count];
static unsigned char buffer[longest];
static uint64_t state = 88172645463325252;

// Marsaglia's xorshift: the same numbers in every run.
static uint64_t any(uint64_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % below;
}

static void require(bool holds, const char *what, const struct file *file, long offset, long length) {
  if (holds) return;
  printf("%s: offset %ld, length %ld, size %ld: %s\n", what, offset, length, file->size, error_name(errno));
  exit(1);
}

static void write_some(struct file *file, long offset, long length) {
  for (long index = 0; index < length; index++) buffer[index] = any(256);
  require(pwrite(file->descriptor, buffer, length, offset) == length, "write", file, offset, length);
  memcpy(file->model + offset, buffer, length);
  if (offset + length > file->size) file->size = offset + length;
}

static void read_some(struct file *file, long offset, long length) {
  long expected = offset >= file->size ? 0 : length < file->size - offset ? length : file->size - offset;
  require(pread(file->descriptor, buffer, length, offset) == expected, "length read", file, offset, length);
  require(memcmp(buffer, file->model + offset, expected) == 0, "content read", file, offset, length);
}

static void map_some(struct file *file) {
  if (file->size < page_size) return;
  long offset = any(file->size / page_size) * page_size;
  long length = file->size - offset < 100000 ? file->size - offset : 100000;
  unsigned char *mapping = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file->descriptor, offset);
  require(mapping != MAP_FAILED, "map", file, offset, length);
  require(memcmp(mapping, file->model + offset, length) == 0, "content mapped", file, offset, length);
  for (int count = 0; count < 50; count++) {
    long place = any(length);
    mapping[place] = file->model[offset + place] = any(256);
  }
  if (any(2)) require(msync(mapping, length, MS_SYNC) == 0, "msync", file, offset, length);
  require(munmap(mapping, length) == 0, "unmap", file, offset, length);
}

static void truncate_some(struct file *file) {
  long size = any(3) ? file->size - (long)any(20000) : (long)any(greatest_size);
  if (size < 0) size = 0;
  require(ftruncate(file->descriptor, size) == 0, "truncate", file, size, 0);
  if (size < file->size) memset(file->model + size, 0, greatest_size - size);
  file->size = size;
  struct stat status;
  require(fstat(file->descriptor, &status) == 0 && status.st_size == size, "size", file, size, status.st_size);
}

static void open_again(struct file *file, int flags) {
  close(file->descriptor);
  file->descriptor = open(file->name, O_RDWR | flags, 0644);
  require(file->descriptor >= 0, "open", file, 0, 0);
}

// Removes the file, uses it once more without its name, and makes a new one.
static void replace(struct file *file) {
  require(unlink(file->name) == 0, "unlink", file, 0, 0);
  read_some(file, 0, 5000);
  open_again(file, O_CREAT | O_EXCL);
  memset(file->model, 0, greatest_size);
  file->size = 0;
}

static void exchange_names(struct file *one, struct file *other) {
  bool done = rename(one->name, "between") == 0 && rename(other->name, one->name) == 0 &&
              rename("between", other->name) == 0;
  require(done, "rename", one, 0, 0);
  struct file kept = *one;
  one->descriptor = other->descriptor, one->size = other->size, one->model = other->model;
  other->descriptor = kept.descriptor, other->size = kept.size, other->model = kept.model;
}

int main(int count, char **arguments) {
  if (count > 1) state ^= strtoul(arguments[1], NULL, 0) * 0x9e3779b97f4a7c15;
  long steps = count > 2 ? atol(arguments[2]) : 6000;
  for (int index = 0; index < file_count; index++) {
    struct file *file = &files[index];
    sprintf(file->name, "model-%d", index);
    file->model = calloc(greatest_size, 1);
    file->descriptor = open(file->name, O_CREAT | O_TRUNC | O_RDWR, 0644);
    require(file->descriptor >= 0, "open", file, 0, 0);
  }
  for (long step = 0; step < steps; step++) {
    struct file *file = &files[any(file_count)];
    long length = 1 + (any(4) ? any(9000) : any(longest - 1));
    long offset = any(any(3) ? greatest_size / 8 : greatest_size - longest);
    switch (any(12)) {
      case 0: case 1: case 2: case 3: write_some(file, offset, length); break;
      case 4: case 5: case 6: read_some(file, offset, length); break;
      case 7: map_some(file); break;
      case 8: truncate_some(file); break;
      case 9: require(any(8) || fsync(file->descriptor) == 0, "fsync", file, 0, 0); break;
      case 10: any(10) ? open_again(file, 0) : replace(file); break;
      case 11: {
        struct file *other = &files[any(file_count)];
        if (other != file) exchange_names(file, other);
        break;
      }
    }
  }
  for (int index = 0; index < file_count; index++) {
    for (long offset = 0; offset <= files[index].size; offset += longest) read_some(&files[index], offset, longest);
    printf("file %d: %ld bytes, as they should be\n", index, files[index].size);
  }
  return 0;
}
