// SPDX-License-Identifier: Apache-2.0
// Descriptors: numbering, duplicates that share a position, flags, O_PATH, pipes within one process, polling.
#include "../support.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>

static void duplicates(void) {
  int file = open("file", O_CREAT | O_RDWR, 0644);
  number("the lowest free descriptor", file);
  number("dup", dup(file));
  number("dup2", dup2(file, 10));
  number("dup2 onto itself", dup2(10, 10));
  number("dup3 onto itself", dup3(10, 10, 0));
  number("dup3 with close-on-exec", dup3(file, 11, O_CLOEXEC));
  number("its flags", fcntl(11, F_GETFD));
  number("F_DUPFD", fcntl(file, F_DUPFD, 10));
  number("F_DUPFD_CLOEXEC", fcntl(file, F_DUPFD_CLOEXEC, 20));
  number("its flags", fcntl(20, F_GETFD));
  write(file, "abc", 3);
  number("duplicates share the position", lseek(10, 0, SEEK_CUR));
  int separate = open("file", O_RDONLY);
  number("a second open has its own", lseek(separate, 0, SEEK_CUR));
  number("dup of a closed one", dup(50));
  number("dup2 to -1", dup2(file, -1));
  number("dup2 to 2^30", dup2(file, 1 << 30));
  number("F_DUPFD from 2^30", fcntl(file, F_DUPFD, 1 << 30));
  outcome("close", close(10));
  outcome("close again", close(10));
  number("a freed number is taken again", dup(file));
  outcome("close_range", syscall(436, 4, 100, 0));
  outcome("closed by it", fcntl(11, F_GETFD));
  outcome("close_range upside down", syscall(436, 9, 8, 0));
  close(file);
}

static void flags(void) {
  int file = open("file", O_RDWR | O_APPEND);
  int mode = fcntl(file, F_GETFL);
  check("F_GETFL tells mode and append", (mode & O_ACCMODE) == O_RDWR && (mode & O_APPEND));
  outcome("F_SETFL without append", fcntl(file, F_SETFL, 0));
  check("it is gone, the mode stays", (fcntl(file, F_GETFL) & (O_ACCMODE | O_APPEND)) == O_RDWR);
  outcome("F_SETFD", fcntl(file, F_SETFD, FD_CLOEXEC));
  number("F_GETFD", fcntl(file, F_GETFD));
  outcome("an unknown command", fcntl(file, 9999));
  outcome("TCGETS of a file", ioctl(file, 0x5401, mode));
  outcome("isatty", isatty(file) ? 0 : -1);
  close(file);

  int path = open("file", O_PATH);
  outcome("O_PATH", path);
  number("read of it", read(path, &mode, 1));
  struct stat status;
  outcome("fstat of it", fstat(path, &status));
  outcome("fchmod of it", fchmod(path, 0600));
  outcome("ftruncate of it", ftruncate(path, 0));
  outcome("mmap of it", mmap(NULL, 1, PROT_READ, MAP_PRIVATE, path, 0) == MAP_FAILED ? -1 : 0);
  close(path);
}

static short events_of(int descriptor, short wanted) {
  struct pollfd entry = {descriptor, wanted, 0};
  poll(&entry, 1, 0);
  return entry.revents;
}

static void pipes(void) {
  int ends[2];
  outcome("pipe", pipe2(ends, O_NONBLOCK));
  char buffer[100000];
  memset(buffer, 'p', sizeof buffer);
  number("read of an empty pipe", read(ends[0], buffer, 10));
  number("events of an empty one", events_of(ends[0], POLLIN) * 1000 + events_of(ends[1], POLLOUT));
  number("write", write(ends[1], "hello", 5));
  int waiting = 0;
  ioctl(ends[0], FIONREAD, &waiting);
  number("bytes that wait", waiting);
  number("events of one with bytes", events_of(ends[0], POLLIN) * 1000 + events_of(ends[1], POLLOUT));
  number("read a part", read(ends[0], buffer, 2));
  number("read the rest", read(ends[0], buffer, 10));
  number("its capacity", fcntl(ends[1], F_GETPIPE_SZ));
  number("write more than it holds", write(ends[1], buffer, sizeof buffer));
  number("write to a full one", write(ends[1], buffer, 1));
  number("events of a full one", events_of(ends[0], POLLIN) * 1000 + events_of(ends[1], POLLOUT));
  number("read 100000", read(ends[0], buffer, sizeof buffer));
  write(ends[1], "end", 3);
  close(ends[1]);
  number("read what was left", read(ends[0], buffer, 10));
  number("read the end of file", read(ends[0], buffer, 10));
  number("events after the end", events_of(ends[0], POLLIN));
  number("write to the reading end", write(ends[0], "x", 1));
  outcome("seek in a pipe", lseek(ends[0], 0, SEEK_SET));
  number("pread of a pipe", pread(ends[0], buffer, 1, 0));
  struct stat status;
  fstat(ends[0], &status);
  check("it is a pipe", S_ISFIFO(status.st_mode));
  close(ends[0]);
  number("events of a closed one", events_of(ends[0], POLLIN));
  outcome("pipe2 with unknown flags", pipe2(ends, 0x40));
  outcome("pipe at a bad address", pipe((int *)8));
  fd_set set;
  FD_ZERO(&set);
  pipe(ends);
  FD_SET(ends[0], &set);
  number("select of an empty pipe", select(ends[0] + 1, &set, NULL, NULL, &(struct timeval){0}));
  write(ends[1], "x", 1);
  FD_SET(ends[0], &set);
  number("select of one with a byte", select(ends[0] + 1, &set, NULL, NULL, NULL));
  check("it names the descriptor", FD_ISSET(ends[0], &set));
}

static void limits(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 40;
  outcome("lower the limit", setrlimit(RLIMIT_NOFILE, &limit));
  int last = -1;
  for (int next; (next = dup(1)) != -1;) last = next;
  outcome("the one too many", -1);
  number("the last was", last);
  number("dup2 beyond it", dup2(1, 40));
}

int main(int argc, char **argv) {
  for (int descriptor = 3; descriptor < 64; descriptor++) close(descriptor);
  enter_directory(argc, argv);
  duplicates();
  flags();
  pipes();
  limits();
  return finish();
}
