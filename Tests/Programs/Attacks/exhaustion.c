// SPDX-License-Identifier: Apache-2.0
// Takes all there is of what its argument names. The program may be refused or killed; the kernel must live on.
#include "../kernel-addresses.h"
#include <signal.h>

static void memory(void) {
  for (;;) {
    char *pages = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return;
    for (size_t i = 0; i < 1 << 20; i += page_size) pages[i] = 1;
  }
}

static void mappings(void) {
  for (int i = 0;; i++)
    if (mmap(NULL, page_size, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) return;
}

static void address_space(void) {
  for (size_t size = 1UL << 46; size >= page_size;)
    if (mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED) size /= 2;
}

static void fill_file(const char *path) {
  static char block[1 << 16];
  memset(block, 'f', sizeof block);
  int file = open(path, O_CREAT | O_WRONLY, 0644);
  while (write(file, block, sizeof block) > 0) {}
  outcome("a write", -1);
}

static void file_in_memory(void) { fill_file("/tmp/file"); }
static void file_on_disk(void) { fill_file("/file"); }

static void names(void) {
  char name[64];
  for (int i = 0; i < 1000000; i++) {
    snprintf(name, sizeof name, "/tmp/name-%d", i);
    int file = open(name, O_CREAT | O_WRONLY, 0644);
    if (file == -1) return;
    close(file);
  }
}

static void descriptors(void) {
  while (open("/dev/null", O_RDONLY) != -1) {}
  outcome("open", -1);
}

static void pipes(void) {
  int ends[2];
  static char block[1 << 16];
  while (pipe2(ends, O_NONBLOCK) == 0) write(ends[1], block, sizeof block);
}

static void queued_signals(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  for (int i = 0; i < 3000000; i++)
    if (sigqueue(getpid(), SIGRTMIN + i % 20, (union sigval){.sival_int = i}) == -1) return;
}

int main(int argc, char **argv) {
  refuse_to_run_on_linux();
#define CASE(name) {#name, name}
  const struct { const char *name; void (*attack)(void); } cases[] = {
      CASE(memory), CASE(mappings), CASE(address_space), CASE(file_in_memory), CASE(file_on_disk), CASE(names),
      CASE(descriptors), CASE(pipes), CASE(queued_signals),
  };
  for (size_t i = 0; argc == 2 && i < sizeof cases / sizeof *cases; i++)
    if (strcmp(cases[i].name, argv[1]) == 0) {
      printf("attack: %s\n", argv[1]);
      cases[i].attack();
      puts("the program goes on");
      return 0;
    }
  return 98;
}
