// SPDX-License-Identifier: Apache-2.0
// Sockets of the family AF_UNIX: names, connections, options, descriptors in messages.
#include "../support.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>


static void pair(int type, int *ends) { need("socketpair", socketpair(AF_UNIX, type, 0, ends)); }

static void show_poll(const char *what, int descriptor) {
  struct pollfd entry = {.fd = descriptor, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
  int count = poll(&entry, 1, 0);
  printf("%s: poll %d, %#x\n", what, count, entry.revents);
}

static const char *socket_error(int error) {
  switch (error) {
    case EDESTADDRREQ: return "EDESTADDRREQ";
    case EMSGSIZE: return "EMSGSIZE";
    case EPROTOTYPE: return "EPROTOTYPE";
    case ENOPROTOOPT: return "ENOPROTOOPT";
    case EPROTONOSUPPORT: return "EPROTONOSUPPORT";
    case ESOCKTNOSUPPORT: return "ESOCKTNOSUPPORT";
    case EAFNOSUPPORT: return "EAFNOSUPPORT";
    case EADDRINUSE: return "EADDRINUSE";
    case ECONNRESET: return "ECONNRESET";
    case EISCONN: return "EISCONN";
    case ENOTCONN: return "ENOTCONN";
    case ETOOMANYREFS: return "ETOOMANYREFS";
    case ECONNREFUSED: return "ECONNREFUSED";
    default: return error_name(error);
  }
}

static void result(const char *what, long value) {
  if (value == -1)
    printf("%s: %s\n", what, socket_error(errno));
  else
    printf("%s: %ld\n", what, value);
}

static void done(const char *what, long value) { result(what, value == -1 ? -1 : 0); }

static socklen_t path_address(struct sockaddr_un *address, const char *path) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  strcpy(address->sun_path, path);
  return offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
}

static socklen_t abstract_address(struct sockaddr_un *address, const char *name) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  memcpy(address->sun_path + 1, name, strlen(name));
  return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}

static void show_address(const char *what, struct sockaddr_un *address, socklen_t length) {
  printf("%s: length %d", what, length);
  if (length > 2)
    printf(", \"%s%.*s\"", address->sun_path[0] ? "" : "@", (int)length - 2 - !address->sun_path[0],
      address->sun_path + !address->sun_path[0]);
  puts("");
}

static void show_names(int descriptor) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  long found = getsockname(descriptor, (struct sockaddr *)&address, &length);
  if (found == 0) show_address("name", &address, length);
  else result("name", found);
  length = sizeof address;
  found = getpeername(descriptor, (struct sockaddr *)&address, &length);
  if (found == 0) show_address("peer", &address, length);
  else result("peer", found);
}

static int option(int descriptor, int name) {
  int value = -77;
  socklen_t length = sizeof value;
  if (getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == -1) return -errno;
  return value;
}

static void making(void) {
  result("no family", socket(1000, SOCK_STREAM, 0));
  result("no such family", socket(AF_APPLETALK, SOCK_STREAM, 0));
  result("no type", socket(AF_UNIX, 100, 0));
  result("no kind", socket(AF_UNIX, SOCK_RDM, 0));
  result("no flags", socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
  result("no protocol", socket(AF_UNIX, SOCK_STREAM, 7));
  done("protocol", close(socket(AF_UNIX, SOCK_STREAM, PF_UNIX)));
  result("bad address", syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8L));
  int raw = socket(AF_UNIX, SOCK_RAW, 0);
  printf("raw is %d\n", option(raw, SO_TYPE));
  close(raw);
  int flagged = need("socket", socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  printf("flags %#x %d\n", fcntl(flagged, F_GETFL), fcntl(flagged, F_GETFD));
  struct stat status;
  fstat(flagged, &status);
  printf("mode %o, size %ld\n", status.st_mode, (long)status.st_size);
  char path[64], target[64] = "";
  snprintf(path, sizeof path, "/proc/self/fd/%d", flagged);
  readlink(path, target, sizeof target - 1);
  printf("link %.8s\n", target);
  result("lseek", lseek(flagged, 0, SEEK_SET));
  result("pread", pread(flagged, path, 1, 0));
  result("read", read(flagged, path, 1));
  result("read nothing", read(flagged, path, 0));
  result("write", write(flagged, path, 1));
  result("fsync", fsync(flagged));
  result("ftruncate", ftruncate(flagged, 0));
  show_poll("stream", flagged);
  show_names(flagged);
  done("not a socket", listen(1, 1));
  done("not open", listen(1000, 1));
  result("accept", accept(flagged, NULL, NULL));
  done("listen", listen(flagged, 1));
  done("shutdown", shutdown(flagged, 3));
  done("shutdown", shutdown(flagged, SHUT_WR));
  close(flagged);
  for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
    if (type == SOCK_RAW || type == SOCK_RDM) continue;
    int one = need("socket", socket(AF_UNIX, type, 0));
    printf("type %d domain %d protocol %d error %d accepts %d send %d receive %d\n", option(one, SO_TYPE),
      option(one, SO_DOMAIN), option(one, SO_PROTOCOL), option(one, SO_ERROR), option(one, SO_ACCEPTCONN),
      option(one, SO_SNDBUF), option(one, SO_RCVBUF));
    show_poll("alone", one);
    result("send", send(one, "x", 1, MSG_NOSIGNAL));
    result("receive", recv(one, path, 1, MSG_DONTWAIT));
    result("listen", listen(one, 1));
    close(one);
  }
}

