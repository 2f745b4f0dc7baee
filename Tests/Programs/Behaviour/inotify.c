// SPDX-License-Identifier: Apache-2.0
// inotify(7).
#include "../support.h"

#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <dirent.h>

static int instance;
static uint32_t last_cookie;

static void show_events(const char *what, int descriptor) {
  static const struct { uint32_t bit; const char *name; } names[] = {
    {IN_ACCESS, "access"}, {IN_MODIFY, "modify"}, {IN_ATTRIB, "attributes"}, {IN_CLOSE_WRITE, "close-writable"},
    {IN_CLOSE_NOWRITE, "close"}, {IN_OPEN, "open"}, {IN_MOVED_FROM, "from"}, {IN_MOVED_TO, "to"},
    {IN_CREATE, "create"}, {IN_DELETE, "delete"}, {IN_DELETE_SELF, "delete-self"}, {IN_MOVE_SELF, "move-self"},
    {IN_IGNORED, "ignored"}, {IN_Q_OVERFLOW, "overflow"}, {IN_ISDIR, "directory"}};
  static char buffer[65536];
  printf("%s:\n", what);
  long size = read(descriptor, buffer, sizeof buffer);
  for (long place = 0; place < size;) {
    struct inotify_event *event = (void *)(buffer + place);
    printf("  %d", event->wd);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
      if (event->mask & names[i].bit) printf(" %s", names[i].name);
    if (event->len > 0) printf(" \"%s\" %u", event->name, event->len);
    if (event->mask & IN_MOVED_FROM) printf(" %s", event->cookie != 0 && event->cookie != last_cookie ? "new" : "OLD");
    if (event->mask & IN_MOVED_TO) printf(" %s", event->cookie == last_cookie ? "same" : "OTHER");
    if (event->cookie != 0) last_cookie = event->cookie;
    puts("");
    place += sizeof *event + event->len;
  }
}

static void show(const char *what) { show_events(what, instance); }

static int watch(const char *path, uint32_t mask) { return inotify_add_watch(instance, path, mask); }

