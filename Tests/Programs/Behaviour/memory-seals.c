// SPDX-License-Identifier: Apache-2.0
// Files of memfd_create, and what seals forbid.
#include "../support.h"

#include <sys/sendfile.h>

// musl has no header for these (include/uapi/linux/falloc.h).
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
#endif
#ifndef FALLOC_FL_PUNCH_HOLE
#define FALLOC_FL_PUNCH_HOLE 2
#endif

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#define MFD_EXEC 16
#endif

static int sealable(void) {
  int file = need("memfd", memfd_create("name", MFD_ALLOW_SEALING));
  need("size", ftruncate(file, 8192));
  return file;
}

static void mapped(const char *what, int file, int protection, int flags) {
  void *memory = mmap(NULL, 8192, protection, flags, file, 0);
  outcome(what, memory == MAP_FAILED ? -1 : 0);
  if (memory != MAP_FAILED) munmap(memory, 8192);
}

static void attempts(int file) {
  char data[10000] = "";
  number("write", pwrite(file, data, 100, 0));
  number("write at the end", pwrite(file, data, 100, 8192));
  number("write across the end", pwrite(file, data, 10000, 4000));
  number("write nothing", pwrite(file, data, 0, 0));
  outcome("shrink", ftruncate(file, 8000));
  outcome("grow", ftruncate(file, 20000));
  outcome("same", ftruncate(file, lseek(file, 0, SEEK_END)));
  outcome("allocate", fallocate(file, 0, 0, 30000));
  outcome("allocate without growing", fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 100000));
  outcome("allocate inside", fallocate(file, 0, 0, 4096));
  outcome("punch", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
  mapped("shared to read", file, PROT_READ, MAP_SHARED);
  mapped("shared to write", file, PROT_READ | PROT_WRITE, MAP_SHARED);
  mapped("private to write", file, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  char *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
  outcome("made writable", mprotect(memory, 4096, PROT_READ | PROT_WRITE));
  munmap(memory, 4096);
  number("size", lseek(file, 0, SEEK_END));
}

int main(int argc, char **argv) {
  outcome("unknown flag", memfd_create("x", 0x40));
  outcome("both", memfd_create("x", MFD_NOEXEC_SEAL | MFD_EXEC));
  static char name[300];
  memset(name, 'x', 249);
  outcome("long name", close(memfd_create(name, 0)));
  name[249] = 'x';
  outcome("longer name", memfd_create(name, 0));
  outcome("bad name", syscall(SYS_memfd_create, 8L, 0));

  int plain = need("memfd", memfd_create("plain", MFD_CLOEXEC));
  number("seals of a plain one", fcntl(plain, F_GET_SEALS));
  outcome("no seals for it", fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE));
  struct stat status;
  fstat(plain, &status);
  printf("mode %o, links %ld\n", status.st_mode, (long)status.st_nlink);
  char path[64], target[64] = "";
  snprintf(path, sizeof path, "/proc/self/fd/%d", plain);
  readlink(path, target, sizeof target - 1);
  puts(target);
  int executable = open(argv[0], O_RDONLY);
  outcome("for reading only", fcntl(executable, F_ADD_SEALS, F_SEAL_WRITE));
  int pipes[2];
  need("pipe", pipe(pipes));
  outcome("of a pipe", fcntl(pipes[1], F_GET_SEALS));
  outcome("of a pipe", fcntl(pipes[1], F_ADD_SEALS, F_SEAL_WRITE));

  static const int seals[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE,
    F_SEAL_GROW | F_SEAL_SHRINK, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK};
  for (int i = 0; i < 6; i++) {
    int file = sealable();
    number("none", fcntl(file, F_GET_SEALS));
    outcome("seal", fcntl(file, F_ADD_SEALS, seals[i]));
    number("seals", fcntl(file, F_GET_SEALS));
    attempts(file);
    outcome("no more", fcntl(file, F_ADD_SEALS, F_SEAL_SEAL));
    outcome("more", fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
    number("seals", fcntl(file, F_GET_SEALS));
    close(file);
  }
  int file = sealable();
  outcome("unknown seal", fcntl(file, F_ADD_SEALS, 0x1000));
  char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  outcome("while mapped", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
  outcome("for the future", fcntl(file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
  memory[0] = 'm';
  char byte = 0;
  pread(file, &byte, 1, 0);
  printf("%c\n", byte);
  munmap(memory, 8192);
  outcome("not mapped any more", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
  lseek(plain, 0, SEEK_SET);
  write(plain, "source", 6);
  number("sendfile", sendfile(file, plain, &(off_t){0}, 6));
  number("copy_file_range", copy_file_range(plain, &(off_t){0}, file, &(off_t){0}, 6, 0));
  close(file);

  file = need("memfd", memfd_create("never", MFD_NOEXEC_SEAL));
  fstat(file, &status);
  printf("mode %o, seals %d\n", status.st_mode, fcntl(file, F_GET_SEALS));
  outcome("executable", fchmod(file, 0700));
  outcome("readable", fchmod(file, 0444));
  file = sealable();
  outcome("executable", fcntl(file, F_ADD_SEALS, F_SEAL_EXEC));
  number("all of them", fcntl(file, F_GET_SEALS));
  return finish();
}