static void options(void) {
  int one = need("socket", socket(AF_UNIX, SOCK_STREAM, 0));
  static const int values[] = {0, 1, 2000, 10000, 50000, 100000};
  for (int i = 0; i < 6; i++) {
    setsockopt(one, SOL_SOCKET, SO_SNDBUF, &values[i], 4);
    setsockopt(one, SOL_SOCKET, SO_RCVBUF, &values[i], 4);
    printf("buffers %d %d\n", option(one, SO_SNDBUF), option(one, SO_RCVBUF));
  }
  static const int flags[] = {SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE, SO_PASSCRED};
  int two = 2;
  for (int i = 0; i < 5; i++) {
    done("set", setsockopt(one, SOL_SOCKET, flags[i], &two, 4));
    printf("%d\n", option(one, flags[i]));
  }
  done("set type", setsockopt(one, SOL_SOCKET, SO_TYPE, &two, 4));
  done("set error", setsockopt(one, SOL_SOCKET, SO_ERROR, &two, 4));
  done("set port", setsockopt(one, SOL_SOCKET, SO_REUSEPORT, &two, 4));
  done("set unknown", setsockopt(one, SOL_SOCKET, 1000, &two, 4));
  done("get unknown", getsockopt(one, SOL_SOCKET, 1000, &two, &(socklen_t){4}));
  done("set short", setsockopt(one, SOL_SOCKET, SO_REUSEADDR, &two, 2));
  done("other level", setsockopt(one, 6, 1, &two, 4));
  done("other level", getsockopt(one, 6, 1, &two, &(socklen_t){4}));
  done("bad address", setsockopt(one, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4));
  struct timeval time = {1, 500000};
  done("timeout", setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
  time = (struct timeval){0};
  socklen_t length = sizeof time;
  getsockopt(one, SOL_SOCKET, SO_RCVTIMEO, &time, &length);
  printf("%d: %ld.%06ld\n", length, (long)time.tv_sec, (long)time.tv_usec);
  time.tv_usec = 1000000;
  done("timeout", setsockopt(one, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
  done("timeout", setsockopt(one, SOL_SOCKET, SO_SNDTIMEO, &time, 8));
  struct linger linger = {1, 5};
  done("linger", setsockopt(one, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  linger = (struct linger){0};
  length = sizeof linger;
  getsockopt(one, SOL_SOCKET, SO_LINGER, &linger, &length);
  printf("%d: %d %d\n", length, linger.l_onoff, linger.l_linger);
  struct ucred peer;
  length = sizeof peer;
  getsockopt(one, SOL_SOCKET, SO_PEERCRED, &peer, &length);
  printf("%d: %d %d %d\n", length, peer.pid, (int)peer.uid, (int)peer.gid);
  length = 6;
  getsockopt(one, SOL_SOCKET, SO_PEERCRED, &peer, &length);
  printf("%d\n", length);
  close(one);
  int ends[2];
  pair(SOCK_DGRAM, ends);
  length = sizeof peer;
  getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &peer, &length);
  printf("%d: %d %d %d\n", length, peer.pid == getpid(), peer.uid == geteuid(), peer.gid == getegid());
  close(ends[0]);
  close(ends[1]);
  pair(SOCK_STREAM, ends);
  time = (struct timeval){0, 20000};
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  char buffer[4];
  result("in time", recv(ends[0], buffer, 4, 0));
  close(ends[0]);
  close(ends[1]);
}

static void *send_later(void *argument) {
  usleep(20000);
  send((int)(intptr_t)argument, "later", 5, 0);
  return NULL;
}

static void *close_later(void *argument) {
  usleep(20000);
  close((int)(intptr_t)argument);
  return NULL;
}

static void *drain_later(void *argument) {
  usleep(20000);
  char buffer[65536];
  long total = 0, count;
  while ((count = recv((int)(intptr_t)argument, buffer, sizeof buffer, 0)) > 0) total += count;
  return (void *)total;
}

static void streams(void) {
  int ends[2];
  char buffer[256] = "";
  pair(SOCK_STREAM, ends);
  show_poll("new", ends[0]);
  show_names(ends[0]);
  result("write", write(ends[0], "hello", 5));
  result("send", send(ends[0], " world", 6, 0));
  int available = 0;
  done("available", ioctl(ends[1], FIONREAD, &available));
  printf("%d\n", available);
  show_poll("written", ends[1]);
  result("peek", recv(ends[1], buffer, 8, MSG_PEEK));
  printf("%.8s\n", buffer);
  result("peek all", recv(ends[1], buffer, sizeof buffer, MSG_PEEK));
  printf("%.11s\n", buffer);
  result("receive", recv(ends[1], buffer, 3, 0));
  result("receive", recv(ends[1], buffer, sizeof buffer, MSG_TRUNC));
  printf("%.8s\n", buffer);
  result("nothing there", recv(ends[1], buffer, 4, MSG_DONTWAIT));
  result("nothing there", recv(ends[1], buffer, 0, MSG_DONTWAIT));
  result("out of band", recv(ends[1], buffer, 4, MSG_OOB | MSG_DONTWAIT) == -1 ? 0 : 1);
  result("send nothing", send(ends[0], buffer, 0, 0));
  result("bad address", send(ends[0], (void *)8, 4, 0));
  result("bad range", send(ends[0], (void *)(1L << 60), 4, 0));
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  result("to somebody", sendto(ends[0], "x", 1, 0, (struct sockaddr *)&address, sizeof address));
  struct iovec parts[3] = {{"one", 3}, {"", 0}, {"two!", 4}};
  result("writev", writev(ends[0], parts, 3));
  char small[2], rest[16] = "";
  struct iovec places[2] = {{small, 2}, {rest, 16}};
  result("readv", readv(ends[1], places, 2));
  printf("%.2s %s\n", small, rest);
  write(ends[0], "some", 4);
  result("receive into nothing", recv(ends[1], (void *)8, 4, 0));
  result("still there", recv(ends[1], buffer, 16, MSG_DONTWAIT));
  pthread_t thread;
  pthread_create(&thread, NULL, send_later, (void *)(intptr_t)ends[0]);
  result("waited", recv(ends[1], buffer, 16, 0));
  pthread_join(thread, NULL);
  write(ends[0], "abc", 3);
  pthread_create(&thread, NULL, send_later, (void *)(intptr_t)ends[0]);
  result("waited for all", recv(ends[1], buffer, 8, MSG_WAITALL));
  printf("%.8s\n", buffer);
  pthread_join(thread, NULL);

  static char big[300000];
  for (int i = 0; i < (int)sizeof big; i++) big[i] = i * 7;
  pthread_create(&thread, NULL, drain_later, (void *)(intptr_t)ends[1]);
  result("large", send(ends[0], big, sizeof big, 0));
  result("larger", send(ends[0], big, sizeof big, 0));
  shutdown(ends[0], SHUT_WR);
  void *total;
  pthread_join(thread, &total);
  printf("drained %ld\n", (long)total);
  show_poll("closed for writing", ends[0]);
  show_poll("closed for reading", ends[1]);
  result("end", recv(ends[1], buffer, 4, 0));
  result("write after the end", send(ends[0], "x", 1, MSG_NOSIGNAL));
  result("the other way", send(ends[1], "back", 4, 0));
  result("the other way", recv(ends[0], buffer, 16, 0));
  close(ends[1]);
  show_poll("closed", ends[0]);
  result("end", recv(ends[0], buffer, 4, 0));
  result("error", option(ends[0], SO_ERROR));
  show_names(ends[0]);
  close(ends[0]);

  pair(SOCK_STREAM, ends);
  write(ends[0], "unread", 6);
  write(ends[1], "mine", 4);
  close(ends[1]);
  show_poll("reset", ends[0]);
  result("what was sent", recv(ends[0], buffer, 16, 0));
  result("reset", recv(ends[0], buffer, 16, 0));
  result("end", recv(ends[0], buffer, 16, 0));
  signal(SIGPIPE, SIG_IGN);
  result("broken", write(ends[0], "x", 1));
  close(ends[0]);
  pair(SOCK_STREAM, ends);
  pthread_create(&thread, NULL, close_later, (void *)(intptr_t)ends[1]);
  result("closed while waiting", recv(ends[0], buffer, 16, 0));
  pthread_join(thread, NULL);
  close(ends[0]);
  pair(SOCK_STREAM | SOCK_NONBLOCK, ends);
  long sent = 0, count;
  while ((count = write(ends[0], big, 4096)) > 0) sent += count;
  result("full", count);
  check("some went in", sent >= 65536 && sent < 500000);
  show_poll("full", ends[0]);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLET};
  epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
  number("room", epoll_wait(epoll, &event, 1, 0));
  while (read(ends[1], big, sizeof big) > 0) {}
  number("room", epoll_wait(epoll, &event, 1, 0));
  number("room", epoll_wait(epoll, &event, 1, 0));
  shutdown(ends[1], SHUT_RD);
  result("nobody reads", write(ends[0], "x", 1));
  show_poll("nobody reads", ends[0]);
  show_poll("reads no more", ends[1]);
  close(epoll);
  close(ends[0]);
  close(ends[1]);
}

static void packets(int type) {
  int ends[2];
  char buffer[64] = "";
  pair(type, ends);
  show_poll("new", ends[0]);
  result("send", send(ends[0], "first", 5, 0));
  result("send", send(ends[0], "second one", 10, 0));
  result("send nothing", send(ends[0], "", 0, 0));
  int available = 0;
  ioctl(ends[1], FIONREAD, &available);
  printf("available %d\n", available);
  result("peek", recv(ends[1], buffer, 3, MSG_PEEK));
  result("receive", recv(ends[1], buffer, sizeof buffer, 0));
  printf("%.5s\n", buffer);
  struct iovec part = {buffer, 4};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  result("truncated", recvmsg(ends[1], &header, MSG_TRUNC));
  printf("%.4s %#x\n", buffer, header.msg_flags);
  result("nothing", recv(ends[1], buffer, sizeof buffer, 0));
  result("none", recv(ends[1], buffer, sizeof buffer, MSG_DONTWAIT));
  struct iovec parts[2] = {{"ab", 2}, {"cd", 2}};
  result("writev", writev(ends[1], parts, 2));
  struct iovec places[2] = {{buffer, 1}, {buffer + 10, 8}};
  result("readv", readv(ends[0], places, 2));
  printf("%.1s %.3s\n", buffer, buffer + 10);
  static char big[600000];
  result("too large", send(ends[0], big, sizeof big, MSG_DONTWAIT));
  result("large", send(ends[0], big, 100000, MSG_DONTWAIT));
  result("large", recv(ends[1], big, sizeof big, 0));
  result("bad address", send(ends[0], (void *)8, 4, 0));
  send(ends[0], "lost", 4, 0);
  result("bad address", recv(ends[1], (void *)8, 4, 0));
  result("lost", recv(ends[1], buffer, 4, MSG_DONTWAIT));
  pthread_t thread;
  pthread_create(&thread, NULL, send_later, (void *)(intptr_t)ends[0]);
  result("waited", recv(ends[1], buffer, 16, 0));
  pthread_join(thread, NULL);
  struct mmsghdr several[3] = {{{.msg_iov = &parts[0], .msg_iovlen = 1}}, {{.msg_iov = parts, .msg_iovlen = 2}},
    {{.msg_iov = &parts[1], .msg_iovlen = 1}}};
  result("sendmmsg", sendmmsg(ends[0], several, 3, 0));
  printf("%u %u %u\n", several[0].msg_len, several[1].msg_len, several[2].msg_len);
  struct iovec into[3] = {{buffer, 8}, {buffer + 8, 8}, {buffer + 16, 8}};
  for (int i = 0; i < 3; i++) several[i] = (struct mmsghdr){{.msg_iov = &into[i], .msg_iovlen = 1}};
  result("recvmmsg", recvmmsg(ends[1], several, 2, 0, NULL));
  result("recvmmsg", recvmmsg(ends[1], several, 3, MSG_WAITFORONE, NULL));
  result("recvmmsg", recvmmsg(ends[1], several, 3, MSG_DONTWAIT, NULL));
  send(ends[0], "x", 1, 0);
  result("recvmmsg", recvmmsg(ends[1], several, 3, MSG_DONTWAIT, &(struct timespec){1, 0}));
  shutdown(ends[0], SHUT_WR);
  show_poll("closed for writing", ends[0]);
  show_poll("closed for reading", ends[1]);
  result("end", recv(ends[1], buffer, 4, MSG_DONTWAIT));
  result("write after the end", send(ends[0], "x", 1, 0));
  close(ends[0]);
  show_poll("closed", ends[1]);
  result("send to nobody", send(ends[1], "x", 1, 0));
  result("send to nobody", send(ends[1], "x", 1, 0));
  close(ends[1]);
  pair(type, ends);
  send(ends[0], "x", 1, 0);
  close(ends[1]);
  show_poll("reset", ends[0]);
  result("reset", recv(ends[0], buffer, 1, MSG_DONTWAIT));
  result("then", recv(ends[0], buffer, 1, MSG_DONTWAIT));
  close(ends[0]);
}

static void names(void) {
  struct sockaddr_un address;
  socklen_t length;
  int one = need("socket", socket(AF_UNIX, SOCK_STREAM, 0)), two = need("socket", socket(AF_UNIX, SOCK_STREAM, 0));
  length = path_address(&address, "socket-file");
  done("other family", bind(one, &(struct sockaddr){.sa_family = AF_INET}, 16));
  done("short", bind(one, (struct sockaddr *)&address, 1));
  done("negative", bind(one, (struct sockaddr *)&address, -1));
  done("long", bind(one, (struct sockaddr *)&address, 200));
  done("bad address", bind(one, (void *)8, 16));
  done("connect, nothing there", connect(two, (struct sockaddr *)&address, length));
  umask(027);
  done("bind", bind(one, (struct sockaddr *)&address, length));
  umask(022);
  show_names(one);
  struct stat status;
  stat("socket-file", &status);
  printf("mode %o size %ld\n", status.st_mode, (long)status.st_size);
  result("open", open("socket-file", O_RDWR));
  done("bind again", bind(one, (struct sockaddr *)&address, length));
  done("bind another", bind(two, (struct sockaddr *)&address, length));
  done("connect, not listening", connect(two, (struct sockaddr *)&address, length));
  create_file("ordinary", "x");
  length = path_address(&address, "ordinary");
  done("bind to a file", bind(two, (struct sockaddr *)&address, length));
  done("connect to a file", connect(two, (struct sockaddr *)&address, length));
  length = path_address(&address, "missing/socket");
  done("bind nowhere", bind(two, (struct sockaddr *)&address, length));
  length = path_address(&address, "ordinary/socket");
  done("bind in a file", bind(two, (struct sockaddr *)&address, length));
  done("mknod", mknod("made-socket", S_IFSOCK | 0644, 0));
  length = path_address(&address, "made-socket");
  done("connect to a made one", connect(two, (struct sockaddr *)&address, length));
  done("listen", listen(one, 1));
  printf("accepts %d\n", option(one, SO_ACCEPTCONN));
  show_poll("listening", one);
  result("send", send(one, "x", 1, MSG_NOSIGNAL));
  result("receive", recv(one, &address, 1, MSG_DONTWAIT));
  length = path_address(&address, "socket-file");
  int packet = socket(AF_UNIX, SOCK_DGRAM, 0);
  done("other kind", connect(packet, (struct sockaddr *)&address, length));
  close(packet);
  // The name of the file may change.
  rename("socket-file", "renamed");
  done("connect to the old name", connect(two, (struct sockaddr *)&address, length));
  length = path_address(&address, "renamed");
  done("connect to the new name", connect(two, (struct sockaddr *)&address, length - 1));
  done("connect again", connect(two, (struct sockaddr *)&address, length));
  done("connect the listener", connect(one, (struct sockaddr *)&address, length));
  show_poll("connected", two);
  show_poll("to be accepted", one);
  show_names(two);
  result("before it is accepted", send(two, "early", 5, 0));
  int third = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), fourth = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  done("second connection", connect(third, (struct sockaddr *)&address, length));
  done("third connection", connect(fourth, (struct sockaddr *)&address, length));
  struct sockaddr_un from;
  length = sizeof from;
  memset(&from, 0x55, sizeof from);
  int accepted = accept4(one, (struct sockaddr *)&from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  check("accepted", accepted >= 0);
  show_address("from", &from, length);
  printf("flags %#x %d\n", fcntl(accepted, F_GETFL), fcntl(accepted, F_GETFD));
  show_names(accepted);
  char buffer[16];
  result("early", recv(accepted, buffer, 16, 0));
  struct ucred peer;
  length = sizeof peer;
  getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &length);
  printf("%d: %d %d\n", length, peer.pid == getpid(), peer.uid == getuid());
  getsockopt(two, SOL_SOCKET, SO_PEERCRED, &peer, &length);
  printf("%d: %d %d\n", length, peer.pid == getpid(), peer.uid == getuid());
  result("accept flags", accept4(one, NULL, NULL, 1));
  unlink("renamed");
  length = path_address(&address, "renamed");
  done("connect to the unlinked one", connect(fourth, (struct sockaddr *)&address, length));
  // Who was not accepted is reset when the listener closes.
  close(one);
  show_poll("listener closed", third);
  result("reset", recv(third, buffer, 1, 0));
  result("then", recv(third, buffer, 1, 0));
  result("the accepted one stays", send(two, "x", 1, 0));
  result("the accepted one stays", recv(accepted, buffer, 1, 0));
  close(two);
  close(third);
  close(fourth);
  close(accepted);

  one = socket(AF_UNIX, SOCK_STREAM, 0);
  two = socket(AF_UNIX, SOCK_DGRAM, 0);
  third = socket(AF_UNIX, SOCK_STREAM, 0);
  length = abstract_address(&address, "vorteil test name");
  done("abstract", bind(one, (struct sockaddr *)&address, length));
  show_names(one);
  done("the same of another kind", bind(two, (struct sockaddr *)&address, length));
  done("the same", bind(third, (struct sockaddr *)&address, length));
  listen(one, 5);
  done("connect", connect(third, (struct sockaddr *)&address, length));
  fourth = socket(AF_UNIX, SOCK_STREAM, 0);
  done("other length", connect(fourth, (struct sockaddr *)&address, length + 1));
  close(one);
  done("closed", connect(fourth, (struct sockaddr *)&address, length));
  done("free again", bind(fourth, (struct sockaddr *)&address, length));
  close(two);
  close(third);
  close(fourth);
  one = socket(AF_UNIX, SOCK_STREAM, 0);
  done("automatic", bind(one, &(struct sockaddr){.sa_family = AF_UNIX}, 2));
  length = sizeof address;
  getsockname(one, (struct sockaddr *)&address, &length);
  printf("length %d, %d\n", length, address.sun_path[0]);
  done("automatic again", bind(one, &(struct sockaddr){.sa_family = AF_UNIX}, 2));
  close(one);
}

static int bound(int type, const char *path) {
  struct sockaddr_un address;
  int one = need("socket", socket(AF_UNIX, type, 0));
  socklen_t length = path_address(&address, path);
  need("bind", bind(one, (struct sockaddr *)&address, length));
  return one;
}

static void datagrams(void) {
  int a = bound(SOCK_DGRAM, "a"), b = bound(SOCK_DGRAM, "b"), c = bound(SOCK_DGRAM, "c");
  struct sockaddr_un address, from;
  socklen_t length = path_address(&address, "b"), from_length = sizeof from;
  char buffer[16] = "";
  result("nowhere", send(a, "x", 1, 0));
  result("sendto", sendto(a, "hello", 5, 0, (struct sockaddr *)&address, length));
  result("recvfrom", recvfrom(b, buffer, 16, 0, (struct sockaddr *)&from, &from_length));
  show_address("from", &from, from_length);
  result("reply", sendto(b, "back", 4, 0, (struct sockaddr *)&from, from_length));
  from_length = 5;
  result("recvfrom", recvfrom(a, buffer, 16, 0, (struct sockaddr *)&from, &from_length));
  printf("length %d\n", from_length);
  int unnamed = socket(AF_UNIX, SOCK_DGRAM, 0);
  sendto(unnamed, "anonymous", 9, 0, (struct sockaddr *)&address, length);
  from_length = sizeof from;
  result("anonymous", recvfrom(b, buffer, 16, 0, (struct sockaddr *)&from, &from_length));
  printf("length %d\n", from_length);
  done("connect", connect(a, (struct sockaddr *)&address, length));
  show_names(a);
  result("connected", send(a, "x", 1, 0));
  result("connected", recv(b, buffer, 16, 0));
  path_address(&address, "a");
  done("connect back", connect(b, (struct sockaddr *)&address, length));
  result("not for others", sendto(c, "x", 1, 0, (struct sockaddr *)&address, length) == -1 ? 0 : 1);
  path_address(&address, "b");
  result("not for others", sendto(c, "x", 1, 0, (struct sockaddr *)&address, length));
  done("not for others", connect(c, (struct sockaddr *)&address, length));
  done("disconnect", connect(b, &(struct sockaddr){.sa_family = AF_UNSPEC}, 2));
  result("now", sendto(c, "x", 1, 0, (struct sockaddr *)&address, length));
  result("now", recv(b, buffer, 16, 0));
  // As many as fit.
  int sent = 0;
  while (sendto(c, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&address, length) == 1) sent++;
  result("full", -1);
  check("some", sent >= 10);
  done("connect", connect(c, (struct sockaddr *)&address, length));
  show_poll("full", c);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLOUT};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c, &event);
  number("room", epoll_wait(epoll, &event, 1, 0));
  recv(b, buffer, 16, 0);
  number("room", epoll_wait(epoll, &event, 1, 0));
  show_poll("room", c);
  close(epoll);
  while (recv(b, buffer, 16, MSG_DONTWAIT) == 1) {}
  close(b);
  result("closed", send(c, "x", 1, 0));
  result("closed", send(c, "x", 1, 0));
  result("closed", sendto(a, "x", 1, 0, (struct sockaddr *)&address, length));
  path_address(&address, "missing");
  result("missing", sendto(a, "x", 1, 0, (struct sockaddr *)&address, length + 6));
  int packets = bound(SOCK_SEQPACKET, "p");
  path_address(&address, "p");
  result("other kind", sendto(a, "x", 1, 0, (struct sockaddr *)&address, length));
  result("accept", accept(a, NULL, NULL));
  listen(packets, 2);
  int client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  done("connect", connect(client, (struct sockaddr *)&address, length));
  int accepted = accept(packets, NULL, NULL);
  result("send", send(client, "packet", 6, 0));
  result("receive", recv(accepted, buffer, 16, 0));
  result("sendto", sendto(client, "packet", 6, 0, (struct sockaddr *)&address, length));
  close(client);
  result("queued", recv(accepted, buffer, 16, 0));
  result("end", recv(accepted, buffer, 16, 0));
  result("send", send(accepted, "x", 1, 0));
  close(accepted);
  close(packets);
  close(a);
  close(c);
  close(unnamed);
}

