// SPDX-License-Identifier: Apache-2.0
// splice, tee and vmsplice.
#include "../support.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

static void new_pipe(int *ends) { need("pipe", pipe(ends)); }

static void available(const char *what, int descriptor) {
  int count = -1;
  ioctl(descriptor, FIONREAD, &count);
  printf("%s has %d\n", what, count);
}

static void show(const char *what, int descriptor) {
  char buffer[64] = "";
  long count = read(descriptor, buffer, 63);
  printf("%s: %ld %s\n", what, count, count > 0 ? buffer : "");
}

static void *write_later(void *argument) {
  usleep(20000);
  write((int)(intptr_t)argument, "later", 5);
  return NULL;
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  int a[2], b[2];
  new_pipe(a);
  new_pipe(b);
  create_file("source", "0123456789abcdef");
  int source = need("open", open("source", O_RDONLY)), target = need("create", open("target", O_RDWR | O_CREAT, 0644));
  number("file to pipe", splice(source, NULL, a[1], NULL, 6, 0));
  number("position", lseek(source, 0, SEEK_CUR));
  loff_t offset = 10;
  number("from an offset", splice(source, &offset, a[1], NULL, 100, 0));
  printf("offset %ld, position %ld\n", (long)offset, (long)lseek(source, 0, SEEK_CUR));
  number("at the end", splice(source, &offset, a[1], NULL, 100, 0));
  number("tee", tee(a[0], b[1], 100, 0));
  show("copy", b[0]);
  number("tee a part", tee(a[0], b[1], 4, 0));
  show("copy", b[0]);
  number("pipe to pipe", splice(a[0], NULL, b[1], NULL, 5, 0));
  available("a", a[0]);
  available("b", b[0]);
  number("pipe to file", splice(b[0], NULL, target, NULL, 100, 0));
  offset = 20;
  number("to an offset", splice(a[0], NULL, target, &offset, 3, 0));
  printf("offset %ld, position %ld, size %ld\n", (long)offset, (long)lseek(target, 0, SEEK_CUR),
    (long)lseek(target, 0, SEEK_END));
  number("the rest", splice(a[0], NULL, target, NULL, 100, SPLICE_F_MOVE | SPLICE_F_MORE));
  lseek(target, 0, SEEK_SET);
  char content[64];
  long count = read(target, content, 64);
  for (int i = 0; i < count; i++) putchar(content[i] ? content[i] : '.');
  puts("");
  number("nothing", splice(a[0], NULL, target, NULL, 0, 0));
  number("empty", splice(a[0], NULL, target, NULL, 10, SPLICE_F_NONBLOCK));
  number("empty", tee(a[0], b[1], 10, SPLICE_F_NONBLOCK));
  pthread_t thread;
  pthread_create(&thread, NULL, write_later, (void *)(intptr_t)a[1]);
  number("waited", splice(a[0], NULL, b[1], NULL, 10, 0));
  pthread_join(thread, NULL);
  show("later", b[0]);
  outcome("no pipe", splice(source, NULL, target, NULL, 1, 0));
  outcome("the same pipe", splice(a[0], NULL, a[1], NULL, 1, 0));
  outcome("the same pipe", tee(a[0], a[1], 1, 0));
  outcome("tee to a file", tee(a[0], target, 1, 0));
  outcome("offset of a pipe", splice(a[0], &offset, target, NULL, 1, 0));
  outcome("offset of a pipe", splice(source, NULL, a[1], &offset, 1, 0));
  outcome("wrong end", splice(a[1], NULL, target, NULL, 1, 0));
  outcome("wrong end", splice(source, NULL, a[0], NULL, 1, 0));
  outcome("not open", splice(1000, NULL, a[1], NULL, 1, 0));
  outcome("unknown flag", splice(source, NULL, a[1], NULL, 1, 0x100));
  outcome("unknown flag", tee(a[0], b[1], 1, 0x100));
  int appending = open("target", O_WRONLY | O_APPEND);
  write(a[1], "x", 1);
  outcome("to the end", splice(a[0], NULL, appending, NULL, 1, 0));
  int null = open("/dev/null", O_WRONLY);
  number("/dev/null", splice(a[0], NULL, null, NULL, 10, 0));
  int zero = open("/dev/zero", O_RDONLY);
  number("/dev/zero", splice(zero, NULL, a[1], NULL, 10, 0));
  read(a[0], content, 64);
  int ends[2];
  need("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  write(a[1], "to a socket", 11);
  number("to a socket", splice(a[0], NULL, ends[0], NULL, 100, 0));
  show("socket", ends[1]);

  struct iovec parts[2] = {{"first ", 6}, {"second", 6}};
  number("vmsplice", vmsplice(a[1], parts, 2, 0));
  char one[4] = "", two[20] = "";
  struct iovec places[2] = {{one, 3}, {two, 19}};
  number("vmsplice", vmsplice(a[0], places, 2, 0));
  printf("%s %s\n", one, two);
  outcome("vmsplice to a file", vmsplice(target, parts, 2, 0));
  outcome("bad vector", vmsplice(a[1], (void *)8, 2, 0));

  static char large[200000];
  for (int i = 0; i < (int)sizeof large; i++) large[i] = i * 31;
  lseek(target, 0, SEEK_SET);
  write(target, large, sizeof large);
  int copy = open("copy", O_RDWR | O_CREAT, 0644);
  offset = 0;
  long total = 0;
  while (true) {
    long moved = splice(target, &offset, a[1], NULL, 50000, 0);
    if (moved <= 0) break;
    while (moved > 0) {
      long out = splice(a[0], NULL, copy, NULL, moved, 0);
      if (out <= 0) return 1;
      moved -= out;
      total += out;
    }
  }
  number("copied", total);
  static char again[200000];
  number("read", pread(copy, again, sizeof again, 0));
  check("the same", memcmp(large, again, sizeof large) == 0);

  close(b[0]);
  write(a[1], "x", 1);
  outcome("nobody reads", splice(a[0], NULL, b[1], NULL, 1, 0));
  outcome("nobody reads", splice(source, &(loff_t){0}, b[1], NULL, 1, 0));
  read(a[0], content, 64);
  close(a[1]);
  number("nobody writes", splice(a[0], NULL, target, NULL, 1, 0));
  return finish();
}
