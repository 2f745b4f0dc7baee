// SPDX-License-Identifier: Apache-2.0
// Reading and writing files, sequentially and at random, with and without fsync.
//
// usage: fileio [PATH [MEBIBYTES]]        /bench.dat, 64
//
// One operation of the sequential lines is a mebibyte. Reads are taken cold (after
// POSIX_FADV_DONTNEED, where the system honours it) and warm. A file `seed.dat` beside PATH that
// came with the image gives a cold read everywhere.
#include "bench.h"
#include <sys/stat.h>

enum { mebibyte = 1 << 20, block = 4096 };
static char buffer[mebibyte] __attribute__((aligned(block)));
static uint64_t started;

static void start(void) { started = ticks(); }
static void stop(const char *name, uint64_t count) {
  unsigned long long each = (ticks() - started) / count;
  say("B op %s iters=%llu min=%llu med=%llu\n", name, (unsigned long long)count, each, each);
}
static void require(int condition, const char *name) {
  if (condition)
    return;
  say("B op %s FAIL errno=%d\n", name, errno);
  end_run();
}

// Xorshift, so that every run takes the same blocks.
static off_t random_block(long mebibytes) {
  static uint64_t state = 88172645463325252ull;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % ((uint64_t)mebibytes * mebibyte / block) * block;
}

static void read_seed(const char *path) {
  char seed[256];
  struct stat status;
  const char *name = strrchr(path, '/');
  snprintf(seed, sizeof seed, "%.*sseed.dat", name ? (int)(name - path + 1) : 0, path);
  int file = open(seed, O_RDONLY);
  if (file < 0)
    return;
  require(fstat(file, &status) == 0 && status.st_size >= mebibyte, "seed_cold_read");
  off_t total = 0;
  start();
  for (ssize_t count; (count = read(file, buffer, sizeof buffer)) > 0;)
    total += count;
  require(total == status.st_size, "seed_cold_read");
  stop("seed_cold_read", total / mebibyte);
  close(file);
}

static void read_sequentially(int file, const char *name, long mebibytes) {
  lseek(file, 0, SEEK_SET);
  start();
  for (long index = 0; index < mebibytes; index++)
    require(read(file, buffer, sizeof buffer) == sizeof buffer, name);
  stop(name, mebibytes);
}

static void read_at_random(int file, const char *name, long mebibytes, long count) {
  start();
  for (long index = 0; index < count; index++)
    require(pread(file, buffer, block, random_block(mebibytes)) == block, name);
  stop(name, count);
}

static void write_at_random(int file, const char *name, long mebibytes, long count, int sync_each) {
  start();
  for (long index = 0; index < count; index++) {
    require(pwrite(file, buffer, block, random_block(mebibytes)) == block, name);
    require(!sync_each || fsync(file) == 0, name);
  }
  require(fsync(file) == 0, name);
  stop(name, count);
}

static void create_and_unlink(const char *path, long count) {
  char name[300];
  start();
  for (long index = 0; index < count; index++) {
    snprintf(name, sizeof name, "%s.%ld", path, index);
    int file = open(name, O_RDWR | O_CREAT, 0644);
    require(file >= 0 && write(file, buffer, 100) == 100, "create_small");
    close(file);
  }
  stop("create_small", count);
  start();
  for (long index = 0; index < count; index++) {
    snprintf(name, sizeof name, "%s.%ld", path, index);
    require(unlink(name) == 0, "unlink");
  }
  stop("unlink", count);
}

int main(int count, char **arguments) {
  uint64_t first = ticks();
  const char *path = count > 1 && arguments[1][0] == '/' ? arguments[1] : "/bench.dat";
  long mebibytes = count > 2 && atol(arguments[2]) >= 4 ? atol(arguments[2]) : 64;
  say("B main tsc=%llu\n", (unsigned long long)first);
  read_seed(path);

  memset(buffer, 0x5a, sizeof buffer);
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  require(file >= 0, "seq_write_nosync");
  start();
  for (long index = 0; index < mebibytes; index++)
    require(write(file, buffer, sizeof buffer) == sizeof buffer, "seq_write_nosync");
  stop("seq_write_nosync", mebibytes);
  require(fsync(file) == 0, "seq_write_fsync");
  stop("seq_write_fsync", mebibytes);

  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  read_sequentially(file, "seq_read_fadv", mebibytes);
  read_sequentially(file, "seq_read_cached", mebibytes);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  read_at_random(file, "rand_read4k_fadv", mebibytes, 1000);
  read_at_random(file, "rand_read4k_warm", mebibytes, 5000);
  write_at_random(file, "rand_write4k_fsync", mebibytes, 1000, 0);
  write_at_random(file, "write4k_fsync_each", mebibytes, 100, 1);
  close(file);
  create_and_unlink(path, 200);
  end_run();
}