static long send_files(int descriptor, int count, const int *files) {
  char control[CMSG_SPACE(300 * sizeof(int))] = {0};
  struct iovec part = {"f", 1};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
    .msg_controllen = CMSG_SPACE(count * sizeof(int))};
  struct cmsghdr *message = CMSG_FIRSTHDR(&header);
  message->cmsg_len = CMSG_LEN(count * sizeof(int));
  message->cmsg_level = SOL_SOCKET;
  message->cmsg_type = SCM_RIGHTS;
  memcpy(CMSG_DATA(message), files, count * sizeof(int));
  return sendmsg(descriptor, &header, 0);
}

// Shows what came, and returns the first descriptor.
static int receive_control(int descriptor, size_t space, int flags) {
  char control[1024], data[64];
  memset(control, 0x55, sizeof control);
  struct iovec part = {data, sizeof data};
  struct sockaddr_un name;
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = space,
    .msg_name = &name, .msg_namelen = sizeof name};
  int first = -1;
  result("recvmsg", recvmsg(descriptor, &header, flags));
  printf("flags %#x, control %zu, name %d\n", header.msg_flags, (size_t)header.msg_controllen, header.msg_namelen);
  for (struct cmsghdr *m = CMSG_FIRSTHDR(&header); m; m = CMSG_NXTHDR(&header, m)) {
    printf("  level %d type %d length %zu\n", m->cmsg_level, m->cmsg_type, (size_t)m->cmsg_len);
    if (m->cmsg_type == SCM_RIGHTS) {
      int files[256], count = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      memcpy(files, CMSG_DATA(m), count * sizeof(int));
      printf("  descriptor flags %d\n", fcntl(files[0], F_GETFD));
      first = files[0];
      for (int i = 1; i < count; i++) close(files[i]);
    } else if (m->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
      struct ucred who;
      memcpy(&who, CMSG_DATA(m), sizeof who);
      printf("  own process %d, user %d, group %d\n", who.pid == getpid(), who.uid == getuid(), who.gid == getgid());
    }
  }
  return first;
}

