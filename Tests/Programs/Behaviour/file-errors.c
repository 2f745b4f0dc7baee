// SPDX-License-Identifier: Apache-2.0
// A table of wrong paths, each given to a table of calls: every cell is an error code.
#include "../support.h"
#include <sys/statfs.h>
#include <sys/time.h>

static char too_long_name[300], too_long_path[5000], longest_path[4096];

typedef long call(const char *path);
static long call_open(const char *path) { return open(path, O_RDONLY); }
static long call_open_write(const char *path) { return open(path, O_WRONLY); }
static long call_create(const char *path) { return open(path, O_CREAT | O_EXCL | O_WRONLY, 0644); }
static long call_stat(const char *path) { struct stat status; return syscall(SYS_stat, path, &status); }
static long call_lstat(const char *path) { struct stat status; return syscall(SYS_lstat, path, &status); }
static long call_access(const char *path) { return syscall(SYS_access, path, F_OK); }
static long call_unlink(const char *path) { return syscall(SYS_unlink, path); }
static long call_rmdir(const char *path) { return syscall(SYS_rmdir, path); }
static long call_mkdir(const char *path) { return syscall(SYS_mkdir, path, 0755); }
static long call_chdir(const char *path) { return syscall(SYS_chdir, path); }
static long call_chmod(const char *path) { return syscall(SYS_chmod, path, 0755); }
static long call_readlink(const char *path) { char text[64]; return syscall(SYS_readlink, path, text, sizeof text); }
static long call_truncate(const char *path) { return syscall(SYS_truncate, path, 0); }
static long call_rename_from(const char *path) { return syscall(SYS_rename, path, "renamed"); }
static long call_rename_to(const char *path) { return syscall(SYS_rename, "victim", path); }
static long call_link_from(const char *path) { return syscall(SYS_link, path, "linked"); }
static long call_link_to(const char *path) { return syscall(SYS_link, "victim", path); }
static long call_symlink(const char *path) { return syscall(SYS_symlink, "target", path); }
static long call_times(const char *path) { return syscall(SYS_utimes, path, NULL); }
static long call_statfs(const char *path) { struct statfs status; return syscall(SYS_statfs, path, &status); }
static long call_execute(const char *path) { char *none[] = {NULL}; return syscall(SYS_execve, path, none, none); }

// For the root some are left out: they would change the host, or tell whether the test runs on the root's file system.
static const struct { const char *name; call *function; bool left_out_for_root; } calls[] = {
    {"open", call_open}, {"open to write", call_open_write}, {"create", call_create}, {"stat", call_stat},
    {"lstat", call_lstat}, {"access", call_access}, {"unlink", call_unlink}, {"rmdir", call_rmdir},
    {"mkdir", call_mkdir}, {"chdir", call_chdir}, {"chmod", call_chmod, true}, {"readlink", call_readlink},
    {"truncate", call_truncate}, {"rename from", call_rename_from, true}, {"rename to", call_rename_to, true},
    {"link from", call_link_from, true}, {"link to", call_link_to}, {"symlink", call_symlink}, {"utimes", call_times, true},
    {"statfs", call_statfs}, {"execve", call_execute},
};

static const struct { const char *name; const char *path; } paths[] = {
    {"missing", "missing"}, {"below missing", "missing/file"}, {"below a file", "file/x"},
    {"file with a slash", "file/"}, {"empty", ""}, {"loop", "loop"}, {"below a loop", "loop/x"},
    {"name of 299 bytes", too_long_name}, {"path of 4999 bytes", too_long_path}, {"null pointer", NULL},
    {"pointer to nowhere", (char *)0x123456789000},
    {"pointer to the upper half", (char *)0xffff888000001000}, {"pointer to the middle", (char *)0x480000000000},
    {"not canonical", (char *)0x8000000000000000}, {"root", "/"}, {"a path of dots", "././././missing"},
    {"slashes", ".////missing////x"}, {"path of 4095 bytes", longest_path},
};

static void descriptors(void) {
  int ends[2], directory = open(".", O_RDONLY);
  pipe(ends);
  char buffer[16];
  struct stat status;
  number("read a directory", read(directory, buffer, 1));
  number("write a directory", write(directory, "x", 1));
  number("read a closed descriptor", read(77, buffer, 1));
  number("read descriptor -1", read(-1, buffer, 1));
  number("read descriptor 2^31 - 1", read(0x7fffffff, buffer, 1));
  number("write at a bad address", write(ends[1], (void *)8, 1));
  number("write nothing at a bad address", write(ends[1], (void *)8, 0));
  outcome("lseek a pipe", lseek(ends[0], 0, SEEK_CUR));
  outcome("ftruncate a pipe", ftruncate(ends[1], 0));
  outcome("fsync a pipe", fsync(ends[1]));
  outcome("fchdir a pipe", fchdir(ends[0]));
  outcome("fstat a closed descriptor", fstat(77, &status));
  outcome("fstat into nowhere", syscall(SYS_fstat, ends[0], (void *)8));
  number("getdents of a file", syscall(SYS_getdents64, open("file", O_RDONLY), buffer, sizeof buffer));
  number("getdents into 1 byte", syscall(SYS_getdents64, directory, buffer, 1));
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  memset(too_long_name, 'n', sizeof too_long_name - 1);
  memset(too_long_path, '/', sizeof too_long_path - 1);
  for (size_t i = 0; i < sizeof longest_path - 1; i++) longest_path[i] = "./"[i % 2];
  memcpy(longest_path + 4088, "missing", 7);
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    for (size_t j = 0; j < sizeof calls / sizeof *calls; j++) {
      unlink("file"), unlink("loop"), unlink("renamed"), unlink("linked"), unlink("missing"), rmdir("missing");
      create_file("file", "content"), create_file("victim", "");
      symlink("loop", "loop");
      errno = 0;
      printf("%s of %s", calls[j].name, paths[i].name);
      if (strcmp(paths[i].name, "root") == 0 && calls[j].left_out_for_root) {
        printf(": left out\n");
        continue;
      }
      int before = open(".", O_RDONLY | O_DIRECTORY);
      long result = calls[j].function(paths[i].path);
      printf(": %s\n", result == -1 ? error_name(errno) : "fine");
      fchdir(before);
      close(before);
      if (calls[j].function == call_open && result != -1) close((int)result);
    }
  descriptors();
  return finish();
}
