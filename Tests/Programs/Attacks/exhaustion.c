// SPDX-License-Identifier: Apache-2.0
// Takes all there is of what its argument names. The program may be refused or killed; the kernel must live on.
#include "../kernel-addresses.h"
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

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

static char *reserve(size_t size, int protection) {
  char *area = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  need("mmap", area == MAP_FAILED ? -1 : 0);
  return area;
}

enum { many = 150000 };

static void holes(void) {
  char *area = reserve(2L * many * page_size, PROT_NONE);
  for (long i = 0; i < many; i++)
    if (munmap(area + 2 * i * page_size, page_size) == -1) return outcome("munmap", -1);
}

static void locked_pages(void) {
  char *area = reserve(2L * many * page_size, PROT_NONE);
  for (long i = 0; i < many; i++)
    if (mlock(area + 2 * i * page_size, page_size) == -1) return outcome("mlock", -1);
}

// Memory that is only read costs nothing but its page tables.
static void page_tables(void) {
  const size_t size = 1UL << 40;
  volatile char *area = reserve(size, PROT_READ);
  for (size_t i = 0; i < size; i += 2UL << 20) (void)area[i];
}

static void moved_page_tables(void) {
  const size_t size = 1UL << 40;
  char *area = reserve(size, PROT_READ);
  for (size_t i = 0; i < size / 32; i += 2UL << 20) (void)*(volatile char *)(area + i);
  for (int i = 0; i < 3; i++) {
    // To a place where nothing was, not even this program.
    char *moved = mremap(area, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, reserve(size, PROT_NONE));
    outcome("mremap", moved == MAP_FAILED ? -1 : 0);
    if (moved != MAP_FAILED) area = moved;
  }
  pipes();
}

static void populated(void) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE;
  outcome("mmap", mmap(NULL, 1UL << 40, PROT_READ, flags, -1, 0) == MAP_FAILED ? -1 : 0);
  pipes();
}

static void sparse_file(void) {
  int file = open("/dev/shm/sparse", O_CREAT | O_RDWR, 0600);
  for (long i = 0; i < 100000; i++)
    if (pwrite(file, "x", 1, i * 0x123456789abcdL & 0x3fffffffffffL) != 1) return outcome("pwrite", -1);
}

// So far below that no path can name them, and so long that no array can hold their path.
static void deep_directories(void) {
  char name[256], text[8192];
  memset(name, 'd', 255);
  name[255] = 0;
  chdir("/dev/shm");
  for (int i = 0; i < 12000 && mkdir(name, 0700) == 0 && chdir(name) == 0; i++) {}
  outcome("getcwd", syscall(SYS_getcwd, text, sizeof text));
  int file = open("file", O_CREAT | O_RDWR, 0700);
  ftruncate(file, page_size);
  mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, file, 0);
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  outcome("readlink", readlink(name, text, sizeof text));
  int maps = open("/proc/self/maps", O_RDONLY);
  while (read(maps, text, sizeof text) > 0) {}
}

// A chain of removed directories that only the working directory holds goes at once.
static void removed_directories(void) {
  char path[4096];
  chdir("/dev/shm");
  for (int i = 0; i < 1300 && mkdir("d", 0700) == 0 && chdir("d") == 0; i++) {}
  for (int i = 1; i <= 1300; i++) {
    for (int up = 0; up < i; up++) memcpy(path + 3 * up, "../", 3);
    strcpy(path + 3 * i, "d");
    need("rmdir", rmdir(path));
  }
  outcome("chdir", chdir("/"));
}

// Nearly all memory holds files, which the kernel cannot take back.
static void fill_memory(void) {
  static char block[1 << 16];
  for (const char *const *path = (const char *const[]){"/tmp/full", "/dev/shm/full", NULL}; *path; path++) {
    int file = open(*path, O_CREAT | O_WRONLY, 0600);
    while (write(file, block, sizeof block) > 0) {}
    while (write(file, block, page_size) > 0) {}
  }
  int ends[2];
  for (int i = 0; i < 300 && pipe2(ends, O_NONBLOCK) == 0; i++)
    while (write(ends[1], block, sizeof block) > 0) {}
}

static void mappings_when_full(void) {
  fill_memory();
  mappings();
}

static void protections_when_full(void) {
  char *area = reserve(2L * many * page_size, PROT_NONE);
  fill_memory();
  for (long i = 0; i < many; i++)
    if (mprotect(area + 2 * i * page_size, page_size, PROT_READ) == -1) return outcome("mprotect", -1);
}

static void descriptors_when_full(void) {
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){1 << 20, 1 << 20});
  fill_memory();
  outcome("dup2", dup2(0, (1 << 20) - 1));
  descriptors();
}

static void arguments_when_full(void) {
  static char *arguments[200001];
  for (int i = 0; i < 200000; i++) arguments[i] = "a";
  setrlimit(RLIMIT_STACK, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
  fill_memory();
  outcome("execve", execve("/proc/self/exe", arguments, arguments));
}

static void waiting_when_full(void) {
  static struct pollfd entries[65536];
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){1 << 20, 1 << 20});
  memset(entries, 1, sizeof entries);
  fill_memory();
  outcome("poll", poll(entries, 65536, 0));
}

static void locks_when_full(void) {
  int file = open("/tmp/locked", O_CREAT | O_RDWR, 0600);
  fill_memory();
  for (long i = 0; i < many; i++)
    if (fcntl(file, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1}) == -1)
      return outcome("fcntl", -1);
}

int main(int argc, char **argv) {
  refuse_to_run_on_linux();
#define CASE(name) {#name, name}
  const struct { const char *name; void (*attack)(void); } cases[] = {
      CASE(memory), CASE(mappings), CASE(address_space), CASE(file_in_memory), CASE(file_on_disk), CASE(names),
      CASE(descriptors), CASE(pipes), CASE(queued_signals), CASE(holes), CASE(locked_pages), CASE(page_tables),
      CASE(moved_page_tables), CASE(populated), CASE(sparse_file), CASE(deep_directories), CASE(removed_directories),
      CASE(mappings_when_full), CASE(protections_when_full), CASE(descriptors_when_full), CASE(arguments_when_full),
      CASE(waiting_when_full), CASE(locks_when_full),
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