static void descriptors(void) {
  int ends[2], pipes[2];
  char buffer[16] = "";
  for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
    if (type == SOCK_RAW || type == SOCK_RDM) continue;
    pair(type, ends);
    need("pipe", pipe(pipes));
    result("send", send_files(ends[0], 2, pipes));
    close(pipes[0]);
    int received = receive_control(ends[1], 256, 0);
    write(pipes[1], "through", 7);
    result("read", read(received, buffer, 16));
    close(received);
    result("bad descriptor", send_files(ends[0], 1, &(int){1000}));
    int many[254];
    for (int i = 0; i < 254; i++) many[i] = pipes[1];
    result("too many", send_files(ends[0], 254, many));
    result("many", send_files(ends[0], 253, many));
    received = receive_control(ends[1], 1024, MSG_CMSG_CLOEXEC);
    close(received);
    int next = dup(0);
    close(next);
    result("room for one", send_files(ends[0], 3, many));
    close(receive_control(ends[1], CMSG_LEN(sizeof(int)), 0));
    result("no room", send_files(ends[0], 3, many));
    receive_control(ends[1], 10, 0);
    result("no control", send_files(ends[0], 3, many));
    receive_control(ends[1], 0, 0);
    send_files(ends[0], 1, many);
    result("by read", read(ends[1], buffer, 16));
    check("none was left open", dup(0) == next);
    close(next);
    send_files(ends[0], 1, many);
    close(receive_control(ends[1], 256, MSG_PEEK));
    close(receive_control(ends[1], 256, 0));
    // A stream joins bytes, but not beyond descriptors.
    send(ends[0], "ab", 2, 0);
    send_files(ends[0], 1, many);
    send(ends[0], "cd", 2, 0);
    close(receive_control(ends[1], 256, 0));
    result("the rest", recv(ends[1], buffer, 16, MSG_DONTWAIT));
    while (recv(ends[1], buffer, 16, MSG_DONTWAIT) > 0) {}
    // Closed unread: what was under way closes too.
    int other[2];
    need("pipe", pipe(other));
    send_files(ends[0], 1, &other[1]);
    close(other[1]);
    struct pollfd entry = {.fd = other[0], .events = POLLIN};
    printf("under way: %d\n", poll(&entry, 1, 0));
    close(ends[1]);
    printf("closed: %d %#x\n", poll(&entry, 1, 0), entry.revents);
    close(ends[0]);
    close(other[0]);
    close(pipes[1]);
  }
  // A socket in a socket in a socket.
  int outer[2], inner[2];
  pair(SOCK_STREAM, outer);
  pair(SOCK_STREAM, inner);
  need("pipe", pipe(pipes));
  send_files(inner[0], 1, &pipes[1]);
  close(pipes[1]);
  result("send", send_files(outer[0], 1, &inner[1]));
  close(inner[1]);
  int received = receive_control(outer[1], 64, 0);
  int innermost = receive_control(received, 64, 0);
  result("write", write(innermost, "deep", 4));
  result("read", read(pipes[0], buffer, 16));
  close(innermost);
  close(received);
  close(inner[0]);
  close(outer[0]);
  close(outer[1]);
  close(pipes[0]);
}

