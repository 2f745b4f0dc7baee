// SPDX-License-Identifier: Apache-2.0
// As deep as a program can drive a kernel: directories, links, parts of a transfer, handlers, mappings, descriptors.
#include "../support.h"
#include <signal.h>
#include <sys/uio.h>

static void directories(void) {
  int start = open(".", O_RDONLY | O_DIRECTORY), levels = 0;
  char name[256];
  memset(name, 'd', 255);
  name[255] = 0;
  while (levels < 60 && mkdir(name, 0755) == 0 && chdir(name) == 0) levels++;
  number("levels of names of 255 bytes", levels);
  char path[4096];
  number("getcwd of a path that is too long", syscall(SYS_getcwd, path, sizeof path));
  outcome("a file at the bottom", close(open("file", O_CREAT | O_WRONLY, 0644)));
  unlink("file");
  for (int i = 0; i < levels; i++) chdir(".."), rmdir(name);
  fchdir(start);
  outcome("it is all gone", access(name, F_OK));

  mkdir("a", 0755);
  size_t length = 0;
  while (length + 5 < sizeof path) memcpy(path + length, "a/../", 5), length += 5;
  path[length] = 0;
  outcome("a path up and down 800 times", access(path, F_OK));
  for (int i = 0; i + 2 < (int)sizeof path; i += 2) memcpy(path + i, "./", 3);
  outcome("a path of 2000 dots", access(path, F_OK));
  // Each link is a path of links: 2^39 components if nobody counted them.
  char text[64], link[16];
  symlink("a", "link-0");
  for (int i = 1; i < 40; i++) {
    snprintf(text, sizeof text, "link-%d/../link-%d", i - 1, i - 1);
    snprintf(link, sizeof link, "link-%d", i);
    symlink(text, link);
  }
  outcome("links that multiply, 3 deep", access("link-3", F_OK));
  outcome("links that multiply, 39 deep", access("link-39", F_OK));
}

static void transfers(void) {
  int file = open("file", O_CREAT | O_RDWR | O_TRUNC, 0644);
  static char bytes[1024];
  static struct iovec parts[1024];
  for (int i = 0; i < 1024; i++) parts[i] = (struct iovec){bytes + i, 1};
  for (int i = 0; i < 1024; i++) bytes[i] = (char)i;
  number("writev of 1024 parts", writev(file, parts, 1024));
  memset(bytes, 0, sizeof bytes);
  number("preadv of 1024 parts", preadv(file, parts, 1024, 0));
  bool right = true;
  for (int i = 0; i < 1024; i++) right = right && bytes[i] == (char)i;
  check("every part is right", right);
  close(file);
}

static int depth;
static void raise_deeper(int signal) {
  if (++depth < 1000) raise(signal);
}

static void handlers(void) {
  struct sigaction action = {.sa_handler = raise_deeper, .sa_flags = SA_NODEFER};
  sigemptyset(&action.sa_mask);
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  number("handlers within handlers", depth);
}

static void mappings(void) {
  enum { count = 8000 };
  char *area = map_pages(2 * count, PROT_READ);
  int changed = 0;
  for (int i = 0; i < count; i++) changed += mprotect(area + 2L * i * page_size, page_size, PROT_READ | PROT_WRITE) == 0;
  number("pages with a protection of their own", changed);
  for (int i = 0; i < count; i++) area[2L * i * page_size] = 1;
  int removed = 0;
  for (int i = 0; i < count; i += 2) removed += munmap(area + 2L * i * page_size, page_size) == 0;
  number("holes", removed);
  outcome("all at once", munmap(area, 2L * count * page_size));
}

static void descriptors(void) {
  int opened = 0;
  while (opened < 500 && open("file", O_RDONLY) != -1) opened++;
  number("open files", opened);
  outcome("close them", syscall(436, 3, ~0U, 0));
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  directories();
  transfers();
  handlers();
  mappings();
  descriptors();
  return finish();
}