static void errors(void) {
  outcome("bad flags", inotify_init1(1));
  int one = need("inotify", inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  char path[64], target[64] = "", small[16];
  snprintf(path, sizeof path, "/proc/self/fd/%d", one);
  readlink(path, target, sizeof target - 1);
  printf("%s %#x %d\n", target, fcntl(one, F_GETFL), fcntl(one, F_GETFD));
  create_file("file", "x");
  symlink("file", "link");
  symlink("missing", "broken");
  mkdir("directory", 0755);
  outcome("no events", inotify_add_watch(one, "file", 0));
  outcome("unknown events", inotify_add_watch(one, "file", 0x1000));
  outcome("missing", inotify_add_watch(one, "missing", IN_OPEN));
  outcome("broken", inotify_add_watch(one, "broken", IN_OPEN));
  outcome("bad path", inotify_add_watch(one, (char *)8, IN_OPEN));
  outcome("not open", inotify_add_watch(1000, "file", IN_OPEN));
  outcome("no inotify", inotify_add_watch(1, "file", IN_OPEN));
  outcome("no directory", inotify_add_watch(one, "file", IN_OPEN | IN_ONLYDIR));
  outcome("both", inotify_add_watch(one, "file", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
  number("directory", inotify_add_watch(one, "directory", IN_OPEN | IN_ONLYDIR));
  number("file", inotify_add_watch(one, "file", IN_OPEN));
  number("by the link", inotify_add_watch(one, "link", IN_OPEN));
  number("the link", inotify_add_watch(one, "link", IN_OPEN | IN_DONT_FOLLOW));
  outcome("again", inotify_add_watch(one, "file", IN_OPEN | IN_MASK_CREATE));
  outcome("no such watch", inotify_rm_watch(one, 77));
  outcome("no such watch", inotify_rm_watch(one, -1));
  outcome("no inotify", inotify_rm_watch(1, 1));
  outcome("nothing", read(one, path, sizeof path));
  outcome("remove", inotify_rm_watch(one, 2));
  outcome("remove again", inotify_rm_watch(one, 2));
  int available = 0;
  ioctl(one, FIONREAD, &available);
  printf("available %d\n", available);
  struct pollfd entry = {.fd = one, .events = POLLIN | POLLOUT | POLLRDNORM};
  printf("poll %d %#x\n", poll(&entry, 1, 0), entry.revents);
  outcome("small", read(one, small, 15));
  number("enough", read(one, small, 16));
  number("a new number", inotify_add_watch(one, "file", IN_OPEN));
  outcome("write", write(one, small, 16));
  close(one);
  unlink("file");
  unlink("link");
  unlink("broken");
  rmdir("directory");
}

static void contents(void) {
  int directory = watch(".", IN_ALL_EVENTS);
  printf("watch %d\n", directory);
  int file = need("open", open("file", O_CREAT | O_RDWR, 0644));
  show("created");
  printf("watch %d\n", watch("file", IN_ALL_EVENTS));
  write(file, "some text", 9);
  write(file, "more", 4);
  show("written");
  char buffer[64];
  pread(file, buffer, 4, 0);
  show("read");
  read(file, buffer, 4);
  show("read at the end");
  pwrite(file, "x", 1, 3);
  struct iovec part = {buffer, 4};
  preadv(file, &part, 1, 0);
  pwritev(file, &part, 1, 0);
  show("vectors");
  ftruncate(file, 5);
  show("ftruncate");
  truncate("file", 50);
  show("truncate");
  fallocate(file, 0, 0, 100);
  show("fallocate");
  fchmod(file, 0600);
  chmod("file", 0644);
  show("chmod");
  chown("file", getuid(), getgid());
  show("chown");
  utimes("file", NULL);
  show("utimes");
  utimensat(AT_FDCWD, "file", (struct timespec[]){{1, 0}, {0, UTIME_OMIT}}, 0);
  show("access time");
  utimensat(AT_FDCWD, "file", (struct timespec[]){{0, UTIME_OMIT}, {1, 0}}, 0);
  show("modification time");
  setxattr("file", "user.test", "x", 1, 0);
  show("setxattr");
  int other = need("open", open("other", O_CREAT | O_RDWR, 0644));
  show("other");
  sendfile(other, file, &(off_t){0}, 10);
  show("sendfile");
  close(other);
  show("closed");
  close(open("other", O_RDONLY));
  show("read only");
  close(open("other", O_WRONLY | O_TRUNC));
  show("truncated");
  close(open("other", O_PATH));
  struct stat status;
  stat("other", &status);
  access("other", R_OK);
  show("not told");
  int copy = dup(file);
  close(file);
  show("a copy is open");
  close(copy);
  show("closed");
}

static void names(void) {
  link("file", "hard");
  show("link");
  unlink("hard");
  show("unlink");
  symlink("file", "soft");
  show("symlink");
  mkdir("sub", 0755);
  show("mkdir");
  printf("watch %d\n", watch("sub", IN_ALL_EVENTS));
  DIR *listing = opendir("sub");
  readdir(listing);
  closedir(listing);
  show("listed");
  create_file("sub/inner", "x");
  show("inner");
  rename("sub/inner", "outer");
  show("out of it");
  rename("outer", "sub/inner");
  show("into it");
  rename("sub", "renamed");
  show("directory");
  create_file("renamed/more", "x");
  show("still watched");
  mkfifo("fifo", 0644);
  show("fifo");
  int socket_file = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(socket_file, (struct sockaddr *)&(struct sockaddr_un){AF_UNIX, "socket"}, sizeof(struct sockaddr_un));
  show("socket");
  close(socket_file);
  renameat2(AT_FDCWD, "fifo", AT_FDCWD, "soft", RENAME_EXCHANGE);
  show("exchange");
  rename("file", "other");
  show("over another");
  unlink("renamed/inner");
  unlink("renamed/more");
  show("emptied");
  rmdir("renamed");
  show("rmdir");
  int open_file = need("open", open("other", O_RDWR));
  show("open");
  unlink("other");
  show("unlinked");
  write(open_file, "x", 1);
  show("written");
  close(open_file);
  show("closed");
  outcome("no longer watched", inotify_rm_watch(instance, 2));
  create_file("short", "x");
  watch("short", IN_ALL_EVENTS);
  show("short");
  unlink("short");
  show("unlinked");
}

static void manners(void) {
  close(instance);
  instance = need("inotify", inotify_init1(IN_NONBLOCK));
  create_file("file", "x");
  watch(".", IN_CREATE | IN_DELETE);
  close(open("file", O_RDONLY));
  create_file("new", "");
  show("only these");
  watch(".", IN_OPEN);
  create_file("new2", "");
  show("others");
  watch(".", IN_CREATE | IN_MASK_ADD);
  create_file("new3", "");
  show("both");
  printf("%d\n", watch("file", IN_OPEN | IN_ONESHOT));
  inotify_rm_watch(instance, 1);
  close(open("file", O_RDONLY));
  close(open("file", O_RDONLY));
  show("one shot");
  watch(".", IN_MODIFY | IN_EXCL_UNLINK);
  int file = open("file", O_RDWR);
  write(file, "x", 1);
  unlink("file");
  write(file, "x", 1);
  close(file);
  show("not what is unlinked");
  int other = need("inotify", inotify_init1(IN_NONBLOCK));
  inotify_add_watch(other, ".", IN_CREATE);
  create_file("new4", "");
  show("first instance");
  show_events("second instance", other);
  close(other);
  // The longest name, and one that just fits.
  char name[256];
  memset(name, 'n', 255);
  name[255] = 0;
  watch(".", IN_CREATE);
  create_file(name, "");
  create_file("123456789012345", "");
  create_file("1234567890123456", "");
  show("names");
  char small[40];
  create_file("tiny", "");
  create_file("tiny2", "");
  number("one of two", read(instance, small, 40));
  number("the other", read(instance, small, 40));
}

static void *create_later(void *name) {
  usleep(20000);
  create_file(name, "");
  return NULL;
}

static void waiting(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, create_later, "later");
  struct pollfd entry = {.fd = instance, .events = POLLIN};
  number("poll", poll(&entry, 1, 5000));
  pthread_join(thread, NULL);
  show("later");
  fcntl(instance, F_SETFL, 0);
  pthread_create(&thread, NULL, create_later, "much later");
  show("waited");
  pthread_join(thread, NULL);
  fcntl(instance, F_SETFL, O_NONBLOCK);
  // More than there is room for.
  watch("later", IN_OPEN | IN_CLOSE);
  for (int i = 0; i < 9000; i++) close(open("later", O_RDONLY));
  static char buffer[1 << 20];
  long size = read(instance, buffer, sizeof buffer);
  struct inotify_event *last = (void *)(buffer + size - sizeof *last);
  printf("%ld events, the last %d %#x\n", size / (long)sizeof *last, last->wd, last->mask);
  outcome("then", read(instance, buffer, sizeof buffer));
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  instance = need("inotify", inotify_init1(IN_NONBLOCK));
  errors();
  contents();
  names();
  manners();
  waiting();
  return finish();
}