static void credentials(void) {
  int ends[2], on = 1;
  pair(SOCK_STREAM, ends);
  setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, 4);
  send(ends[0], "x", 1, 0);
  receive_control(ends[1], 256, 0);
  send(ends[0], "x", 1, 0);
  receive_control(ends[1], 0, 0);
  send(ends[0], "x", 1, 0);
  receive_control(ends[1], 20, 0);
  send_files(ends[0], 1, &(int){0});
  close(receive_control(ends[1], 256, 0));
  char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
  struct iovec part = {"c", 1};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *message = CMSG_FIRSTHDR(&header);
  message->cmsg_len = CMSG_LEN(sizeof(struct ucred));
  message->cmsg_level = SOL_SOCKET;
  message->cmsg_type = SCM_CREDENTIALS;
  struct ucred who = {getpid(), getuid(), getgid()};
  memcpy(CMSG_DATA(message), &who, sizeof who);
  result("own", sendmsg(ends[0], &header, 0));
  receive_control(ends[1], 256, 0);
  message->cmsg_type = 99;
  result("unknown", sendmsg(ends[0], &header, 0));
  message->cmsg_level = 99;
  result("other level", sendmsg(ends[0], &header, 0));
  message->cmsg_len = 4;
  result("short", sendmsg(ends[0], &header, 0));
  message->cmsg_len = 400;
  result("long", sendmsg(ends[0], &header, 0));
  header.msg_control = (void *)8;
  result("bad address", sendmsg(ends[0], &header, 0));
  header.msg_iovlen = 2000;
  result("many parts", sendmsg(ends[0], &header, 0));
  result("bad header", sendmsg(ends[0], (void *)8, 0));
  result("bad header", recvmsg(ends[0], (void *)8, MSG_DONTWAIT));
  close(ends[0]);
  close(ends[1]);
}

