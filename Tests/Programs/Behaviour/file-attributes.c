// SPDX-License-Identifier: Apache-2.0
// What stat in its forms says, and chmod, chown, utimensat, umask and access that change or ask it.
#include "../support.h"
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>

// The first part of struct statx: not every C library declares it.
struct extended_status {
  uint32_t mask, block_size;
  uint64_t attributes;
  uint32_t links, user, group;
  uint16_t mode, filler;
  uint64_t inode, size, blocks, rest[26];
};

static void show(const char *what, const char *path) {
  struct stat status;
  if (stat(path, &status) == -1) return outcome(what, -1);
  long size = S_ISDIR(status.st_mode) ? 0 : (long)status.st_size;  // File systems differ in that of a directory.
  printf("%s: mode %o, size %ld, links %ld, mine %s\n", what, status.st_mode, size, (long)status.st_nlink,
         status.st_uid == getuid() ? "yes" : "no");
}

static void statuses(void) {
  create_file("file", "12345");
  symlink("file", "sym");
  show("stat of a file", "file");
  show("stat of a link", "sym");
  show("stat of a directory", ".");
  show("stat of what is missing", "missing");
  struct stat by_name, by_descriptor, link;
  stat("file", &by_name);
  int file = open("file", O_RDWR);
  fstat(file, &by_descriptor);
  lstat("sym", &link);
  check("fstat says the same", memcmp(&by_name, &by_descriptor, sizeof by_name) == 0);
  printf("lstat of a link: mode %o, size %ld\n", link.st_mode, (long)link.st_size);
  check("a link has its own inode", link.st_ino != by_name.st_ino && link.st_dev == by_name.st_dev);
  check("5 bytes take at most 16 blocks", by_name.st_blocks <= 16);
  check("its block size is sane", by_name.st_blksize >= 512 && by_name.st_blksize <= 1 << 22);
  check("its time is after 2024", by_name.st_mtime > 1704067200);

  struct stat at;
  outcome("fstatat of a descriptor itself", fstatat(file, "", &at, AT_EMPTY_PATH));
  check("it is the same file", at.st_ino == by_name.st_ino);
  outcome("fstatat without following", fstatat(AT_FDCWD, "sym", &at, AT_SYMLINK_NOFOLLOW));
  check("it is the link", S_ISLNK(at.st_mode));
  outcome("fstatat of an empty path", fstatat(AT_FDCWD, "", &at, 0));
  outcome("fstatat with unknown flags", fstatat(AT_FDCWD, "file", &at, 0x40000000));
  struct extended_status extended;
  outcome("statx", syscall(SYS_statx, AT_FDCWD, "file", 0, 0x7ff, &extended));
  check("statx says the same", extended.inode == by_name.st_ino && extended.size == 5 && extended.links == 1 &&
                                   extended.mode == by_name.st_mode && (extended.mask & 0x7ff) == 0x7ff);
  outcome("statx with a reserved mask", syscall(SYS_statx, AT_FDCWD, "file", 0, 0x80000000, &extended));
  close(file);
}

static void modes(void) {
  outcome("chmod", chmod("file", 0751));
  show("after it", "file");
  outcome("chmod with the special bits", chmod("file", 07644));
  show("after it", "file");
  outcome("fchmodat", fchmodat(AT_FDCWD, "sym", 0600, 0));
  show("it went through the link", "file");
  outcome("chmod of what is missing", chmod("missing", 0600));
  outcome("chown to myself", chown("file", getuid(), getgid()));
  outcome("chown to nobody in particular", chown("file", -1, -1));
  outcome("lchown of a link", lchown("sym", getuid(), -1));
  umask(027);
  close(open("masked", O_CREAT | O_WRONLY, 0666));
  show("created under the mask 027", "masked");
  mkdir("masked-directory", 0777);
  show("a directory under it", "masked-directory");
  printf("the mask was %o\n", umask(022));
  outcome("access", access("file", R_OK | W_OK));
  outcome("access of an invalid kind", access("file", 99));
  outcome("access to execute what nobody may", access("file", X_OK));
  outcome("faccessat2 of the link itself", syscall(439, AT_FDCWD, "sym", F_OK, AT_SYMLINK_NOFOLLOW));
}

static void times(void) {
  struct timespec wanted[2] = {{1000000000, 123456789}, {1500000000, 987654321}};
  struct stat before, after;
  outcome("utimensat", utimensat(AT_FDCWD, "file", wanted, 0));
  stat("file", &after);
  printf("times: %ld.%09ld %ld.%09ld\n", after.st_atim.tv_sec, after.st_atim.tv_nsec, after.st_mtim.tv_sec,
         after.st_mtim.tv_nsec);
  wanted[0].tv_nsec = UTIME_OMIT;
  wanted[1].tv_nsec = UTIME_NOW;
  outcome("utimensat of now", utimensat(AT_FDCWD, "file", wanted, 0));
  stat("file", &after);
  check("one time is kept, the other is now", after.st_atime == 1000000000 && after.st_mtime > 1704067200);
  wanted[1].tv_nsec = 1000000000;
  outcome("utimensat of a billion nanoseconds", utimensat(AT_FDCWD, "file", wanted, 0));
  wanted[0] = wanted[1] = (struct timespec){1, 2};
  outcome("utimensat of a link itself", utimensat(AT_FDCWD, "sym", wanted, AT_SYMLINK_NOFOLLOW));
  stat("file", &before);
  check("the file's time is kept", before.st_mtime == after.st_mtime);

  utimensat(AT_FDCWD, "file", (struct timespec[]){{1, 0}, {1, 0}}, 0);
  int file = open("file", O_WRONLY);
  write(file, "x", 1);
  fstat(file, &after);
  check("a write changes the time", after.st_mtime > 1704067200);
  close(file);
  utimensat(AT_FDCWD, ".", (struct timespec[]){{1, 0}, {1, 0}}, 0);
  create_file("another", "");
  stat(".", &after);
  check("a new name changes its directory's time", after.st_mtime > 1704067200);
}

static void file_systems(void) {
  struct statfs status;
  outcome("statfs", statfs(".", &status));
  check("it has a block size and blocks", status.f_bsize >= 512 && status.f_blocks > 0 && status.f_bfree <= status.f_blocks);
  check("names may have 255 bytes", status.f_namelen == 255);
  outcome("statfs of what is missing", statfs("missing", &status));
  struct statvfs standard;
  outcome("statvfs", statvfs(".", &standard));
  struct stat null;
  stat("/dev/null", &null);
  printf("/dev/null: mode type %o, device %u:%u\n", null.st_mode & S_IFMT, major(null.st_rdev), minor(null.st_rdev));
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  statuses();
  modes();
  times();
  file_systems();
  return finish();
}
