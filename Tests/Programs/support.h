// SPDX-License-Identifier: Apache-2.0
// What the test programs share: they say what happened in lines that are the same on every Linux, so
// that a run in a virtual machine can be compared with a run on the host, byte for byte.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { page_size = 4096 };

// A crash must not lose the lines before it.
__attribute__((constructor)) static void write_each_line_at_once(void) { setvbuf(stdout, NULL, _IOLBF, 0); }

// The name of an error number: strerror's words differ between C libraries.
static inline const char *error_name(int error) {
#define NAME(e) \
  case e: return #e
  switch (error) {
    NAME(E2BIG); NAME(EACCES); NAME(EAGAIN); NAME(EBADF); NAME(EBUSY); NAME(ECHILD); NAME(EDOM); NAME(EEXIST);
    NAME(EFAULT); NAME(EFBIG); NAME(EINTR); NAME(EINVAL); NAME(EIO); NAME(EISDIR); NAME(ELOOP); NAME(EMFILE);
    NAME(EMLINK); NAME(ENAMETOOLONG); NAME(ENFILE); NAME(ENODEV); NAME(ENOENT); NAME(ENOEXEC); NAME(ENOMEM);
    NAME(ENOSPC); NAME(ENOSYS); NAME(ENOTDIR); NAME(ENOTEMPTY); NAME(ENOTSOCK); NAME(ENOTTY); NAME(ENXIO);
    NAME(EOPNOTSUPP); NAME(EOVERFLOW); NAME(EPERM); NAME(EPIPE); NAME(ERANGE); NAME(EROFS); NAME(ESPIPE);
    NAME(ESRCH); NAME(ETIMEDOUT); NAME(ETXTBSY); NAME(EXDEV); NAME(EBADFD); NAME(ENOLCK); NAME(ENODATA);
  }
#undef NAME
  static char other[32];
  snprintf(other, sizeof other, "error %d", error);
  return other;
}

// "what: EBADF" for -1, "what: fine" for any other result.
static inline void outcome(const char *what, long result) {
  printf("%s: %s\n", what, result == -1 ? error_name(errno) : "fine");
}

// "what: 12" for a result, "what: EBADF" for -1.
static inline void number(const char *what, long result) {
  if (result == -1)
    outcome(what, result);
  else
    printf("%s: %ld\n", what, result);
}

static int checks_that_failed;

// "what: yes", or "what: NO" and exit code 1 from finish().
static inline void check(const char *what, bool holds) {
  printf("%s: %s\n", what, holds ? "yes" : "NO");
  checks_that_failed += !holds;
}

static inline int finish(void) { return checks_that_failed == 0 ? 0 : 1; }

// Ends a program that cannot go on; for what a test needs, not for what it tests.
static inline long need(const char *what, long result) {
  if (result == -1) {
    printf("cannot go on: %s: %s\n", what, error_name(errno));
    exit(99);
  }
  return result;
}

static inline char *map_pages(size_t pages, int protection) {
  void *memory = mmap(NULL, pages * page_size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  need("mmap", memory == MAP_FAILED ? -1 : 0);
  return memory;
}

static inline bool all_bytes(const char *memory, size_t size, char expected) {
  for (size_t i = 0; i < size; i++)
    if (memory[i] != expected) return false;
  return true;
}

// The programs that write files work in a new directory below the one that their first argument names.
static inline void enter_directory(int argc, char **argv) {
  if (argc < 2) {
    printf("usage: %s DIRECTORY\n", argv[0]);
    exit(98);
  }
  need("chdir", chdir(argv[1]));
  need("mkdir", mkdir("vorteil-work", 0755));
  need("chdir", chdir("vorteil-work"));
  umask(022);
}

static inline void create_file(const char *path, const char *content) {
  int file = need("create", open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644));
  need("write", write(file, content, strlen(content)));
  close(file);
}

static inline const char *last_component(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}