static void *accept_later(void *argument) {
  usleep(20000);
  return (void *)(intptr_t)accept((int)(intptr_t)argument, NULL, NULL);
}

static void *connect_later(void *argument) {
  struct sockaddr_un address;
  usleep(20000);
  socklen_t length = path_address(&address, argument);
  int one = socket(AF_UNIX, SOCK_STREAM, 0);
  connect(one, (struct sockaddr *)&address, length);
  send(one, "connected", 9, 0);
  return (void *)(intptr_t)one;
}

static void waiting(void) {
  int listener = bound(SOCK_STREAM, "waiting");
  listen(listener, 0);
  pthread_t thread;
  void *other;
  pthread_create(&thread, NULL, connect_later, "waiting");
  int accepted = accept(listener, NULL, NULL);
  check("accepted", accepted >= 0);
  pthread_join(thread, &other);
  char buffer[16];
  result("received", recv(accepted, buffer, 16, 0));
  close(accepted);
  close((int)(intptr_t)other);
  struct sockaddr_un address;
  socklen_t length = path_address(&address, "waiting");
  int one = socket(AF_UNIX, SOCK_STREAM, 0), two = socket(AF_UNIX, SOCK_STREAM, 0);
  done("connect", connect(one, (struct sockaddr *)&address, length));
  pthread_create(&thread, NULL, accept_later, (void *)(intptr_t)listener);
  done("connect after waiting", connect(two, (struct sockaddr *)&address, length));
  pthread_join(thread, &other);
  struct timeval time = {0, 20000};
  int three = socket(AF_UNIX, SOCK_STREAM, 0);
  setsockopt(three, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  done("connect in time", connect(three, (struct sockaddr *)&address, length));
  setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  close(accept(listener, NULL, NULL));
  result("accept in time", accept(listener, NULL, NULL));
}

// The line of /proc/net/unix for a socket, without the address in the kernel and the counts, which are nobody's business.
static void show_line(const char *what, int descriptor) {
  struct stat status;
  fstat(descriptor, &status);
  FILE *file = fopen("/proc/net/unix", "r");
  char line[300], path[200];
  while (fgets(line, sizeof line, file)) {
    unsigned flags, type, state;
    unsigned long inode;
    path[0] = 0;
    if (sscanf(line, "%*[^:]: %*x %*x %x %x %x %lu %199s", &flags, &type, &state, &inode, path) < 4) continue;
    if (inode == status.st_ino) printf("%s: flags %x type %u state %u %s\n", what, flags, type, state, path);
  }
  fclose(file);
}

static void listed(void) {
  struct sockaddr_un address;
  int listener = bound(SOCK_STREAM, "listed");
  show_line("bound", listener);
  done("listen", listen(listener, 5));
  show_line("listening", listener);
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  show_line("unbound", client);
  done("connect", connect(client, (struct sockaddr *)&address, path_address(&address, "listed")));
  show_line("connected", client);
  int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
  done("bind", bind(datagrams, (struct sockaddr *)&address, abstract_address(&address, "vorteil-listed")));
  show_line("abstract", datagrams);
  int copy = dup(datagrams);
  show_line("once", copy);
  int ends[2];
  pair(SOCK_SEQPACKET, ends);
  show_line("pair", ends[1]);
  close(copy), close(datagrams), close(client), close(listener), close(ends[0]), close(ends[1]);
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  making();
  options();
  streams();
  packets(SOCK_DGRAM);
  packets(SOCK_SEQPACKET);
  names();
  datagrams();
  descriptors();
  credentials();
  waiting();
  listed();
  return finish();
}
